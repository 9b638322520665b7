"""The spec of a pipeline."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from sdp_operator.api.v1alpha1.base import (
    ATOMIC,
    SET,
    KubernetesObject,
    Labels,
    Model,
    NamespaceName,
    ObjectName,
    by_key,
    kubernetes,
    matching,
    rules,
)
from sdp_operator.api.v1alpha1.component import ComponentSpec, DiffusionModelSpec
from sdp_operator.api.v1alpha1.export import ExportSpec
from sdp_operator.api.v1alpha1.exportable import WEIGHTS_CAN_BE_EXPORTED
from sdp_operator.api.v1alpha1.gateway import GatewaySpec
from sdp_operator.api.v1alpha1.placement import DriverCheck
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion


class StableDiffusion(Model):
    """What every model of the pipeline must be; one that is something else is refused before it is served."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.height) == has(self.width)", "height and width belong together: set both or remove both")
        )
    )

    version: StableDiffusionVersion
    """The version of Stable Diffusion. 1.4 and 1.5 go together (a context 768 wide), and so do 2.0 and 2.1 (1024)."""

    height: Annotated[int, Field(ge=64, le=4096, multiple_of=8)] | None = None
    """The height of images, in pixels; left out, any."""

    width: Annotated[int, Field(ge=64, le=4096, multiple_of=8)] | None = None
    """The width of images, in pixels; left out, any."""


class Swap(Model):
    """How a model is swapped for another."""

    strategy: Literal["Auto", "InPlace", "Surge", "Drain"] = "Auto"
    """InPlace loads the new model in the running servers, whose memory must hold both. Surge starts new pods beside the
    running ones, which takes their GPUs twice. Drain ends the running pods first: it needs no second GPU, and requests
    fail, or wait in the gateway, meanwhile. Auto takes the first of them that there is room for."""

    watch_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    """How long a new model is watched: if its server crashes meanwhile, the previous model comes back by itself."""


class Cache(Model):
    """Where models that were pulled are kept, so that another pod needs not pull them again."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.hostPath) != has(self.claimName)",
                "a cache is one place: set exactly one of hostPath and claimName",
            )
        )
    )

    host_path: (
        Annotated[
            str,
            Field(
                max_length=512,
                json_schema_extra=rules(
                    (
                        r"self.matches(r'^/[^:\s]*[^/:\s][^:\s]*$') && !self.matches(r'(^|/)\.\.(/|$)')",
                        "hostPath is the absolute path of a folder: write one such as /var/cache/sdpipeline",
                    )
                ),
            ),
        ]
        | None
    ) = None
    """A folder of each node, below the one that the operator's SDP_CACHE_ROOT allows; user 65532 must be allowed to
    write there."""

    claim_name: ObjectName | None = None
    """A PersistentVolumeClaim of the pipeline's namespace, which all pods mount: ReadWriteMany, or one node."""

    size_gib: Annotated[int, Field(alias="sizeGiB", ge=1, le=1_000_000)] = 50
    """How much it may hold; what was used least recently goes first."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.host_path is None) == (self.claim_name is None):
            raise ValueError("exactly one of hostPath and claimName must be set")
        return self


class NetworkPolicy(Model):
    """Who may reach the model servers. Only clusters whose network enforces NetworkPolicies hold to it."""

    peers: Annotated[
        tuple[Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1NetworkPolicyPeer"))], ...],
        Field(max_length=32, json_schema_extra=ATOMIC),
    ] = ()
    """Who may reach the model servers beside the gateway, by podSelector, namespaceSelector or ipBlock, as in a
    NetworkPolicy: kubectl explain networkpolicy.spec.ingress.from. Prometheus must be one of them to read metrics."""


class PodMonitor(Model):
    """PodMonitors, by which the Prometheus operator finds the metrics of the model servers and the gateways."""

    interval: Annotated[
        str,
        Field(
            min_length=1,
            max_length=16,
            json_schema_extra=matching(
                "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", "interval is a time: write one such as 30s or 1m30s"
            ),
        ),
    ] = "30s"
    """How often metrics are read."""

    labels: Labels | None = None
    """Labels that a Prometheus looks for."""


class Monitoring(Model):
    """How the pods are monitored. Model servers have their metrics at /monitoring/prometheus/metrics of the REST port,
    gateways at /metrics."""

    pod_monitor: PodMonitor | None = None
    """A PodMonitor for each component and for the gateway, made if the cluster knows the kind; left out, none."""


class Storage(Model):
    """How models are read from storage."""

    service_account_name: ObjectName | None = None
    """The ServiceAccount that pods run as. On GKE, one that may read the bucket by Workload Identity."""

    secret_name: ObjectName | None = None
    """A Secret of the pipeline's namespace whose key.json is the key of a Google service account, for clusters without
    Workload Identity."""


class ImagePullSecret(Model):
    """A Secret that images are pulled with."""

    name: ObjectName
    """Its name."""


class Sharing(Model):
    """Who may share this pipeline's components by `from`."""

    namespaces: Annotated[tuple[NamespaceName, ...], Field(max_length=64, json_schema_extra=SET)] = ()
    """Namespaces whose pipelines may; those of this namespace always may."""


class PipelineSpec(Model):
    """The pipeline that is wanted: up to four components, each served by a Deployment and a Service of its own."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"{' || '.join(f'has(self.{component.field})' for component in Component)}",
                "spec needs at least one component: add textEncoder, diffusionModel, decoder or imageEncoder",
            ),
            *WEIGHTS_CAN_BE_EXPORTED,
        )
    )

    stable_diffusion: StableDiffusion | None = None
    """What every model of the pipeline must be; left out, models are taken as they are."""

    text_encoder: ComponentSpec | None = None
    """The model that turns a prompt's tokens into context vectors. Left out, it is not served here."""

    diffusion_model: DiffusionModelSpec | None = None
    """The model (a UNet and its sampling loop) that denoises a latent image. Left out, it is not served here."""

    decoder: ComponentSpec | None = None
    """The model that turns a latent image into pixels. Left out, it is not served here."""

    image_encoder: ComponentSpec | None = None
    """The model that turns pixels into a latent image, for image-to-image and inpainting. Left out, it is not served
    here."""

    driver_check: DriverCheck = "Warn"
    """What is done when the nodes that a component may run on have no driver, no GPU of that type or none free. Warn
    says so in the condition GPUsReady; Enforce makes no pod of that component until it is mended; Off does not look."""

    swap: Swap = Swap()
    """How a model is swapped for another."""

    cache: Cache | None = None
    """Where pulled models are kept for other pods; left out, nowhere."""

    export: ExportSpec | None = None
    """How the weights of components are exported; needed when a component has any."""

    gateway: GatewaySpec | None = None
    """One address in front of the model servers; left out, there is none."""

    network_policy: NetworkPolicy | None = None
    """Closes the model servers to all but the gateway and the peers named here; left out, the whole cluster may reach
    them."""

    monitoring: Monitoring | None = None
    """How the pods are monitored."""

    storage: Storage | None = None
    """How models are read from storage."""

    image_pull_secrets: Annotated[
        tuple[ImagePullSecret, ...], Field(max_length=16, json_schema_extra=by_key("name"))
    ] = ()
    """Secrets of the pipeline's namespace that images are pulled with."""

    sharing: Sharing = Sharing()
    """Who may share this pipeline's components by `from`."""

    @model_validator(mode="after")
    def _can_export_weights(self) -> Self:
        for component, spec in self.components.items():
            if spec.weights is not None and (self.export is None or self.stable_diffusion is None):
                raise ValueError(f"the weights of {component.field} need export and stableDiffusion to be set")
        return self

    @property
    def components(self) -> Mapping[Component, ComponentSpec]:
        """The components that are asked for."""
        specs = {
            Component.TEXT_ENCODER: self.text_encoder,
            Component.DIFFUSION_MODEL: self.diffusion_model,
            Component.DECODER: self.decoder,
            Component.IMAGE_ENCODER: self.image_encoder,
        }
        return {component: spec for component, spec in specs.items() if spec is not None}
