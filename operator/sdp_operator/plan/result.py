"""What `sdpipeline plan` answers: its JSON document, of which the table is a rendering."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field
from pydantic.alias_generators import to_camel


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Change(_Answer):
    """A field that gets another value.

    Attributes:
        field: its path below the spec.
        before: its value now; None when it is not set.
        after: its value then; None when it will not be set.
    """

    field: str
    before: Any = None
    after: Any = None


class Refusal(_Answer):
    """Why the change would not be taken.

    Attributes:
        by: who would refuse it: the API server at once, or the operator when it looks at it.
        component: the component's field; None when it is about the pipeline.
        reason: why, in one word.
        message: why, in a sentence.
    """

    by: Literal["APIServer", "Operator"]
    component: str | None = None
    reason: str
    message: str


class ModelFacts(_Answer):
    """What is known of a model.

    Attributes:
        known: tells it from an unknown one.
        uri: where it lies, pinned to its version.
        name: what was exported, in short.
        version: its version.
        size_bytes: the size of its files.
        width: the size of a token's context vector; None where nothing tells.
        image_size: pixels along one side of an image; None where nothing tells.
        sd_version: the version of Stable Diffusion that it is of.
    """

    known: Literal[True] = True
    uri: str
    name: str
    version: int
    size_bytes: int
    width: int | None
    image_size: int | None
    sd_version: str


class UnknownModel(_Answer):
    """A model of which nothing is known from here.

    Attributes:
        known: tells it from a known one.
        uri: where it lies; None when that is not known either, or when an image holds it.
        why: why it is not known.
    """

    known: Literal[False] = False
    uri: str | None = None
    why: str


Model = ModelFacts | UnknownModel


class Pods(_Answer):
    """What becomes of a component's pods.

    Attributes:
        restart: those that run now and will be replaced.
        start: how many more there will be.
        end: how many fewer.
        why: what makes them restart; None when none does.
    """

    restart: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    why: str | None = None


class Way(_Answer):
    """How a component gets its new model, or its new pods.

    Attributes:
        strategy: the strategy.
        reason: why this one.
    """

    strategy: Literal["InPlace", "Surge", "Drain"]
    reason: str


class Gpus(_Answer):
    """The GPUs that a component takes.

    Attributes:
        per_replica: of one replica.
        held: of the pods that run now.
        needed: how many more the change takes, be it for a while.
        free: on the nodes that its pods may run on; None where the nodes may not be seen.
        message: what is to be said of it.
    """

    per_replica: int
    held: int
    needed: int
    free: int | None
    message: str


class Memory(_Answer):
    """The memory that models take, by the size of their files.

    Attributes:
        running_bytes: of the running model; None where that is unknown.
        new_bytes: of the new one; None where that is unknown.
        together: whether a server holds both at a time.
        limit: what a server may use at most, as the spec says it; None for no limit.
    """

    running_bytes: int | None
    new_bytes: int | None
    together: bool
    limit: str | None


class ComponentPlan(_Answer):
    """What a component goes through.

    Attributes:
        component: its field.
        action: what becomes of it as a whole.
        changes: the fields that change.
        pods: what becomes of its pods.
        swap: how it gets there; None when no pod and no model is replaced.
        running: the model that serves now; None when none does.
        model: the model that is to serve; None when it is to go, or comes from another pipeline.
        signatures: in what a client finds the new model different; None where that is unknown or nothing is swapped.
        gpus: the GPUs that it takes; None when it asks for none.
        memory: the memory that its models take; None when no model is swapped.
        interruption: what requests meet, in words.
    """

    component: str
    action: Literal["Add", "Swap", "Change", "Restart", "Remove"]
    changes: tuple[Change, ...] = ()
    pods: Pods = Pods()
    swap: Way | None = None
    running: Model | None = None
    model: Model | None = None
    signatures: tuple[str, ...] | None = None
    gpus: Gpus | None = None
    memory: Memory | None = None
    interruption: str


class PipelinePlan(_Answer):
    """What a pipeline goes through.

    Attributes:
        name: its name.
        namespace: its namespace.
        action: what becomes of it as a whole.
        refusals: why it would not be taken.
        components: of those that change, what they go through.
        changes: the fields that change outside of the components.
        notes: what else is to be known, in sentences.
    """

    name: str
    namespace: str
    action: Literal["Create", "Change", "Nothing"]
    refusals: tuple[Refusal, ...] = ()
    components: tuple[ComponentPlan, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


class Plan(_Answer):
    """What a file would bring about.

    Attributes:
        pipelines: the pipelines of the file, in its order.
        notes: what else is to be known, in sentences.
    """

    pipelines: tuple[PipelinePlan, ...]
    notes: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # as pydantic wants it
    @property
    def refused(self) -> bool:
        """Whether a part of it would not be taken."""
        return any(one.refusals for one in self.pipelines)
