"""Fine-tuned weights on real pods: exported by a Job, served, and swapped like any other model."""

import json
from pathlib import Path
from typing import Any

import pytest
from demo.models import folder
from tests.support.pictures import draw
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster import Cluster, images
from devcluster.pytest_plugin import Namespace

_PROMPT = "a large red circle on a blue background"
_EXPORT_SECONDS = 240.0


@pytest.fixture
def pipelines(with_exporter: Cluster, node_namespace: Namespace) -> PipelineClient:
    """What a user does with pipelines in the test's namespace."""
    return PipelineClient(node_namespace)


def test_weights_are_exported_served_and_swapped_while_those_before_answer(
    pipelines: PipelineClient, node_namespace: Namespace, tmp_path: Path
) -> None:
    def is_striped(picture: str) -> bool:
        sight = draw(_PROMPT, tmp_path / picture, f"--namespace={node_namespace.name}")[0]
        assert (sight.background, sight.colour, sight.shape) == ("blue", "red", "circle")
        return sight.striped

    pipelines.apply(_spec("striped"))
    pipelines.wait_for("Exported", reason="Exported", seconds=_EXPORT_SECONDS)
    (job,) = json.loads(node_namespace.kubectl("get", "jobs", "--output=json"))["items"]
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == images.reference("exporter")
    pipelines.wait_for("Ready", reason="AllServing", seconds=120)
    assert _serving(pipelines)["name"] == "sd-tiny/striped"
    assert is_striped("striped.png")

    pipelines.apply(_spec("base"))
    exporting = pipelines.wait_for("Exported", reason="Exporting", seconds=30)
    assert exporting["status"] == "False"
    assert is_striped("meanwhile.png")
    assert "meanwhile sd-tiny/striped" in pipelines.condition("Ready")["message"]
    pipelines.wait_for("Ready", reason="AllServing", seconds=_EXPORT_SECONDS)
    assert not is_striped("base.png")
    (swap,) = pipelines.get()["status"]["swaps"]
    assert (swap["component"], swap["from"], swap["to"], swap["result"]) == (
        "diffusionModel", "striped", "base", "Succeeded",
    )  # fmt: skip
    assert swap["seconds"] > 0


def test_what_was_exported_once_is_not_exported_again_for_another_pipeline(pipelines: PipelineClient) -> None:
    only = {"diffusionModel": _spec("striped")["diffusionModel"]}
    settings = {key: value for key, value in _spec("striped").items() if key in {"stableDiffusion", "export"}}
    for name in ("first", "second"):
        pipelines.apply({**settings, **only}, name=name)
        pipelines.wait_for("Ready", reason="AllServing", name=name, seconds=_EXPORT_SECONDS)
    first, second = _serving(pipelines, "first"), _serving(pipelines, "second")
    assert second["version"] == first["version"]
    assert second["model"] == first["model"]


def test_the_version_and_the_size_of_images_decide_what_is_exported(pipelines: PipelineClient) -> None:
    pipelines.apply(
        {
            "stableDiffusion": {"version": "1.5", "height": 64, "width": 64},
            # The node's disk need not be counted.
            "export": {"to": folder("exported"), "resources": {"requests": {"cpu": "250m", "memory": "2Gi"}}},
            "decoder": {"weights": "random"},
        }
    )
    pipelines.wait_for("Ready", reason="AllServing", seconds=_EXPORT_SECONDS)
    serving = pipelines.get()["status"]["decoder"]["serving"]
    assert serving["name"] == "sd-1.5/random"


def _spec(weights: str) -> dict[str, Any]:
    return {
        **EXAMPLE["spec"],
        "stableDiffusion": {"version": "tiny"},
        "export": {"to": folder("exported")},
        "diffusionModel": {"weights": weights},
    }


def _serving(pipelines: PipelineClient, name: str = "sd") -> dict[str, Any]:
    serving: dict[str, Any] = pipelines.get(name=name)["status"]["diffusionModel"]["serving"]
    return serving
