"""What a user may see of the cluster around a pipeline, arranged as the operator has it."""

from typing import Final

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.cli.errors import ForbiddenError, MissingError
from sdp_operator.cli.kubectl import RESOURCE, Kubectl
from sdp_operator.cluster.store import Store
from sdp_operator.desired.identity import INSTANCE, MANAGED_BY, MANAGER
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.objects import Key, KubeObject
from sdp_operator.sharing import references
from sdp_operator.world import World

_CHILDREN: Final = ("deployments", "configmaps", "jobs", "pods")
"""What a pipeline's future depends on."""

_ALIVE: Final = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"


def look(kubectl: Kubectl, pipeline: Pipeline, body: KubeObject) -> tuple[World, list[str]]:
    """What was seen, and what the user may not see, in sentences."""
    store, notes = Store(lambda _key: None, _unheeded), list[str]()
    selector = f"--selector={MANAGED_BY}={MANAGER},{INSTANCE}={pipeline.name}"
    for child in kubectl.objects(_CHILDREN, selector, namespace=pipeline.namespace):
        store.put(child)
    fleet = _fleet(kubectl, store, notes) if any(_asks_for_gpus(pipeline)) else None
    named = references(body["spec"], pipeline.namespace)
    owners = {component: _owner(kubectl, owner) for component, owner in named.items()}
    return World(live=store.live(pipeline), fleet=fleet, owners=owners), notes


def _owner(kubectl: Kubectl, key: Key) -> KubeObject | None:
    """The pipeline that a component is shared from; None for one that is hidden, as the operator has it too."""
    try:
        return kubectl.find(RESOURCE, key.name, namespace=key.namespace)
    except (ForbiddenError, MissingError):
        return None


def _fleet(kubectl: Kubectl, store: Store, notes: list[str]) -> Fleet | None:
    try:
        for node in kubectl.objects(["nodes"]):
            store.put(node)
        for pod in kubectl.objects(["pods"], "--all-namespaces", _ALIVE):
            store.put(pod)
    except ForbiddenError as error:
        notes.append(f"which GPUs are free is unknown, for {error}")
        return None
    return store.fleet


def _asks_for_gpus(pipeline: Pipeline) -> list[bool]:
    return [spec.gpus_per_replica > 0 for spec in pipeline.spec.components.values()]


def _unheeded(*, nodes: bool) -> None:
    """Nobody waits for news here."""
