"""Where the replicas of a component run."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from sdp_operator.api.v1alpha1.base import LABEL_VALUE, Model, rules

DriverCheck = Literal["Enforce", "Warn", "Off"]


class Gpu(Model):
    """The GPUs of each replica."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.accelerator) || self.count > 0",
                "gpu.accelerator needs a gpu.count of at least 1: raise gpu.count or leave gpu.accelerator out",
            )
        )
    )

    count: Annotated[int, Field(ge=0, le=16)] = 1
    """How many GPUs each replica gets, as a limit on nvidia.com/gpu. The toleration for nodes that are tainted
    nvidia.com/gpu is added too."""

    accelerator: Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL_VALUE)] | None = None
    """The type of GPU, such as nvidia-tesla-t4 or nvidia-l4: replicas run on nodes whose label
    cloud.google.com/gke-accelerator says so (or the label that the operator's administrator has chosen, such as
    nvidia.com/gpu.product). Left out, any type will do."""

    driver_check: DriverCheck | None = None
    """What is done about nodes whose GPUs or drivers are not ready, for this component: see spec.driverCheck, which
    holds when this is left out."""


class Toleration(Model):
    """A node's taint that replicas tolerate, as in a pod."""

    key: str | None = None
    """The taint's key; left out together with the operator Exists, every taint is tolerated."""

    operator: Literal["Exists", "Equal"] = "Equal"
    """Equal compares the value, Exists tolerates any."""

    value: str | None = None
    """The taint's value."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; left out, every effect is tolerated."""

    toleration_seconds: int | None = None
    """For how long a NoExecute taint is tolerated; left out, for ever."""
