"""StableDiffusionPipeline v1alpha1: its spec and its status.

The CustomResourceDefinition is generated from this module. The docstring below a field is its description in
`kubectl explain`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from sdp_operator.errors import InvalidPipelineError, first_complaint
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

GROUP: Final = "sdpipeline.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "StableDiffusionPipeline"
PLURAL: Final = "stablediffusionpipelines"

MAX_NAME: Final = 63 - len(f"-{Component.DIFFUSION_MODEL}")
"""A Service's name has at most 63 characters, and the longest one of a pipeline ends in `-diffusion-model`."""

NAME_PATTERN: Final = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
URI_PATTERN: Final = r"^(gs://[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?(/[^?#\s]*)?|file:///[^?#\s]*[^/?#\s][^?#\s]*)$"
_LABEL_VALUE_PATTERN: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"


def _rules(*rules: tuple[str, str]) -> dict[str, Any]:
    """CEL rules that the API server checks, each with the sentence that it refuses with."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


Quantity = Annotated[int | str, Field(json_schema_extra={"x-kubernetes-int-or-string": True})]
"""An amount such as `2`, `500m` or `8Gi`."""


class Gpu(_Model):
    """The GPUs of each replica."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            (
                "!has(self.accelerator) || self.count > 0",
                "gpu.accelerator needs a gpu.count of at least 1: raise gpu.count or leave gpu.accelerator out",
            )
        )
    )

    count: Annotated[int, Field(ge=0, le=16)] = 1
    """How many GPUs each replica gets, as a limit on nvidia.com/gpu. The toleration for nodes that are tainted
    nvidia.com/gpu is added too."""

    accelerator: Annotated[str, Field(min_length=1, max_length=63, pattern=_LABEL_VALUE_PATTERN)] | None = None
    """The type of GPU, such as nvidia-tesla-t4 or nvidia-l4: replicas run on nodes whose label
    cloud.google.com/gke-accelerator says so. Left out, any type will do."""


class Toleration(_Model):
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


_AMOUNTS: Final = Field(
    max_length=8,  # keeps the rule within the API server's budget
    json_schema_extra=_rules(
        (
            "self.all(name, type(self[name]) == int || isQuantity(string(self[name])))",
            "every amount must be a quantity: write one such as 2, 500m or 8Gi",
        )
    ),
)


class Resources(_Model):
    """CPU, memory and the like of the model server, as in a container. GPUs are asked for in gpu."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            (
                "!(has(self.limits) && 'nvidia.com/gpu' in self.limits)"
                " && !(has(self.requests) && 'nvidia.com/gpu' in self.requests)",
                "resources must not name nvidia.com/gpu: ask for GPUs with gpu.count",
            )
        )
    )

    requests: Annotated[Mapping[str, Quantity], _AMOUNTS] | None = None
    """What the scheduler sets aside, such as `memory: 8Gi`."""

    limits: Annotated[Mapping[str, Quantity], _AMOUNTS] | None = None
    """What the model server may use at most."""


class Server(_Model):
    """The model server that serves a component."""

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """The TensorFlow Serving image, such as tensorflow/serving:2.20.0-gpu: `tensorflow_model_server` must be on its
    PATH, and is run as user 65532 with a read-only root. Left out, the operator's default for CPUs or for GPUs."""


class ComponentSpec(_Model):
    """One of the three models: where it comes from, where it runs and how it is served."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            (
                "has(self.model) != has(self.image)",
                "set exactly one source of the component: model (a URI such as gs://bucket/folder)"
                " or image (a model server image that holds the model)",
            ),
            (
                "!(has(self.image) && has(self.server) && has(self.server.image))",
                "server.image can't be set together with image, which is the model server's image itself:"
                " remove one of them",
            ),
        )
    )

    model: (
        Annotated[
            str,
            Field(
                max_length=1024,
                json_schema_extra=_rules(
                    (
                        f"self.matches(r'{URI_PATTERN}')",
                        "model must be the URI of an exported model: write one such as gs://bucket/folder"
                        " (or file:///folder on a local cluster), optionally with /VERSION at its end",
                    ),
                    (r"!self.matches(r'(^|/)\.\.(/|$)')", "model must not contain '..': write the folder's full path"),
                ),
            ),
        ]
        | None
    ) = None
    """The URI of an exported model, such as gs://bucket/sd/diffusion-model. The version that is newest when a pod
    starts is served; a later export reaches only pods that start after it. A URI that ends in a version
    (gs://bucket/sd/diffusion-model/1700000000000) pins it. Changing this field swaps the model: the running one serves
    until the new one is ready."""

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """A model server image that holds the model under /models/COMPONENT/VERSION, where COMPONENT is text-encoder,
    diffusion-model or decoder. Instead of model. `tensorflow_model_server` must be on its PATH, and is run as user
    65532 with a read-only root."""

    gpu: Gpu | None = None
    """The GPUs of each replica. Left out, the component runs on CPUs."""

    node_selector: Annotated[Mapping[str, str], Field(max_length=32)] | None = None
    """Labels that a node must have for replicas to run there."""

    tolerations: Annotated[
        tuple[Toleration, ...], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """Taints of nodes that replicas tolerate, beside the GPU's."""

    resources: Resources | None = None
    """CPU and memory of the model server."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many model servers serve this component. Each loads the model and takes the GPUs named in gpu."""

    rest_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 120
    """How long a prediction over REST may take before the server gives up on it. Over gRPC each request carries its own
    deadline."""

    server: Server | None = None
    """The model server that serves this component."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.model is None) == (self.image is None):
            raise ValueError("exactly one of model or image must be set")
        if self.model is not None:
            ModelUri.parse(self.model)
        return self

    @property
    def uri(self) -> ModelUri | None:
        """Where the model is pulled from; None when `image` holds it."""
        return None if self.model is None else ModelUri.parse(self.model)

    @property
    def source(self) -> str:
        """The model that is asked for, as the user wrote it."""
        source = self.model or self.image
        assert source is not None
        return source

    @property
    def gpus(self) -> int:
        """GPUs of all replicas."""
        return self.replicas * (self.gpu.count if self.gpu else 0)


class Storage(_Model):
    """How models are read from storage."""

    service_account_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The ServiceAccount that pods run as. On GKE, one that may read the bucket by Workload Identity."""


class PipelineSpec(_Model):
    """The pipeline that is wanted: up to three components, each served by a Deployment and a Service of its own."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            (
                "has(self.textEncoder) || has(self.diffusionModel) || has(self.decoder)",
                "spec needs at least one component: add textEncoder, diffusionModel or decoder",
            )
        )
    )

    text_encoder: ComponentSpec | None = None
    """The model that turns a prompt's tokens into context vectors. Left out, it is not served here."""

    diffusion_model: ComponentSpec | None = None
    """The model (a UNet and its sampling loop) that denoises a latent image. Left out, it is not served here."""

    decoder: ComponentSpec | None = None
    """The model that turns a latent image into pixels. Left out, it is not served here."""

    storage: Storage | None = None
    """How models are read from storage."""

    @property
    def components(self) -> Mapping[Component, ComponentSpec]:
        """The components that are asked for."""
        specs = {
            Component.TEXT_ENCODER: self.text_encoder,
            Component.DIFFUSION_MODEL: self.diffusion_model,
            Component.DECODER: self.decoder,
        }
        return {component: spec for component, spec in specs.items() if spec is not None}


def format_time(time: datetime) -> str:
    """A time as Kubernetes writes it: in UTC, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str)]


class Condition(_Model):
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


class Serving(_Model):
    """The model that answers requests now."""

    name: str
    """The model in short: what was exported, or the image."""

    version: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """The exported version; none when an image holds the model."""

    digest: str | None = None
    """Digest of the weights and all that the export depended on; none when an image holds the model."""

    model: str
    """The URI that it was pulled from, or the image."""


class Endpoints(_Model):
    """Where a component answers inside the cluster."""

    grpc: str
    """Host and port of TensorFlow Serving's PredictionService."""

    rest: str
    """URL of the model in TensorFlow Serving's REST API."""


class ComponentStatus(_Model):
    """What became of one component."""

    model: str
    """The model that is asked for: a URI, or an image."""

    serving: Serving | None = None
    """The model that answers requests now; left out while none does."""

    replicas: int
    """Replicas that are asked for."""

    ready_replicas: int
    """Replicas that are ready to serve the model that is asked for."""

    endpoints: Endpoints
    """Where the component answers inside the cluster."""


class PipelineStatus(_Model):
    """The pipeline as it was last observed."""

    observed_generation: int
    """The generation of the resource that was last acted on."""

    conditions: Annotated[
        tuple[Condition, ...],
        Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ]
    """Ready sums up the others: ModelsReady, and TextEncoderReady, DiffusionModelReady and DecoderReady for the
    components that are asked for."""

    gpus: int
    """GPUs that the pipeline asks for in all."""

    text_encoder: ComponentStatus | None = None
    """The text encoder."""

    diffusion_model: ComponentStatus | None = None
    """The diffusion model."""

    decoder: ComponentStatus | None = None
    """The decoder."""

    def dump(self) -> dict[str, Any]:
        """The status as it is written to the custom resource."""
        return self.model_dump(mode="json", exclude_none=True)


class Pipeline(BaseModel):
    """A StableDiffusionPipeline as the API server holds it."""

    model_config = ConfigDict(frozen=True)

    name: str
    namespace: str
    uid: str
    generation: int
    spec: PipelineSpec
    status: Mapping[str, Any]
    """The status as it was last written: by this operator or an older one, so it is not taken to have any form."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read a custom resource.

        Raises:
            InvalidPipelineError: when the spec is not one that this version understands.
        """
        meta = body["metadata"]
        try:
            spec = PipelineSpec.model_validate(body.get("spec", {}))
        except ValidationError as error:
            raise InvalidPipelineError(_first_sentence(error)) from error
        return cls(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            generation=meta["generation"],
            spec=spec,
            status=body.get("status", {}),
        )

    def __str__(self) -> str:
        """The pipeline as logs name it."""
        return f"{self.namespace}/{self.name}"


def _first_sentence(error: ValidationError) -> str:
    path, complaint = first_complaint(error)
    return f"{'.'.join(('spec', *path))}: {complaint}; correct the field and apply the resource again"
