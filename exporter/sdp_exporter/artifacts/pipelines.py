"""What the pipelines of a cluster use, asked through kubectl and so with the user's own way of signing in."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sdp_exporter.errors import ExportError
from sdp_serving.contract.artifact import ModelUri

_QUESTIONS: Final = (
    ("stablediffusionpipelines.sdpipeline.dev",),
    # The model that a swap would go back to is noted on what the operator has made.
    ("deployments,configmaps", "--selector=app.kubernetes.io/managed-by=sdpipeline-operator"),
)
_SECONDS: Final = 60


class ClusterUnknownError(ExportError):
    """The cluster does not say what it uses."""


@dataclass(frozen=True)
class InUse:
    """The objects of a cluster that name models, each as text."""

    objects: Sequence[str]

    def uses(self, uri: ModelUri) -> bool:
        """Whether an object names both this model and this version of it, in whatever way: it errs on the safe side."""
        # Without the scheme: a bucket is read by https:// too.
        model = re.compile(rf"(?<![\w.-]){re.escape(uri.location)}(?![\w.-])")
        version = re.compile(rf"(?<!\d){uri.version}(?!\d)")
        return any(model.search(text) and version.search(text) for text in self.objects)


def ask_cluster(context: str | None) -> InUse:
    """What the pipelines of all namespaces name, in their spec and status and in what was made of them.

    Args:
        context: the kubeconfig's; None for the current one.

    Raises:
        ClusterUnknownError: if it can't be asked.
    """
    # Locations are looked for as they are written.
    return InUse(
        [json.dumps(one, ensure_ascii=False) for question in _QUESTIONS for one in _objects(question, context)]
    )


def _objects(question: Sequence[str], context: str | None) -> Sequence[object]:
    program = shutil.which("kubectl")
    if program is None:
        raise _unknown("kubectl is not on the PATH")
    choice = [] if context is None else [f"--context={context}"]
    command = [program, *choice, "get", *question, "--all-namespaces", "--output=json"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _unknown(f"it did not answer within {_SECONDS} s") from None
    if run.returncode:
        raise _unknown((run.stderr.strip().splitlines() or ["kubectl failed"])[-1])
    items: Sequence[object] = json.loads(run.stdout)["items"]
    return items


def _unknown(cause: str) -> ClusterUnknownError:
    return ClusterUnknownError(
        f"the cluster can't be asked which versions its pipelines use ({cause}): choose another --context, or say with"
        " --no-cluster that no pipeline uses these models"
    )
