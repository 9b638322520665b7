"""How a component is served."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from sdp_operator.api.v1alpha1.base import (
    ATOMIC,
    DNS_LABEL,
    Annotations,
    Image,
    KubernetesObject,
    Labels,
    Model,
    Quantity,
    by_key,
    kubernetes,
    matching,
    rules,
)


class Server(Model):
    """The model server that serves a component."""

    image: Image | None = None
    """The TensorFlow Serving image, such as tensorflow/serving:2.20.0-gpu: `tensorflow_model_server` must be on its
    PATH, and is run as user 65532 with a read-only root. Left out, the operator's default for CPUs or for GPUs."""

    gpu_memory_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """How much of each GPU's memory the server may take, in percent. Left out, TensorFlow takes nearly all of it at its
    start, which leaves none for another process on a shared GPU."""

    warm_up: bool = True
    """Whether the server runs the requests that the model brings along (assets.extra/tf_serving_warmup_requests) before
    it takes others, so that the first user does not wait for kernels to be compiled. Those of text encoders and
    diffusion models can't be run with batching, and are not."""


class Batching(Model):
    """How the server puts requests together into one run of the model.

    It batches signatures whose every input has the batch as its first dimension: encode_prompts, sample_batch and the
    decoder's. Others, with an input such as num_steps, it then refuses.
    """

    max_batch_size: Annotated[int, Field(ge=1, le=1024)] = 4
    """How many rows one run takes at most."""

    batch_timeout_micros: Annotated[int, Field(ge=0, le=60_000_000)] = 10_000
    """How long a batch that is not full waits for more, in microseconds."""

    max_enqueued_batches: Annotated[int, Field(ge=1, le=100_000)] = 100
    """How many batches may wait; more are refused with RESOURCE_EXHAUSTED."""

    num_batch_threads: Annotated[int, Field(ge=1, le=256)] = 1
    """How many batches run at the same time."""


class ScalingMetric(Model):
    """A metric that an adapter, such as prometheus-adapter, offers to autoscalers."""

    source: Literal["Pods", "External"] = "Pods"
    """Pods for a metric of the replicas themselves, averaged over them; External for one of something else, such as the
    length of a queue, shared among them."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            json_schema_extra=rules(
                (
                    "!self.matches(r'[/%]') && self != '.' && self != '..'",
                    "a metric's name has neither '/' nor '%': write one such as requests_waiting",
                )
            ),
        ),
    ]
    """The metric's name, such as request_latency_seconds."""

    average_value: Annotated[
        Quantity,
        Field(
            json_schema_extra=rules(
                (
                    "isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
                    "averageValue is a quantity above 0: write one such as 20 or 500m",
                )
            )
        ),
    ]
    """The value for each replica that is aimed at, such as 500m or 20."""

    match_labels: Labels | None = None
    """Labels that choose among several series of that name."""


class Autoscaling(Model):
    """How the number of replicas follows the load, by a HorizontalPodAutoscaler."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.minReplicas <= self.maxReplicas",
                "autoscaling.minReplicas must not exceed autoscaling.maxReplicas: raise maxReplicas",
            ),
            (
                "!(has(self.cpuUtilizationPercent) && has(self.metric))",
                "autoscaling follows either cpuUtilizationPercent or metric: remove one of them",
            ),
        )
    )

    min_replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """The fewest replicas."""

    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """The most replicas. Each takes the GPUs named in gpu."""

    cpu_utilization_percent: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The CPU that replicas use on average, in percent of what they request, that is aimed at; 80 when no metric is
    named either."""

    metric: ScalingMetric | None = None
    """What is followed instead of the CPU, which says little of a model that runs on a GPU."""


class ServiceOptions(Model):
    """The Service in front of the replicas."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """ClusterIP is reached from inside the cluster only."""

    annotations: Annotations | None = None
    """Annotations of the Service, such as networking.gke.io/load-balancer-type: Internal."""


class EnvironmentVariable(Model):
    """An environment variable."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(has(self.value) && has(self.valueFrom))",
                "a variable has either a value or a place that it is taken from: remove value or valueFrom",
            )
        )
    )

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            json_schema_extra=matching(
                "^[-._a-zA-Z][-._a-zA-Z0-9]*$",
                "no environment variable can have this name: write one such as TF_CPP_MIN_LOG_LEVEL",
            ),
        ),
    ]
    """Its name."""

    value: Annotated[str, Field(max_length=32768)] | None = None
    """Its value."""

    value_from: Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1EnvVarSource"))] | None = None
    """Where its value is taken from: secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef, as in a pod: kubectl
    explain pod.spec.containers.env.valueFrom."""


_AsInPod = Annotated[KubernetesObject, Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""The settings of a source of volumes, which only the API server checks."""

_SOURCES: Final = (
    "emptyDir", "configMap", "secret", "persistentVolumeClaim", "csi", "ephemeral", "projected", "downwardAPI",
    "nfs", "image",
)  # fmt: skip


class Volume(Model):
    """A volume of the pods, as in a pod: a name, and one source.

    A folder of the node is none of them: whoever may write a pipeline could read any file there.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"[{', '.join(f'has(self.{source})' for source in _SOURCES)}].filter(given, given).size() == 1",
                f"a volume has exactly one source: set one of {', '.join(_SOURCES)}",
            )
        )
    )

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            json_schema_extra=rules(
                (
                    f"self.matches(r'^{DNS_LABEL}$')",
                    "no volume can have this name: write one of lower-case letters, digits and '-'",
                ),
                (
                    "!(self in ['tmp', 'models', 'config', 'local-files', 'storage-key', 'desired-models',"
                    " 'model-cache', 'model-claim', 'routes', 'api-keys'])",
                    "the operator has a volume of this name itself: choose another name",
                ),
            ),
        ),
    ]
    """Its name, other than those of the operator's own volumes."""

    empty_dir: Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1EmptyDirVolumeSource"))] | None = None
    """An empty folder that lives as long as the pod."""

    config_map: Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1ConfigMapVolumeSource"))] | None = (
        None
    )
    """The contents of a ConfigMap."""

    secret: Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1SecretVolumeSource"))] | None = None
    """The contents of a Secret."""

    persistent_volume_claim: (
        Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1PersistentVolumeClaimVolumeSource"))] | None
    ) = None
    """A PersistentVolumeClaim of the pipeline's namespace."""

    csi: Annotated[KubernetesObject, Field(json_schema_extra=kubernetes("V1CSIVolumeSource"))] | None = None
    """A volume of a CSI driver, such as gcsfuse.csi.storage.gke.io."""

    ephemeral: _AsInPod | None = None
    """A PersistentVolumeClaim that is made for each pod."""

    projected: _AsInPod | None = None
    """Several sources in one folder."""

    downward_api: Annotated[_AsInPod | None, Field(alias="downwardAPI")] = None
    """What the pod itself is, as files."""

    nfs: _AsInPod | None = None
    """A folder of an NFS server."""

    image: _AsInPod | None = None
    """The contents of an image."""


class VolumeMount(Model):
    """Where a volume of `overrides.volumes` appears in the container."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """The volume's name."""

    mount_path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1024,
            json_schema_extra=rules(
                (
                    "self.matches(r'^/[^:]*$') && !self.matches(r'^/+$')",
                    "mountPath is an absolute path without ':': write one such as /cache",
                ),
                (
                    "!self.matches(r'^/+(tmp/*|(models|etc/+tensorflow-serving)(/.*)?)$')",
                    "the operator mounts /tmp, /models and /etc/tensorflow-serving itself: choose another path",
                ),
            ),
        ),
    ]
    """Absolute path of the folder where it appears; /tmp, /models and /etc/tensorflow-serving are the operator's."""

    sub_path: (
        Annotated[
            str,
            Field(
                max_length=1024,
                json_schema_extra=rules(
                    (
                        r"!self.startsWith('/') && !self.matches(r'(^|/)\.\.(/|$)')",
                        "subPath lies within the volume: write a relative path without '..'",
                    )
                ),
            ),
        ]
        | None
    ) = None
    """The part of the volume that appears there; left out, all of it."""

    read_only: bool = False
    """Whether the container may only read it."""


class Overrides(Model):
    """What is added to the pods, or set otherwise than the operator would: the one place for it.

    An argument or environment variable that the operator sets itself is replaced; what else is here is added.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.volumeMounts) || self.volumeMounts.all(mount,"
                " has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))",
                "every one of overrides.volumeMounts needs a volume: add it to overrides.volumes, or correct the name",
            )
        )
    )

    labels: Labels | None = None
    """Labels of the pods. Those that the operator finds its pods by can't be changed."""

    annotations: Annotations | None = None
    """Annotations of the pods."""

    env: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=64, json_schema_extra=by_key("name"))] = ()
    """Environment variables of the main container."""

    args: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...], Field(max_length=64, json_schema_extra=ATOMIC)
    ] = ()
    """Arguments of the main container, such as --grpc_max_threads=8. One that the operator sets too replaces it."""

    volumes: Annotated[tuple[Volume, ...], Field(max_length=32, json_schema_extra=by_key("name"))] = ()
    """Volumes of the pods: kubectl explain pod.spec.volumes."""

    volume_mounts: Annotated[tuple[VolumeMount, ...], Field(max_length=32, json_schema_extra=by_key("mountPath"))] = ()
    """Where volumes appear in the main container."""
