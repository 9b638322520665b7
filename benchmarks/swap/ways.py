"""The ways to bring another model to the same Service."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import yaml

from benchmarks.common.machine import REPOSITORY
from benchmarks.swap.models import SWAPPED, Model, Wish
from sdp_operator.desired.model_server import DRAIN_SECONDS
from sdp_serving.contract.components import GRPC_PORT, REST_PORT

KubeObject = dict[str, Any]

NAME: Final = "sd"
"""Of the pipeline; all that the ways make is named after it."""
_LABEL: Final = "app.kubernetes.io/component"
SELECTOR: Final = f"{_LABEL}={SWAPPED}"
"""Of the pods that serve the model."""

_EXAMPLE: Final[KubeObject] = yaml.safe_load((REPOSITORY / "examples" / "pipeline.yaml").read_text())
_LABELS: Final = {_LABEL: str(SWAPPED), "app.kubernetes.io/name": "without-operator"}


class Way(Protocol):
    """One way."""

    @property
    def title(self) -> str:
        """The way in a few words."""

    @property
    def gateway(self) -> bool:
        """Whether requests go through the pipeline's gateway; else straight to the Services."""

    @property
    def spare_gpu(self) -> bool:
        """Whether the node has a second GPU that is free."""

    def objects(self, wish: Wish) -> Sequence[KubeObject]:
        """What a user applies to have a model served; for another model, one field changes."""


@dataclass(frozen=True)
class ByOperator:
    """A pipeline whose field is changed."""

    strategy: Literal["InPlace", "Surge", "Drain"]
    gateway: bool = False

    @property
    def title(self) -> str:
        """Such as `Drain, gateway`."""
        return f"{self.strategy}, gateway" if self.gateway else self.strategy

    @property
    def spare_gpu(self) -> bool:
        """Only Surge starts a pod beside the one that serves."""
        return self.strategy == "Surge"

    def objects(self, wish: Wish) -> Sequence[KubeObject]:
        """The pipeline of the first example."""
        gateway: KubeObject = {"gateway": {}} if self.gateway else {}
        return [whole(wish.uri, {"swap": {"strategy": self.strategy}, **gateway})]


@dataclass(frozen=True)
class WithoutOperator:
    """A Deployment whose image has the model in, as one would write it by hand, and whose image is changed.

    Its server gets as long to answer on as the operator's do, so that what is compared is the way and not a setting.
    Kubernetes would give it three times that, and without a second GPU nobody answers new requests meanwhile.

    The text encoder and the decoder, which are not swapped, are a pipeline's.
    """

    max_surge: Literal[0, 1]
    gateway: bool = False

    @property
    def title(self) -> str:
        """Such as `Deployment, maxSurge 0`."""
        return f"Deployment, maxSurge {self.max_surge}"

    @property
    def spare_gpu(self) -> bool:
        """A pod beside the one that serves needs one."""
        return self.max_surge == 1

    def objects(self, wish: Wish) -> Sequence[KubeObject]:
        """A Deployment, its Service, and the pipeline with what is not swapped."""
        others = {field: value for field, value in _EXAMPLE["spec"].items() if field != SWAPPED.field}
        return [_pipeline(others), _service(), self._deployment(wish.model)]

    def _deployment(self, model: Model) -> KubeObject:
        container = {
            "name": "server",
            "image": model.image,
            "imagePullPolicy": "Never",
            "args": [
                f"--port={GRPC_PORT}",
                f"--rest_api_port={REST_PORT}",
                f"--model_name={SWAPPED}",
                f"--model_base_path=/models/{SWAPPED}",
            ],
            "ports": [{"name": "grpc", "containerPort": GRPC_PORT}, {"name": "rest", "containerPort": REST_PORT}],
            "readinessProbe": {"httpGet": {"path": f"/v1/models/{SWAPPED}", "port": "rest"}, "periodSeconds": 2},
            "resources": {"limits": {"nvidia.com/gpu": 1}},
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"{NAME}-{SWAPPED}"},
            "spec": {
                "selector": {"matchLabels": _LABELS},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": self.max_surge, "maxUnavailable": 1 - self.max_surge},
                },
                "template": {
                    "metadata": {"labels": _LABELS},
                    "spec": {
                        "containers": [container],
                        "terminationGracePeriodSeconds": DRAIN_SECONDS,
                        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                    },
                },
            },
        }


def whole(uri: str, more: KubeObject) -> KubeObject:
    """The pipeline of the first example with this diffusion model, and more in its spec."""
    spec = _EXAMPLE["spec"]
    return _pipeline({**spec, SWAPPED.field: {**spec[SWAPPED.field], "model": uri}, **more})


def _pipeline(spec: KubeObject) -> KubeObject:
    kind = {key: _EXAMPLE[key] for key in ("apiVersion", "kind")}
    return {**kind, "metadata": {"name": NAME}, "spec": spec}


def _service() -> KubeObject:
    ports = [
        {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc"},
        {"name": "rest", "port": REST_PORT, "targetPort": "rest"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{NAME}-{SWAPPED}"},
        "spec": {"selector": _LABELS, "ports": ports},
    }


WAYS: Final[tuple[Way, ...]] = (
    ByOperator("InPlace"),
    ByOperator("Surge"),
    ByOperator("Drain"),
    ByOperator("Drain", gateway=True),
    WithoutOperator(max_surge=1),
    WithoutOperator(max_surge=0),
)
