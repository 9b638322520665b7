"""How the replicas of a component are spread over nodes."""

from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec, KubernetesObject
from sdp_operator.objects import KubeObject

_PREFER_DIFFERENT_NODES: Final[KubernetesObject] = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    # Replicas that a roll-out ends do not count.
    "matchLabelKeys": ["pod-template-hash"],
}


def spread_constraints(spec: ComponentSpec, selector: dict[str, str]) -> list[KubeObject]:
    """The topology spread constraints of pods that `selector` finds.

    The default holds for a single replica too: otherwise a second one would change the pods' template, and make the
    first one anew.
    """
    constraints = spec.topology_spread_constraints or (_PREFER_DIFFERENT_NODES,)
    return [{"labelSelector": {"matchLabels": selector}, **constraint} for constraint in constraints]
