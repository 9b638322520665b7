"""What a component asks of the cluster's GPUs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class GpuAsk:
    """The GPUs of a component, and where its pods may run.

    Attributes:
        count: GPUs of each replica.
        replicas: how many there are to be.
        accelerator_label: the node label that names the type of a GPU.
        node_selector: what the pod template carries, so with the accelerator's label where one is asked for.
        tolerations: what the pod template carries.
        affinity: what the pod template carries; only its required node affinity is looked at.
        namespace: where the component's pods are.
        own_pods: their names. What these hold counts as free for the component.
        autoscaler_event: the last words of the cluster's autoscaler about these pods.
    """

    count: int
    replicas: int
    accelerator_label: str
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    affinity: Mapping[str, Any] | None = None
    namespace: str = ""
    own_pods: frozenset[str] = frozenset()
    autoscaler_event: str | None = None

    @property
    def accelerator(self) -> str | None:
        """The type of GPU asked for; None if any will do."""
        return self.node_selector.get(self.accelerator_label)

    @property
    def other_labels(self) -> dict[str, str]:
        """What else nodes must carry."""
        return {key: value for key, value in self.node_selector.items() if key != self.accelerator_label}

    @property
    def node_terms(self) -> Sequence[Mapping[str, Any]] | None:
        """The terms of the required node affinity, one of which must match; None if there is none."""
        required = ((self.affinity or {}).get("nodeAffinity") or {}).get(REQUIRED)
        return None if required is None else required.get("nodeSelectorTerms") or ()
