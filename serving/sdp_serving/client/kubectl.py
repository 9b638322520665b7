"""What the client asks of the cluster, all of it through kubectl and so with the user's own way of signing in."""

import json
import logging
import shutil
import subprocess
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final, Self

from sdp_serving.client.errors import KubectlError, PipelineNotFoundError, PipelineNotReadyError
from sdp_serving.client.origins import Origin
from sdp_serving.contract.components import DRAWING, Component
from sdp_serving.contract.routes import Canary

RESOURCE: Final = "stablediffusionpipelines.sdpipeline.dev"
_TIMEOUT: Final = 30

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a choice of context and namespace; None leaves the choice to the kubeconfig."""

    context: str | None = None
    namespace: str | None = None

    def command(self, *arguments: str) -> list[str]:
        """The whole command line for `arguments`.

        Raises:
            KubectlError: when there is no kubectl.
        """
        program = shutil.which("kubectl")
        if program is None:
            raise KubectlError(
                "kubectl is not on the PATH: install it (https://kubernetes.io/docs/tasks/tools), or run in a pod"
            )
        choice = [] if self.context is None else [f"--context={self.context}"]
        choice += [] if self.namespace is None else [f"--namespace={self.namespace}"]
        return [program, *choice, *arguments]

    def get(self, *arguments: str) -> Mapping[str, Any]:
        """The object that `kubectl get ... -o json` prints.

        Raises:
            PipelineNotFoundError: when there is no such object.
            KubectlError: when the cluster gives no answer.
        """
        command = self.command("get", *arguments, "-o", "json")
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except subprocess.TimeoutExpired as error:
            raise KubectlError(
                f"the cluster did not answer within {_TIMEOUT} s: check `kubectl get pods` and your kubeconfig"
            ) from error
        if run.returncode == 0:
            answer: Mapping[str, Any] = json.loads(run.stdout)
            return answer
        said = run.stderr.strip().splitlines()[-1:] or ["nothing"]
        if "(NotFound)" in run.stderr:
            raise PipelineNotFoundError(f"there is no such pipeline: {said[0]}; see `kubectl get sdpipelines -A`")
        if "have a resource type" in run.stderr:
            raise KubectlError("this cluster knows no pipelines: install sdpipeline's operator, or choose --context")
        raise KubectlError(f"kubectl failed: {said[0]}; check your kubeconfig and your rights in the namespace")


@dataclass(frozen=True)
class Service:
    """A Service of the cluster."""

    name: str
    namespace: str

    @classmethod
    def at(cls, host: str) -> Self:
        """The Service of this name in the cluster's DNS."""
        name, namespace, _ = host.split(".", 2)
        return cls(name, namespace)

    @property
    def host(self) -> str:
        """Its name in the cluster's DNS."""
        return f"{self.name}.{self.namespace}.svc"


@dataclass(frozen=True)
class Found:
    """A pipeline that serves.

    Attributes:
        name: its name.
        services: where its components answer.
        canary: the diffusion model that takes a part of the requests; None when there is none.
        origins: where the models that serve came from, as far as the status tells.
    """

    name: str
    services: Mapping[Component, Service]
    canary: Canary | None
    origins: Mapping[Component, Origin]


def find_pipeline(kubectl: Kubectl, name: str | None, *, elsewhere: Set[Component] = frozenset()) -> Found:
    """The pipeline `name`, or the only one, when all components that every picture takes serve.

    Args:
        kubectl: how to ask.
        name: of the pipeline.
        elsewhere: components that the pipeline need not have.

    Raises:
        PipelineNotFoundError: when it does not exist, or there are several to choose from.
        PipelineNotReadyError: when it cannot serve.
        KubectlError: when the cluster gives no answer.
    """
    found = only(kubectl.get(RESOURCE)["items"]) if name is None else kubectl.get(RESOURCE, name)
    needed = [component for component in DRAWING if component not in elsewhere]
    require_serving(found, needed)
    status = found["status"]
    canary = status.get(Component.DIFFUSION_MODEL.field, {}).get("canary", {})
    return Found(
        found["metadata"]["name"],
        {
            component: _service(found, component)
            for component in Component
            if component in needed or status.get(component.field, {}).keys() >= {"endpoints", "serving"}
        },
        # It has one of these once it serves.
        Canary.model_validate(canary) if {"version", "host"} & canary.keys() else None,
        {
            component: Origin(str(serving["model"]), serving.get("digest"))
            for component in Component
            if (serving := status.get(component.field, {}).get("serving"))
        },
    )


def _service(pipeline: Mapping[str, Any], component: Component) -> Service:
    """The component's Service, which is another pipeline's where the component is shared."""
    return Service.at(str(pipeline["status"][component.field]["endpoints"]["grpc"]))


def only(pipelines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The single one of `pipelines`.

    Raises:
        PipelineNotFoundError: when there are none or several.
    """
    match pipelines:
        case [pipeline]:
            return pipeline
        case []:
            raise PipelineNotFoundError(
                "this namespace has no pipeline: apply one (examples/pipeline.yaml), or choose --namespace"
            )
        case _:
            names = ", ".join(sorted(str(pipeline["metadata"]["name"]) for pipeline in pipelines))
            raise PipelineNotFoundError(f"this namespace has several pipelines ({names}): choose one with --pipeline")


def require_serving(pipeline: Mapping[str, Any], needed: Sequence[Component] = DRAWING) -> None:
    """Check that a pipeline can make images: that each component that is needed serves a model.

    A pipeline that is not Ready may do so, as after a failed swap, when the previous model serves on; a warning then
    tells of it.

    Raises:
        PipelineNotReadyError: with its own words for why it cannot.
    """
    name = pipeline["metadata"]["name"]
    missing = [component for component in needed if component.field not in pipeline.get("spec", {})]
    if missing:
        raise PipelineNotReadyError(
            f"the pipeline {name} has no {' and no '.join(missing)}: add it to its spec, or choose another pipeline"
        )
    status = pipeline.get("status", {})
    ready = next((condition for condition in status.get("conditions", []) if condition.get("type") == "Ready"), None)
    if ready is None:
        raise PipelineNotReadyError(f"the pipeline {name} has no status yet: check that the operator runs")
    if ready.get("status") == "True":
        return
    said = f"the pipeline {name} is not Ready ({ready.get('reason')}): {ready.get('message')}"
    if not all(status.get(component.field, {}).get("serving") for component in needed):
        raise PipelineNotReadyError(said)
    _log.warning("Warning: %s.", said)
