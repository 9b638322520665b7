"""One of the models: where it comes from, where it runs and how it is served."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from sdp_operator.api.v1alpha1.base import (
    ATOMIC,
    NO_SPACES,
    Image,
    KubernetesObject,
    Labels,
    Model,
    NamespaceName,
    ObjectName,
    Resources,
    by_key,
    kubernetes,
    matching,
    rules,
)
from sdp_operator.api.v1alpha1.names import MAX_NAME, NAME_PATTERN
from sdp_operator.api.v1alpha1.placement import Gpu, Toleration
from sdp_operator.api.v1alpha1.serving import Autoscaling, Batching, Overrides, Server, ServiceOptions
from sdp_serving.contract.artifact import ModelUri

_URIS: Final = (
    r"gs://[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?(/[^?#\s]*)?",
    # Over HTTP no folder can be listed, so that the version must be named.
    r"https://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^?#\s]*)?/[1-9][0-9]{0,18}/*",
    r"pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[^?#\s]*)?",
    r"file:///[^?#\s]*[^/?#\s][^?#\s]*",
)
URI_PATTERN: Final = f"^({'|'.join(_URIS)})$"

_SOURCES: Final = ("model", "weights", "image", "from")
_HERE: Final = (
    "gpu", "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "runtimeClassName",
    "priorityClassName", "resources", "autoscaling", "batching", "server", "overrides",
)  # fmt: skip
"""What says where and how a component runs, and so makes no sense for one that another pipeline runs."""


_Uri = Annotated[
    str,
    Field(
        max_length=1024,
        json_schema_extra=rules(
            (
                f"self.matches(r'{URI_PATTERN}')",
                "model must be the URI of an exported model: write one such as gs://bucket/folder,"
                " https://host/folder/VERSION, pvc://claim/folder (or file:///folder on a local cluster), optionally"
                " with /VERSION at its end",
            ),
            (r"!self.matches(r'(^|/)\.\.(/|$)')", "model must not contain '..': write the folder's full path"),
            (f"self.matches(r'{NO_SPACES}')", "model must not contain spaces: write the URI without them"),
        ),
    ),
]


class SharedComponent(Model):
    """The same component of another pipeline, which serves this one too."""

    pipeline: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_NAME,
            json_schema_extra=matching(
                NAME_PATTERN,
                "no pipeline can have this name: write one of lower-case letters, digits and '-' that starts with a"
                " letter",
            ),
        ),
    ]
    """The name of the pipeline that runs the component."""

    namespace: NamespaceName | None = None
    """Its namespace, which must be allowed to by that pipeline's spec.sharing; left out, this pipeline's own."""


_RULES: Final = (
    (
        f"[{', '.join(f'has(self.{source})' for source in _SOURCES)}].filter(given, given).size() == 1",
        "set exactly one source of the component: model (a URI such as gs://bucket/folder), weights (to be"
        " exported first), image (a model server image that holds the model) or from (another pipeline's)",
    ),
    (
        "!(has(self.image) && has(self.server) && has(self.server.image))",
        "server.image can't be set together with image, which is the model server's image itself: remove one of them",
    ),
    (
        f"!has(self.from) || !({' || '.join(f'has(self.{field})' for field in _HERE)})",
        "a component that comes from another pipeline runs as that one says: remove"
        f" {', '.join(_HERE[:-1])} and {_HERE[-1]}, or set them there",
    ),
    (
        "!has(self.autoscaling) || has(self.autoscaling.metric) || has(self.resources) &&"
        " (has(self.resources.requests) && 'cpu' in self.resources.requests"
        " || has(self.resources.limits) && 'cpu' in self.resources.limits)",
        "autoscaling by CPU needs to know what a replica asks for: set resources.requests.cpu, or autoscaling.metric",
    ),
)


class ComponentSpec(Model):
    """One of the models: where it comes from, where it runs and how it is served."""

    model_config = ConfigDict(json_schema_extra=rules(*_RULES))

    model: _Uri | None = None
    """The URI of an exported model: gs://bucket/folder, https://host/folder/VERSION, pvc://claim/folder (a claim of the
    pipeline's namespace) or, on local clusters, file:///folder. The version that is newest when it is asked for is
    served, by all replicas; to serve a later one, name it, as in gs://bucket/sd/1700000000000. On a claim it is the
    newest when a pod starts. Changing this field swaps the model: the running one serves until the new one has proven
    good."""

    weights: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=1024,
                json_schema_extra=matching(NO_SPACES, "weights must not contain spaces: write them without"),
            ),
        ]
        | None
    ) = None
    """Weights that the operator has exported first, by a Job that spec.export describes, and then serves: the URI of a
    file (gs:// or https://, .safetensors, .h5, .weights.h5 or .keras) or of a folder as diffusers writes it (gs://),
    pretrained (KerasCV's own), or random, to try a cluster; for the version tiny base, striped (diffusion model) or sks
    (text encoder). Instead of model. Changing it is a swap like any other: the running model serves until the new one
    has been exported and is ready. Other weights need another URI: what lies there is not looked at again."""

    image: Image | None = None
    """A model server image that holds the model under /models/COMPONENT/VERSION, where COMPONENT is text-encoder,
    diffusion-model, decoder or image-encoder. Instead of model. `tensorflow_model_server` must be on its PATH, and is
    run as user 65532 with a read-only root."""

    from_: Annotated[SharedComponent | None, Field(alias="from")] = None
    """The same component of another pipeline, which then serves both: one text encoder and decoder for many diffusion
    models. Instead of model. Nothing runs here for it, and it is ready when it is ready there."""

    gpu: Gpu | None = None
    """The GPUs of each replica. Left out, the component runs on CPUs."""

    node_selector: Labels | None = None
    """Labels that a node must have for replicas to run there."""

    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32, json_schema_extra=ATOMIC)] = ()
    """Taints of nodes that replicas tolerate, beside the GPU's."""

    affinity: Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1Affinity"))] | None = None
    """Which nodes, and which pods beside them, replicas prefer or need, as in a pod: kubectl explain
    pod.spec.affinity."""

    topology_spread_constraints: Annotated[
        tuple[Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1TopologySpreadConstraint"))], ...],
        Field(max_length=8, json_schema_extra=by_key("topologyKey", "whenUnsatisfiable")),
    ] = ()
    """How replicas are spread over zones, nodes and the like, as in a pod: kubectl explain
    pod.spec.topologySpreadConstraints. A labelSelector that is left out means the replicas of this component. Left out
    altogether, replicas prefer different nodes."""

    runtime_class_name: ObjectName | None = None
    """The RuntimeClass of replicas, such as nvidia."""

    priority_class_name: ObjectName | None = None
    """The PriorityClass of replicas, which says who goes when GPUs are short."""

    resources: Resources | None = None
    """CPU and memory of the model server. GPUs are asked for in gpu."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many model servers serve this component. Each loads the model and takes the GPUs named in gpu. Without effect
    when autoscaling is set."""

    autoscaling: Autoscaling | None = None
    """How the number of replicas follows the load; left out, it is what replicas says."""

    rest_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 120
    """How long a prediction over REST may take before the server gives up on it. Over gRPC each request carries its own
    deadline."""

    batching: Batching | None = None
    """Puts requests together into one run of the model, which the model's signatures must allow for: every input with
    the batch as its first dimension. Left out, each request is a run of its own."""

    server: Server | None = None
    """The model server that serves this component."""

    service: ServiceOptions = ServiceOptions()
    """The Service in front of the replicas."""

    overrides: Overrides | None = None
    """What is added to the pods, or set otherwise than the operator would."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [source for source in (self.model, self.weights, self.image, self.from_) if source is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(_SOURCES)} must be set")
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
        if self.from_ is not None:
            where = f"{self.from_.namespace}/" if self.from_.namespace else ""
            return f"{where}{self.from_.pipeline}"
        source = self.model or self.weights or self.image
        assert source is not None
        return source

    @property
    def least_replicas(self) -> int:
        """The fewest replicas that there should be."""
        return self.autoscaling.min_replicas if self.autoscaling else self.replicas

    @property
    def gpus_per_replica(self) -> int:
        """GPUs of one replica."""
        return self.gpu.count if self.gpu else 0


class Canary(Model):
    """A second diffusion model that takes a part of the requests."""

    model: _Uri
    """Its URI, as in `model`."""

    percent: Annotated[int, Field(ge=0, le=100)]
    """How many of a hundred requests it takes."""


class DiffusionModelSpec(ComponentSpec):
    """The diffusion model, of which two may be served side by side."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *_RULES,
            (
                "!has(self.canary) || has(self.model)",
                "canary stands beside model: set model, or remove canary",
            ),
        )
    )

    canary: Canary | None = None
    """A second model that takes a part of the requests. To promote it, write its URI into `model` and remove canary; to
    abort, remove canary."""

    @model_validator(mode="after")
    def _has_a_canary_beside_a_model(self) -> Self:
        if self.canary is not None:
            if self.model is None:
                raise ValueError("canary stands beside model")
            ModelUri.parse(self.canary.model)
        return self
