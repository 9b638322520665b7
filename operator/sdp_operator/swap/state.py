"""What the operator remembers of a component's models between two looks.

It is the one thing about a swap that neither the spec nor the pods tell. It lies in the component's ConfigMap beside
the DesiredModels that are made of it, so that both are written at once.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sdp_operator.api.v1alpha1 import GROUP
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.swap import Candidate, DesiredModels, ModelNumber, NumberedModel, PodModels

STATE_KEY: Final = "swap.json"
"""The key of the ConfigMap under which the SwapState lies."""

ROLLOUT: Final = f"{GROUP}/rollout"
"""Pod annotation: the rollout that the pod was made for."""

_CLAIM: Final = "pvc://"

Strategy = Literal["InPlace", "Surge", "Drain"]
"""How a model comes to its pods; what Auto is decided to be."""


class _Remembered(BaseModel):
    """Something that is remembered."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Choice(_Remembered):
    """How a model comes, or came, to its pods.

    Attributes:
        strategy: the strategy.
        reason: why this one, to be said after "since".
    """

    strategy: Strategy
    reason: str


class KnownModel(_Remembered):
    """A model.

    Attributes:
        number: its number in the pods.
        source: its URI, or the name of the image that holds it.
        found: what was found there; None while nothing has told, and for an image.
    """

    number: Annotated[ModelNumber, Field(gt=0)]
    source: str
    found: Pulled | None = None

    @property
    def numbered(self) -> NumberedModel:
        """The model as pods are told of it: once its version is known, in just that one, so that all have the same."""
        # On a claim the server takes the newest by itself.
        pinned = None if self.source.startswith(_CLAIM) else self.found
        return NumberedModel(number=self.number, uri=self.source if pinned is None else pinned.uri)

    @property
    def served_as(self) -> int | None:
        """Its version in TensorFlow Serving; None where only the server knows."""
        if is_image(self.source):
            return None
        if self.source.startswith(_CLAIM):
            return None if self.found is None else self.found.version
        return self.number


class ServingModel(KnownModel):
    """The model that is to answer requests.

    Attributes:
        since: when that was decided.
        settled: since when all replicas have served it; None while they are on their way to it.
        choice: how it came to its pods; None for the first one.
    """

    since: AwareDatetime
    choice: Choice | None = None
    settled: AwareDatetime | None = None

    @property
    def came_in_place(self) -> bool:
        """Whether it came into running pods, so that only their pullers can tell whether it is there."""
        return self.choice is not None and self.choice.strategy == "InPlace"


class PreviousModel(KnownModel):
    """The model that has answered before and is gone back to if the serving one turns out bad.

    Attributes:
        rollout: of the pods that had it; another one than the present where it was swapped by rolling.
    """

    rollout: str


class CandidateModel(KnownModel):
    """The model that is to follow.

    Attributes:
        choice: how it is to come; None while it is only verified in storage.
        since: when it was first asked for.
        step_since: when this step began.
        unheard_since: since when no replica has told of it; None while one does.
        silent_since: since when one that answers requests has not, while others have; None while all do.
    """

    choice: Choice | None = None
    since: AwareDatetime
    step_since: AwareDatetime
    unheard_since: AwareDatetime | None = None
    silent_since: AwareDatetime | None = None

    @property
    def step(self) -> Literal["Verify", "BringIn"]:
        """See `sdp_serving.contract.swap.Candidate`."""
        return "Verify" if self.choice is None else "BringIn"

    @property
    def rollout(self) -> str | None:
        """That of its own replica, which only a canary may have; None where it comes into the running pods."""
        return None if self.choice is None or self.choice.strategy == "InPlace" else str(self.number)


class RejectedModel(_Remembered):
    """The model that was asked for last and found bad. It is not tried again as long as nothing is asked for otherwise.

    Attributes:
        source: its URI, or the name of its image.
        reason: why, in one word.
        message: why, in the model's own words.
        at: when.
        given: what it was asked for with: it might do with something else; None where that is not known.
    """

    source: str
    reason: str
    message: str
    at: AwareDatetime
    given: str | None = None


class SwapState(_Remembered):
    """What is remembered of a component's models.

    Attributes:
        rollout: of the pods that are wanted. Another one makes a new pod template, so that pods are made anew.
        serving: the model of the pods of `rollout`. Where a puller runs beside the server it may be changed within a
            rollout; where none does, each model has a rollout of its own.
        candidate: what is to follow.
        previous: what is gone back to; None once `serving` is no longer watched.
        rejected: what is not tried again.
        retiring: of the other rollouts that may still have pods, the models of these.
        troubled_since: since when a trouble that may pass keeps the new replicas from getting ready.
        lowest: the lowest number that was ever given; None where that is one of the models'.
    """

    rollout: Annotated[str, Field(min_length=1, max_length=63)]
    serving: ServingModel
    candidate: CandidateModel | None = None
    previous: PreviousModel | None = None
    rejected: RejectedModel | None = None
    retiring: Mapping[str, NumberedModel] = Field(default_factory=dict)
    troubled_since: AwareDatetime | None = None
    lowest: ModelNumber | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.candidate is not None and self.candidate.number >= self.serving.number:
            raise ValueError("a candidate takes over because its number is lower")
        if self.rollout in self.retiring:
            raise ValueError("the rollout that is wanted does not retire")
        return self

    def desired(self) -> DesiredModels:
        """What the pullers of the component's pods are to bring about; images need none."""
        previous = self.previous
        candidate = None if self.candidate is None or self.candidate.rollout is not None else self.candidate
        models = PodModels(
            serving=self.serving.numbered,
            candidate=candidate and Candidate(**candidate.numbered.model_dump(), step=candidate.step),
            previous=previous.numbered if previous is not None and previous.rollout == self.rollout else None,
        )
        others = {name: PodModels(serving=model) for name, model in self.retiring.items()}
        if previous is not None and previous.rollout != self.rollout:
            others[previous.rollout] = PodModels(serving=previous.numbered)
        rollouts = {self.rollout: models, **others}
        return DesiredModels(rollouts={name: one for name, one in rollouts.items() if not is_image(one.serving.uri)})

    def desired_of_canary(self) -> DesiredModels:
        """What the puller of the canary's own replica is to bring about."""
        canary = self.candidate
        if canary is None or canary.rollout is None:
            return DesiredModels(rollouts={})
        return DesiredModels(rollouts={canary.rollout: PodModels(serving=canary.numbered)})


def is_image(source: str) -> bool:
    """Whether this is the name of an image, and no URI."""
    return "://" not in source


def read_state(data: Mapping[str, str]) -> SwapState | None:
    """The state in a ConfigMap's data; None where there is none that can be read."""
    try:
        return SwapState.model_validate_json(data.get(STATE_KEY, ""))
    except ValidationError:
        return None


def write_state(state: SwapState) -> str:
    """The state as the value of STATE_KEY. Equal states are written alike."""
    return state.model_dump_json(exclude_none=True)
