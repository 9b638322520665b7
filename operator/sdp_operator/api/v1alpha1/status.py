"""The status of a pipeline."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, PlainSerializer

from sdp_operator.api.v1alpha1.base import ATOMIC, Model, by_key

MAX_SWAPS: Final = 10


def format_time(time: datetime) -> str:
    """A time as Kubernetes writes it: in UTC, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str)]


class Condition(Model):
    """One thing that holds or does not hold of the pipeline."""

    type: Annotated[str, Field(max_length=316)]
    """What it is about, such as Ready."""

    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""

    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """Why, in one word for programs."""

    message: Annotated[str, Field(max_length=32768)]
    """Why, in a sentence for people, with what to do."""

    last_transition_time: Time
    """When the status last changed."""

    observed_generation: int
    """The generation of the resource that this was said about."""


class Serving(Model):
    """The model that answers requests now."""

    name: str
    """The model in short: what was exported, or the image."""

    version: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """The exported version; none when an image holds the model."""

    digest: str | None = None
    """Digest of the weights and all that the export depended on; none when an image holds the model."""

    number: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """Its version in TensorFlow Serving, which answers name; none when an image holds the model."""

    model: str
    """The URI that it was pulled from, or the image."""


class Endpoints(Model):
    """Where a component answers inside the cluster."""

    grpc: str
    """Host and port of TensorFlow Serving's PredictionService."""

    rest: str
    """URL of the model in TensorFlow Serving's REST API."""


class SwapStatus(Model):
    """The swap that is under way, or the last one."""

    strategy: Literal["InPlace", "Surge", "Drain"] | None = None
    """How the model is swapped; left out until it is chosen."""

    reason: str | None = None
    """Why in this way."""

    step: str
    """How far it is, in one word."""

    candidate: str | None = None
    """The URI of the model that is to take over; left out once it has, or is refused."""


class CanaryStatus(Model):
    """The canary."""

    model: str
    """Its URI."""

    percent: int
    """How many of a hundred requests it takes while it is Serving."""

    state: str
    """Waiting, Verifying, Fetching, Loading, Proving, Serving or Refused."""

    reason: str | None = None
    """Why, in one word; left out while it is Serving."""

    message: str | None = None
    """Why, in a sentence."""

    version: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """Its version in TensorFlow Serving, by which requests can ask for it; left out unless it is Serving, in the same
    servers."""

    host: str | None = None
    """The host of its own Service; left out unless it is Serving, with a replica of its own."""


class ComponentStatus(Model):
    """What became of one component."""

    model: str
    """The model that is asked for: a URI, weights, an image, or the pipeline that it comes from."""

    serving: Serving | None = None
    """The model that answers requests now; left out while none does."""

    replicas: int
    """Replicas that are asked for."""

    ready_replicas: int
    """Replicas that are ready to serve the model that is asked for."""

    endpoints: Endpoints | None = None
    """Where the component answers inside the cluster; left out for one of another pipeline that is not shared."""

    nodes: Annotated[tuple[str, ...], Field(json_schema_extra=ATOMIC)] = ()
    """The nodes that replicas run on."""

    accelerators: Annotated[tuple[str, ...], Field(json_schema_extra=ATOMIC)] = ()
    """The types of GPU of these nodes."""

    swap: SwapStatus | None = None
    """The swap that is under way, or the last one."""

    canary: CanaryStatus | None = None
    """The canary, where one is asked for."""


class SwapRecord(Model):
    """One change of a component's model."""

    component: str
    """The component's field, such as diffusionModel."""

    source: Annotated[str, Field(alias="from")]
    """What served before; what was asked for before, when nothing did."""

    target: Annotated[str, Field(alias="to")]
    """What was asked for instead."""

    started: Time
    """When it was asked for."""

    result: Literal["InProgress", "Succeeded", "Failed", "RolledBack", "Superseded"]
    """InProgress until it serves; Failed while something that does not pass by itself is in its way, and for good once
    something else is asked for; RolledBack when it proved bad and the one before came back; Superseded when something
    else was asked for while it was in progress."""

    seconds: int | None = None
    """From when it was asked for to when it served; left out until then."""


class PipelineStatus(Model):
    """The pipeline as it was last observed."""

    observed_generation: int
    """The generation of the resource that was last acted on."""

    conditions: Annotated[tuple[Condition, ...], Field(json_schema_extra=by_key("type"))]
    """Ready sums up the others: ModelsReady; TextEncoderReady, DiffusionModelReady, DecoderReady and ImageEncoderReady
    for the components that are asked for; GPUsReady, Exported and GatewayReady where these are asked for. Stalled is
    True when nothing moves until somebody mends what its message says. RolledBack is True while a model is asked for
    that was found bad. AutoscalingReady and MonitoringReady, where these are asked for, stand beside: models are served
    without."""

    gpus: int
    """GPUs that the pipeline asks for in all."""

    url: str | None = None
    """Where the gateway answers."""

    text_encoder: ComponentStatus | None = None
    """The text encoder."""

    diffusion_model: ComponentStatus | None = None
    """The diffusion model."""

    decoder: ComponentStatus | None = None
    """The decoder."""

    image_encoder: ComponentStatus | None = None
    """The image encoder."""

    swaps: Annotated[tuple[SwapRecord, ...], Field(max_length=MAX_SWAPS, json_schema_extra=ATOMIC)] = ()
    """The last ten swaps, the newest first."""

    used_by: Annotated[tuple[str, ...], Field(json_schema_extra=ATOMIC)] = ()
    """Pipelines that share components of this one, which would be left without if it were deleted."""

    def dump(self) -> dict[str, Any]:
        """The status as it is written to the custom resource."""
        dumped: dict[str, Any] = _without_empty_lists(self.model_dump(mode="json", exclude_none=True))
        return dumped


def _without_empty_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty_lists(one) for key, one in value.items() if one != []}
    return [_without_empty_lists(one) for one in value] if isinstance(value, list) else value
