"""The main job on real pods: prompt to picture, and a swap by one field, judged by what the pictures show."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo import pipeline
from demo.models import folder
from demo.shell import DemoError, quietly
from demo.story import Told
from demo.target import REPOSITORY
from tests.support.eventually import eventually
from tests.support.pictures import draw, pixels, sights

from devcluster import Cluster, images
from sdp_serving.contract.components import DRAWING, Component

_SWAP = 120.0
_BAKED = REPOSITORY / "images" / "baked-model" / "Dockerfile"


@pytest.fixture
def serving(told: Told) -> Iterator[Told]:
    """The pipeline as the demo's example has it, before and after the test."""
    _apply_example()
    yield told
    _apply_example()


@pytest.fixture
def node_folder() -> Iterator[Path]:
    """A folder that the operator of deploy/local lets models be served from."""
    root = Path("/srv/sdpipeline/models")
    made = [parent for parent in (root, root.parent) if not parent.exists()]
    root.mkdir(parents=True, exist_ok=True)
    mine = Path(tempfile.mkdtemp(dir=root))
    mine.chmod(0o755)  # The puller is not root.
    yield mine
    shutil.rmtree(mine)
    for parent in made:
        parent.rmdir()


def test_the_demo_draws_what_the_prompt_says_in_both_styles(told: Told) -> None:
    base, fine_tuned = sights(told.base), sights(told.fine_tuned)
    for sight in (*base, *fine_tuned):
        assert (sight.background, sight.colour, sight.shape, sight.size) == ("blue", "red", "circle", "large")
    assert [sight.striped for sight in base] == [False] * 4
    assert [sight.striped for sight in fine_tuned] == [True] * 4


def test_the_swap_leaves_all_pods_as_they_were(told: Told) -> None:
    assert told.after == told.before


def test_the_table_says_that_the_pipeline_is_ready(serving: Told) -> None:
    header, row = quietly("kubectl", "get", "sdpipelines").splitlines()
    assert re.split(r"\s{2,}", header.strip()) == ["NAME", "READY", "DIFFUSION MODEL", "GPUS", "URL", "AGE"]
    assert row.split()[:4] == [pipeline.NAME, "True", "sd-tiny/base", "1"]


def test_kubectl_edit_swaps_the_text_encoder_for_one_that_knows_a_new_word(serving: Told, tmp_path: Path) -> None:
    prompt = "a large sks on a blue background"
    assert draw(prompt, tmp_path / "before.png")[0].shape != "star"
    pods = _pods()

    editor = "sed -i s|sd-tiny/text-encoder$|sd-tiny-sks/text-encoder|"
    quietly("env", f"KUBE_EDITOR={editor}", "kubectl", "edit", "sdpipeline", pipeline.NAME)
    _wait()

    sight = draw(prompt, tmp_path / "after.png")[0]
    assert (sight.background, sight.colour, sight.shape) == ("blue", "yellow", "star")
    assert _pods() == pods


def test_a_model_that_does_not_exist_is_named_in_a_condition_while_the_running_pods_serve_on(
    serving: Told, tmp_path: Path
) -> None:
    missing = f"{folder('base')}/no-such-model"
    pods = _pods()
    quietly(*pipeline.swap(Component.DIFFUSION_MODEL, missing))
    eventually(lambda: _condition("ModelsReady")["reason"] == "ModelNotFound", "the condition", seconds=30)

    assert missing in _condition("Ready")["message"]
    assert "sd-tiny/base" in _condition("Ready")["message"], "it says what is served meanwhile"
    after = _pods()
    assert all(pods[component] <= after[component] for component in DRAWING)
    assert draw("a small green star on a pink background", tmp_path / "still.png")[0].shape == "star"


def test_the_same_seed_draws_the_same_picture_by_rest_and_by_grpc(serving: Told, tmp_path: Path) -> None:
    prompt = "a small orange square on a black background"
    draw(prompt, tmp_path / "grpc.png", "--transport=grpc")
    draw(prompt, tmp_path / "rest.png", "--transport=rest")
    assert np.array_equal(pixels(tmp_path / "grpc.png"), pixels(tmp_path / "rest.png"))


def test_only_the_diffusion_model_holds_a_gpu_and_runs_where_its_accelerator_is(serving: Told) -> None:
    specs = {component: _pod_list(component)[0]["spec"] for component in DRAWING}
    limits = {
        component: spec["containers"][0]["resources"].get("limits", {}).get("nvidia.com/gpu")
        for component, spec in specs.items()
    }
    assert limits == {Component.TEXT_ENCODER: None, Component.DIFFUSION_MODEL: "1", Component.DECODER: None}
    selector = specs[Component.DIFFUSION_MODEL]["nodeSelector"]
    assert selector == {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}


def test_an_accelerator_that_no_node_has_is_told_in_a_condition(serving: Told) -> None:
    patch = json.dumps({"spec": {"diffusionModel": {"gpu": {"accelerator": "nvidia-h100-80gb"}}}})
    quietly("kubectl", "patch", "sdpipeline", pipeline.NAME, "--type=merge", f"--patch={patch}")
    eventually(lambda: _condition("Ready")["reason"] == "AcceleratorMismatch", "the condition", seconds=30)
    assert "no node that matches has the accelerator nvidia-h100-80gb; there are" in _condition("Ready")["message"]


def test_a_model_in_a_folder_of_the_node_is_served(serving: Told, node_folder: Path, tmp_path: Path) -> None:
    quietly("sdpipeline", "export", "sd-tiny", "--component=decoder", f"--to=file://{node_folder}")
    quietly(*pipeline.swap(Component.DECODER, f"file://{node_folder}/decoder"))
    _wait()
    assert draw("a small green star on a pink background", tmp_path / "file.png")[0].colour == "green"


def test_a_model_baked_into_an_image_is_served(serving: Told, node_cluster: Cluster, tmp_path: Path) -> None:
    baked = tmp_path / "baked"
    quietly("sdpipeline", "export", "sd-tiny", "--component=decoder", f"--to=file://{baked}")
    server = {"SERVER": images.reference("standin")}
    image = images.build_image("localhost/baked-decoder:dev", _BAKED, baked, build_args=server)
    images.load_image(node_cluster, image)

    _patch_decoder({"model": None, "image": image.name})
    _wait()
    assert draw("a small green star on a pink background", tmp_path / "baked.png")[0].colour == "green"
    assert [pod["spec"].get("initContainers") for pod in _pod_list(Component.DECODER)] == [None], "nothing to pull"

    # kubectl apply, which knows nothing of the image, would keep it.
    _patch_decoder({"image": None, "model": f"{folder('base')}/decoder"})


def test_a_client_is_told_how_to_mend_a_wrong_name(serving: Told, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="kubectl get sdpipelines") as failure:
        draw("a small red circle on a blue background", tmp_path / "never.png", "--pipeline=sd-tinny")
    assert "Traceback" not in str(failure.value)


def test_a_deleted_pipeline_leaves_nothing_behind(told: Told, node_cluster: Cluster) -> None:
    quietly("kubectl", "delete", "sdpipeline", pipeline.NAME, "--timeout=30s")
    eventually(
        lambda: not quietly("kubectl", "get", "deployments,services,pods", "-l", _SELECTOR, "-o", "name").strip(),
        "no child is left",
        seconds=90,  # The garbage collector learns of a new kind only each 30 seconds.
    )


_SELECTOR = f"app.kubernetes.io/instance={pipeline.NAME}"


def _patch_decoder(source: Mapping[str, str | None]) -> None:
    patch = json.dumps({"spec": {"decoder": source}})
    quietly("kubectl", "patch", "sdpipeline", pipeline.NAME, "--type=merge", f"--patch={patch}")


def _apply_example() -> None:
    quietly("kubectl", "apply", "-f", "examples/pipeline.yaml")
    _wait()


def _wait() -> None:
    pipeline.wait_until_ready(lambda _: None, seconds=_SWAP)


def _condition(kind: str) -> Mapping[str, str]:
    found = json.loads(quietly("kubectl", "get", "sdpipeline", pipeline.NAME, "-o", "json"))
    conditions = {condition["type"]: condition for condition in found["status"]["conditions"]}
    condition: Mapping[str, str] = conditions[kind]
    return condition


def _pods() -> Mapping[Component, frozenset[str]]:
    """The names of each component's pods that stay."""
    return {component: frozenset(pod["metadata"]["name"] for pod in _pod_list(component)) for component in DRAWING}


def _pod_list(component: Component) -> list[dict[str, Any]]:
    selector = f"{_SELECTOR},app.kubernetes.io/component={component}"
    pods: list[dict[str, Any]] = json.loads(quietly("kubectl", "get", "pods", "-l", selector, "-o", "json"))["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
