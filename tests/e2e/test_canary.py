"""A canary on real pods: it shares the requests, and comes, goes and is promoted without a failed one."""

from collections import Counter
from typing import Any

import pytest
import requests
from benchmarks.swap.load import Ask
from benchmarks.swap.models import Model, drawn_by
from prometheus_client.parser import text_string_to_metric_families
from tests.support.eventually import eventually
from tests.support.pipeline_client import EXAMPLE, PipelineClient
from tests.support.unfailing import asking_pods, unfailing

from devcluster import Cluster
from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import REST_PORT, Component
from sdp_serving.contract.routes import Canary

UNET = Component.DIFFUSION_MODEL
_SECONDS = 120.0
_ASKED = 40


class Trial:
    """A pipeline with a gateway, whose diffusion model gets a canary."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.pipelines = PipelineClient(namespace)

    def apply(self, model: Model, canary: Model | None = None, *, strategy: str = "Auto") -> None:
        """Apply the pipeline with this model, and a canary that takes every other request."""
        beside = {} if canary is None else {"canary": {"model": canary.uri, "percent": 50}}
        about = {UNET.field: {"model": model.uri, **beside}, "gateway": {}, "swap": {"strategy": strategy}}
        self.pipelines.apply({**EXAMPLE["spec"], **about})

    def wait(self) -> None:
        """Wait until the model that is asked for serves."""
        self.pipelines.wait_for("Ready", reason="AllServing", seconds=_SECONDS)

    def canary(self) -> Canary:
        """Wait until the canary serves; gives where."""
        told: list[dict[str, Any]] = []

        def serves() -> bool:
            told.append(self.pipelines.get()["status"][UNET.field].get("canary", {}))
            return told[-1].get("state") == "Serving"

        eventually(serves, "the canary serves", seconds=_SECONDS)
        return Canary.model_validate(told[-1])

    def versions(self) -> list[int]:
        """The versions of the diffusion model that its server has loaded."""
        answer = requests.get(f"http://{self._address(UNET)}:{REST_PORT}/v1/models/{UNET}", timeout=10).json()
        found = answer["model_version_status"]
        return [int(one["version"]) for one in found if one["state"] == "AVAILABLE"]

    def predictions(self) -> Counter[str]:
        """How many predictions of each variant the gateway has counted that went well."""
        text = requests.get(f"http://{self._address('gateway')}/metrics", timeout=10).text
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        return Counter(
            {
                one.labels["variant"]: int(one.value)
                for one in samples
                if one.name == "sdpipeline_gateway_predictions_total"
                and (one.labels["component"], one.labels["code"]) == (UNET, "200")
            }
        )

    def pods(self) -> dict[str, int]:
        """How often the containers of each pod have been restarted."""
        kinds = ("containerStatuses", "initContainerStatuses")
        return {
            pod["metadata"]["name"]: sum(one["restartCount"] for kind in kinds for one in pod["status"].get(kind, []))
            for pod in self.pipelines.objects("pods")
        }

    def fetches(self, version: int) -> int:
        """How often the pod's puller has fetched the model that got this version."""
        log = self.namespace.kubectl("logs", "deployment/sd-diffusion-model", "--container=model-puller")
        return log.count(f"{version}: bringing in ")

    def _address(self, part: str) -> str:
        return self.namespace.kubectl("get", "service", f"sd-{part}", "--output=jsonpath={.spec.clusterIP}")


@pytest.fixture
def trial(demo_cluster: Cluster, node_namespace: Namespace) -> Trial:
    """The pipeline of the first example with a gateway, serving the base model."""
    trial = Trial(node_namespace)
    trial.apply(Model.BASE)
    trial.wait()
    return trial


def test_a_canary_draws_its_part_of_the_pictures_until_it_is_aborted_or_promoted(trial: Trial) -> None:
    pods = trial.pods()
    with asking_pods(trial.namespace, gateway=True) as ask:
        with unfailing(ask):
            trial.apply(Model.BASE, canary=Model.STRIPED)
            trial.canary()
            eventually(lambda: drawn_by(ask()) is Model.STRIPED, "the gateway knows of the canary")

        before = trial.predictions()
        drawn = _drawn(ask, _ASKED)
        # Of as many throws of a coin, fewer than four fall on one side once in fifty million times.
        assert 4 <= drawn[Model.STRIPED] <= _ASKED - 4
        counted = trial.predictions() - before
        assert counted == {"canary": drawn[Model.STRIPED], "stable": drawn[Model.BASE]}

        with unfailing(ask):
            trial.apply(Model.BASE)
            eventually(lambda: len(trial.versions()) == 1, "the canary is gone from the server", seconds=_SECONDS)
        assert _drawn(ask, 8) == {Model.BASE: 8}

        with unfailing(ask):
            trial.apply(Model.BASE, canary=Model.STRIPED)
            version = trial.canary().version
            trial.apply(Model.STRIPED)
            trial.wait()
        assert _drawn(ask, 8) == {Model.STRIPED: 8}
    assert version is not None
    assert trial.versions() == [version]
    assert trial.fetches(version) == 1
    assert trial.pods() == pods


def test_a_canary_in_a_replica_of_its_own_shares_the_requests_and_none_fails_when_it_goes(trial: Trial) -> None:
    pods = trial.pods()
    with asking_pods(trial.namespace, gateway=True) as ask:
        with unfailing(ask):
            trial.apply(Model.BASE, canary=Model.STRIPED, strategy="Surge")
            assert trial.canary().host == f"sd-canary.{trial.namespace.name}.svc"
            eventually(lambda: drawn_by(ask()) is Model.STRIPED, "the gateway knows of the canary")

        before = trial.predictions()
        drawn = _drawn(ask, _ASKED)
        assert 4 <= drawn[Model.STRIPED] <= _ASKED - 4
        assert trial.predictions() - before == {"canary": drawn[Model.STRIPED], "stable": drawn[Model.BASE]}

        with unfailing(ask):
            trial.apply(Model.STRIPED, strategy="Surge")
            trial.wait()
            eventually(lambda: "sd-canary" not in trial.pipelines.names("deployments"), "the canary's replica is gone")
            # Until it has ended, the pod of the model before may answer requests that were on their way to it.
            eventually(lambda: len(trial.pods()) == len(pods), "the pod of the model before is gone", seconds=_SECONDS)
        assert _drawn(ask, 8) == {Model.STRIPED: 8}


def _drawn(ask: Ask, count: int) -> Counter[Model]:
    """How many of so many pictures each model draws."""
    return Counter(drawn_by(ask()) for _ in range(count))
