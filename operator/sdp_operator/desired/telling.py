"""Which pods are to look at once at a mounted ConfigMap that has changed.

The kubelet does so when the pod changes, and else within a minute or two. So the operator gives the pods an annotation.
"""

from collections.abc import Mapping
from typing import Final

from sdp_operator.api.v1alpha1 import GROUP
from sdp_operator.objects import KubeObject

TOLD: Final = f"{GROUP}/desired"
"""Pod annotation: a digest of what the pod was last told to look at."""


def to_tell(digests: Mapping[str, str], pods: Mapping[str, KubeObject], *, is_news: bool) -> Mapping[str, str]:
    """The pods to tell, by name, with the digest for their annotation.

    Args:
        digests: of what there is to see for each pod, by its name.
        pods: the pods.
        is_news: whether it may have changed since the pods were made. Where it has not, only those need to know that
            were told something else before.
    """
    told = {name: pods[name]["metadata"].get("annotations", {}).get(TOLD) for name in digests}
    return {
        name: digest for name, digest in digests.items() if told[name] != digest and (is_news or told[name] is not None)
    }
