"""What passes between the operator and the pullers that run beside the model servers.

The operator writes a `DesiredModels` into a ConfigMap that is mounted into the component's pods. The puller of each pod
brings it about, and tells how far it is by a `ReplicaReport` over HTTP.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled

DESIRED_FILE: Final = "desired.json"
"""The ConfigMap's key, and the file's name in the pod."""

REPORT_PORT: Final = 8510
REPORT_PATH: Final = "/report"
READY_PATH: Final = "/readyz"
"""Answers 200 once the model that is to answer requests has been proven in this pod."""

ModelNumber = NewType("ModelNumber", int)
"""A model's number in a pod: the name of its folder, and its version in TensorFlow Serving.

It is no artifact's version. TensorFlow Serving sends a request that names no version to the highest one that is loaded,
so a newer model has a LOWER number: it can be loaded and tried in the dark beside the running one, and takes over at
the moment in which that one is removed. No number is ever used twice, for TensorFlow Serving loads none twice.
"""

_LAST_NUMBER: Final = 9_999_999_999_999


def model_number(now: datetime) -> ModelNumber:
    """A number that is lower than all that were made before `now`, to the millisecond."""
    return ModelNumber(_LAST_NUMBER - int(now.timestamp() * 1000))


class NumberedModel(BaseModel):
    """A model that pods are to have."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Annotated[ModelNumber, Field(gt=0)]
    uri: str


class Candidate(NumberedModel):
    """A model that is to take over, if it proves good.

    Attributes:
        step: `Verify` only looks at what lies in storage; `BringIn` also loads it beside the one that serves, and tries
            it with a golden request.
    """

    step: Literal["Verify", "BringIn"]


class PodModels(BaseModel):
    """The models of the pods of one rollout.

    Attributes:
        serving: the one that answers requests. It changes only to one that has been brought in, or back.
        candidate: the one that is to follow.
        previous: the one that answered before and is kept on the disk, to go back to at once.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    serving: NumberedModel
    candidate: Candidate | None = None
    previous: NumberedModel | None = None


class DesiredModels(BaseModel):
    """The content of DESIRED_FILE.

    Attributes:
        rollouts: by the rollout that a pod was made for (`--rollout`), since old and new pods run side by side.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    rollouts: Mapping[str, PodModels]


class CandidateState(StrEnum):
    """How far a candidate is in one pod, in the order of the steps."""

    VERIFYING = "Verifying"
    VERIFIED = "Verified"
    """It exists, is whole and is the component that was asked for. The last one of the step Verify."""
    FETCHING = "Fetching"
    LOADING = "Loading"
    PROVING = "Proving"
    """The golden request is on its way."""
    PROVEN = "Proven"
    FAILED = "Failed"
    """The model is bad: it will not get better by being tried again."""
    WAITING = "Waiting"
    """Something that may pass keeps it, such as a storage that does not answer; it is being tried again."""


class CandidateReport(BaseModel):
    """How far a candidate is in one pod.

    Attributes:
        number: the candidate's.
        state: how far it is.
        model: what was found in storage; None until it is verified.
        trouble: why it failed, or what it waits for.
        done_bytes: how much of it has been fetched.
        crashes: how often the model server ended while it had it. It ended for another reason where that is 0.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: ModelNumber
    state: CandidateState
    model: Pulled | None = None
    trouble: NotPulled | None = None
    done_bytes: int = 0
    crashes: int = 0


class ReplicaReport(BaseModel):
    """What the puller of one pod says.

    Attributes:
        component: the component.
        rollout: the pod's.
        serving: the number of the model that answers requests in this pod; None while none does.
        model: what that is; None while none answers.
        trouble: why the model that is to serve does not, or was found bad; None when all is well.
        candidate: how far the candidate is; None when there is none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    component: Component
    rollout: str
    serving: ModelNumber | None = None
    model: Pulled | None = None
    trouble: NotPulled | None = None
    candidate: CandidateReport | None = None
