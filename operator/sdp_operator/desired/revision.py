"""The revision of a pod template: a digest that its pods carry, by which they are told from older ones."""

from sdp_operator.desired.digest import digest
from sdp_operator.desired.identity import REVISION
from sdp_operator.objects import KubeObject


def with_revision(template: KubeObject) -> KubeObject:
    """The pod template with its revision among its labels."""
    meta = template["metadata"]
    return {**template, "metadata": {**meta, "labels": {**meta["labels"], REVISION: _digest(template)}}}


def is_whole(template: KubeObject) -> bool:
    """Whether the template still is the one that its revision was made of."""
    return bool(template["metadata"]["labels"].get(REVISION) == _digest(template))


def _digest(template: KubeObject) -> str:
    meta = template["metadata"]
    labels = {key: value for key, value in meta["labels"].items() if key != REVISION}
    return digest({**template, "metadata": {**meta, "labels": labels}})
