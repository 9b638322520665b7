"""Where the replicas of a component run."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from sdp_operator.api.v1alpha1.base import LABEL_KEY, LABEL_VALUE, MAX_LABEL_KEY, Model, matching, rules

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

    accelerator: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=63,
                json_schema_extra=matching(
                    LABEL_VALUE, "gpu.accelerator is the value of a node's label: write one such as nvidia-l4"
                ),
            ),
        ]
        | None
    ) = None
    """The type of GPU, such as nvidia-tesla-t4 or nvidia-l4: replicas run on nodes whose label
    cloud.google.com/gke-accelerator says so (or the label that the operator's administrator has chosen, such as
    nvidia.com/gpu.product). Left out, any type will do."""

    driver_check: DriverCheck | None = None
    """What is done about nodes whose GPUs or drivers are not ready, for this component: see spec.driverCheck, which
    holds when this is left out."""


class Toleration(Model):
    """A node's taint that replicas tolerate, as in a pod."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.key) && self.key != '' || self.operator == 'Exists'",
                "a toleration without a key tolerates every taint: set key, or set operator to Exists",
            ),
            (
                "!has(self.value) || self.value == '' || self.operator == 'Equal'",
                "a toleration with the operator Exists tolerates any value: remove value, or set operator to Equal",
            ),
            (
                "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
                "tolerationSeconds is for the effect NoExecute only: set effect to it, or remove tolerationSeconds",
            ),
        )
    )

    key: (
        Annotated[
            str,
            Field(
                max_length=MAX_LABEL_KEY,
                json_schema_extra=rules(
                    (
                        f"self == '' || self.matches(r'{LABEL_KEY}')",
                        "a taint's key is like that of a label: write one such as team or example.com/team",
                    )
                ),
            ),
        ]
        | None
    ) = None
    """The taint's key; left out together with the operator Exists, every taint is tolerated."""

    operator: Literal["Exists", "Equal"] = "Equal"
    """Equal compares the value, Exists tolerates any."""

    value: (
        Annotated[
            str,
            Field(
                max_length=63,
                json_schema_extra=matching(
                    LABEL_VALUE, "a taint's value is like that of a label: write letters, digits, '-', '_' or '.'"
                ),
            ),
        ]
        | None
    ) = None
    """The taint's value."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; left out, every effect is tolerated."""

    toleration_seconds: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """For how long a NoExecute taint is tolerated; left out, for ever."""
