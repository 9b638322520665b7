"""A pipeline's swaps, as its status tells them."""

from collections.abc import Iterator

from pydantic import ValidationError

from sdp_operator.api.v1alpha1 import SwapRecord
from sdp_operator.cli.errors import MissingError
from sdp_operator.cli.kubectl import RESOURCE, Kubectl
from sdp_operator.objects import KubeObject


def read_pipeline(kubectl: Kubectl, name: str) -> KubeObject:
    """The pipeline of this name.

    Raises:
        MissingError: there is none.
    """
    found = kubectl.find(RESOURCE, name)
    if found is None:
        namespace = kubectl.default_namespace()
        raise MissingError(f"there is no pipeline {namespace}/{name}: see `kubectl get sdpipelines -A`")
    return found


def swaps_of(live: KubeObject) -> Iterator[SwapRecord]:
    """The swaps, the newest first; without those that another version of the operator wrote in another form."""
    for one in live.get("status", {}).get("swaps", []):
        try:
            yield SwapRecord.model_validate(one)
        except ValidationError:
            continue
