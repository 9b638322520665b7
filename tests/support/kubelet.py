"""A node whose pods do not run: the scheduler gives it pods, and a test writes their status, as a kubelet would."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.support.api import read
from tests.support.eventually import eventually
from tests.support.fake_puller import FakePuller
from tests.support.pipelines import pulled

from devcluster.pytest_plugin import Namespace
from sdp_operator.settings import Settings
from sdp_operator.swap.state import ROLLOUT
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.swap import DESIRED_FILE, DesiredModels, PodModels

ACCELERATOR = "nvidia-tesla-t4"
_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "110", "nvidia.com/gpu": "8"}


class Kubelet:
    """The node and its pods in one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._node = f"node-of-{namespace.name}"
        self.pullers: dict[str, FakePuller] = {}
        """Of the pods that serve, by their names."""

    def join(self) -> None:
        """Add the node to the cluster."""
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._node}}
        node["metadata"]["labels"] = {Settings().accelerator_label: ACCELERATOR}  # type: ignore[index]
        self._namespace.kubectl("create", "--filename=-", stdin=json.dumps(node))
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "as a test says"}
        status = {"capacity": _CAPACITY, "allocatable": _CAPACITY, "conditions": [ready]}
        self._patch_status("node", self._node, status)

    def leave(self) -> None:
        """Take the node away, and its pods with it."""
        self._namespace.kubectl("delete", "node", self._node, "--ignore-not-found")
        self._namespace.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--ignore-not-found")
        for puller in self.pullers.values():
            puller.close()

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The living pods of a component, of the gateway or of the canary, oldest first."""
        selector = f"app.kubernetes.io/component={component}"
        found = read(self._namespace.cluster.kubeconfig, self._namespace.name, "pods", selector=selector)["items"]
        living = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(living, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def serve(self, component: Component, uri: str, *, part: str | None = None, **about: Any) -> str:
        """Let the pod for `uri` of a component, or of a part that serves it too, pull its model and become ready.

        Returns:
            The pod's name.
        """
        name = self._pod_for(part or component, uri)
        found = pulled(component, uri, **about)
        end = {"exitCode": 0, "message": found.model_dump_json()}
        puller = self._puller(found, part or component, name)
        self._patch_status(
            "pod",
            name,
            {
                "phase": "Running",
                **({} if puller is None else {"podIP": puller.address, "podIPs": [{"ip": puller.address}]}),
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
                "initContainerStatuses": [_container("puller", {"terminated": end}, ready=True)],
                "containerStatuses": [_container("server", {"running": {}}, ready=True)],
            },
        )
        return name

    def crash(self, name: str, message: str) -> None:
        """Let the pod's model server end, and be started again."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        end = {"exitCode": 139, "reason": "Error", "message": message, "startedAt": now, "finishedAt": now}
        server = {**_container("server", {"running": {}}, ready=True), "lastState": {"terminated": end}}
        self._patch_status("pod", name, {"containerStatuses": [{**server, "restartCount": 1}]})

    def run(self, part: str) -> None:
        """Let the pods of the gateway, or of a component without a puller, become ready."""

        def placed() -> list[dict[str, Any]]:
            return [pod for pod in self.pods(part) if pod["spec"].get("nodeName")]

        eventually(placed, f"a pod of the {part} has a node")
        for pod in placed():
            running = [_container(one["name"], {"running": {}}, ready=True) for one in pod["spec"]["containers"]]
            conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
            status = {"phase": "Running", "conditions": conditions, "containerStatuses": running}
            self._patch_status("pod", pod["metadata"]["name"], status)

    def fail_to_pull(self, part: str, uri: str, reason: PullFailure, message: str) -> str:
        """Let the puller of the pod for `uri` of a component, or of the canary, fail; gives the pod's name."""
        name = self._pod_for(part, uri)
        end = {"exitCode": 1, "reason": "Error", "message": NotPulled(reason=reason, message=message).model_dump_json()}
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
        puller = {**_container("puller", {"waiting": waiting}, ready=False), "lastState": {"terminated": end}}
        self._patch_status("pod", name, {"initContainerStatuses": [puller]})
        return name

    def _pod_for(self, part: str, uri: str) -> str:
        eventually(lambda: self._scheduled(part, uri), f"a pod of the {part} for {uri} has a node")
        return self._scheduled(part, uri)[-1]

    def _scheduled(self, part: str, uri: str) -> list[str]:
        return [
            pod["metadata"]["name"]
            for pod in self.pods(part)
            if self._wanted_in(pod) == uri and pod["spec"].get("nodeName")
        ]

    def _puller(self, found: Pulled, part: str, name: str) -> FakePuller | None:
        """The puller that stays in the pod."""
        pod = next(one for one in self.pods(part) if one["metadata"]["name"] == name)
        if ROLLOUT not in pod["metadata"].get("annotations", {}):
            return None
        if name not in self.pullers:
            rollout = pod["metadata"]["annotations"][ROLLOUT]
            self.pullers[name] = FakePuller(found, rollout, lambda: self._desired_of(pod))
        return self.pullers[name]

    def _wanted_in(self, pod: dict[str, Any]) -> str | None:
        """The URI of the model that the pod is to serve."""
        args = pod["spec"]["initContainers"][0]["args"]
        if "--uri" in args:  # as operators wrote it that knew no rollouts
            return str(args[args.index("--uri") + 1])
        models = self._desired_of(pod)
        return None if models is None else models.serving.uri

    def _desired_of(self, pod: dict[str, Any]) -> PodModels | None:
        """What is desired of the pod."""
        meta = pod["metadata"]
        labels = meta["labels"]
        name = f"{labels['app.kubernetes.io/instance']}-{labels['app.kubernetes.io/component']}-models"
        found = read(self._namespace.cluster.kubeconfig, self._namespace.name, "configmaps", name)
        desired = DesiredModels.model_validate_json(found["data"][DESIRED_FILE])
        return desired.rollouts.get(meta["annotations"][ROLLOUT])

    def _patch_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        self._namespace.kubectl("patch", kind, name, "--subresource=status", f"--patch={patch}")


def _container(name: str, state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    return {"name": name, "image": name, "imageID": "", "ready": ready, "restartCount": 0, "state": state}
