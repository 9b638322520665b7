"""Swaps on real pods, as docs/swap.md shows one: no failed request, and back by itself when the new model is bad.

With UPDATE_DOCS=1 in the environment, the page's transcripts and pictures are made anew.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks.swap.load import Load
from benchmarks.swap.models import Model
from demo.models import folder
from demo.storage import NAMESPACE as OPERATORS
from PIL import Image
from tests.support.chart import OPERATOR
from tests.support.demo_bucket import DemoBucket, demo_bucket
from tests.support.eventually import eventually
from tests.support.pictures import draw
from tests.support.pipeline_client import EXAMPLE, PipelineClient
from tests.support.transcripts import Page, tabulated
from tests.support.unfailing import asking_pods, unfailing

from devcluster import Cluster
from devcluster.processes import tied
from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import Component

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE = Page(_DOCS / "swap.md")
_PROMPT = "a large red circle on a blue background"
_SIDE = 192
_SWAP_SECONDS = 90.0

_STEPS = ("Verifying", "Fetching", "Loading", "Proving", "Proven", "Switching", "Watching")
_COLUMNS = {
    "READY": '.status.conditions[?(@.type=="Ready")].status',
    "STEP": ".status.diffusionModel.swap.step",
    "STRATEGY": ".status.diffusionModel.swap.strategy",
    "SERVING": ".status.diffusionModel.serving.name",
}
_WATCH = ["kubectl", "get", "sdpipeline", "sd", "--watch", "-o"]
_WATCH += ["custom-columns=" + ",".join(f"{title}:{path}" for title, path in _COLUMNS.items())]


class Swapping:
    """A pipeline whose models are swapped."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.pipelines = PipelineClient(namespace)

    def apply(self, **changes: Any) -> None:
        self.pipelines.apply({**EXAMPLE["spec"], **changes})

    def edit(self, component: Component, uri: str) -> str:
        """Change the one field."""
        patch = json.dumps({"spec": {component.field: {"model": uri}}})
        return self.namespace.kubectl("patch", "sdpipeline", "sd", "--type=merge", f"--patch={patch}")

    def wait(self) -> None:
        """Wait until the pipeline serves what its spec asks for."""
        self.pipelines.wait_for("Ready", reason="AllServing", seconds=_SWAP_SECONDS)

    def step(self) -> str:
        status = self.pipelines.get()["status"]["diffusionModel"]
        return str(status.get("swap", {}).get("step", ""))

    def serving(self, component: Component) -> str:
        return str(self.pipelines.get()["status"][component.field]["serving"]["name"])

    def pods(self) -> Mapping[str, int]:
        """How often a container of each pod has been restarted."""
        return {
            pod["metadata"]["name"]: sum(
                one["restartCount"]
                for kind in ("containerStatuses", "initContainerStatuses")
                for one in pod["status"].get(kind, [])
            )
            for pod in self.pipelines.objects("pods")
        }

    def is_striped(self, picture: Path) -> bool:
        sight = draw(_PROMPT, picture, f"--namespace={self.namespace.name}")[0]
        assert (sight.background, sight.colour, sight.shape) == ("blue", "red", "circle")
        return sight.striped

    @contextmanager
    def load(self, *, gateway: bool = False) -> Iterator[Load]:
        """Ask for pictures all the time; none may be missing in the end."""
        with asking_pods(self.namespace, gateway=gateway) as ask, unfailing(ask) as load:
            yield load


@pytest.fixture(scope="module")
def namespace(demo_cluster: Cluster) -> Iterator[Namespace]:
    """A namespace that the tests of this module share."""
    made = Namespace(demo_cluster, "swapping")
    demo_cluster.kubectl("create", "namespace", made.name)
    try:
        yield made
    finally:
        demo_cluster.kubectl("delete", "namespace", made.name, "--wait=false")


@pytest.fixture
def swapping(namespace: Namespace) -> Swapping:
    """The pipeline of the first example, at rest; the pods are those of the test before where they still do."""
    swapping = Swapping(namespace)
    swapping.apply()
    swapping.wait()
    return swapping


@pytest.fixture
def bucket(demo_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoBucket]:
    """The bucket that the models lie in."""
    with demo_bucket(monkeypatch) as reached:
        yield reached


def test_a_swap_in_place_changes_the_picture_without_a_failed_request_or_another_pod(
    swapping: Swapping, tmp_path: Path
) -> None:
    before, after, pods = tmp_path / "before.png", tmp_path / "after.png", swapping.pods()
    assert not swapping.is_striped(before)
    table_before = swapping.namespace.kubectl("get", "sdpipeline", "sd")

    with swapping.load() as load, _watched(swapping.namespace, tmp_path / "watch.txt") as watched:
        patch = json.dumps({"spec": {"diffusionModel": {"model": Model.STRIPED.uri}}})
        said = swapping.namespace.kubectl("patch", "sdpipeline", "sd", "--type=merge", f"--patch={patch}")
        swapping.wait()
        eventually(lambda: load.samples[-1].model is Model.STRIPED, "the new model answers")
        eventually(lambda: "Watching" in watched.read_text(), "the watch has seen the end")

    assert swapping.is_striped(after)
    assert swapping.pods() == pods
    rows = _without_repetition(watched.read_text())
    steps = [row.split()[1] for row in rows]
    seen = [step for step in steps if step in _STEPS]
    assert seen == sorted(seen, key=_STEPS.index), "the steps come in their order"
    answers = [sample.model for sample in sorted(load.samples, key=lambda sample: sample.answered)]
    assert answers.index(Model.STRIPED) > 0

    _PAGE.holds("before", f"$ kubectl get sdpipeline sd\n{tabulated(table_before)}")
    _PAGE.holds("edit", f"$ kubectl patch sdpipeline sd --type=merge --patch='{patch}'\n{said.rstrip()}")
    _PAGE.holds(
        "after", f"$ kubectl get sdpipeline sd\n{tabulated(swapping.namespace.kubectl('get', 'sdpipeline', 'sd'))}"
    )
    if os.environ.get("UPDATE_DOCS") == "1":
        # Which of the steps are seen is left to chance.
        _PAGE.holds("watch", "\n".join([f"$ {shlex.join(_WATCH)}", *_aligned(rows)]))
        _show_side_by_side(before, after)


def test_a_model_of_another_component_is_refused_before_anything_is_touched(swapping: Swapping) -> None:
    uri = f"{folder('base')}/{Component.TEXT_ENCODER}"
    _assert_goes_back(swapping, Component.DIFFUSION_MODEL, uri, reason="WrongComponent", says="text-encoder")


def test_a_damaged_model_is_refused(swapping: Swapping, bucket: DemoBucket) -> None:
    uri = f"{folder('damaged')}/{Component.DIFFUSION_MODEL}"
    bucket.copy_with_a_wrong_byte(Model.STRIPED.uri, uri)
    _assert_goes_back(swapping, Component.DIFFUSION_MODEL, uri, reason="ModelCorrupt", says="differs from its checksum")


def test_a_model_that_answers_the_same_to_everything_never_takes_over(swapping: Swapping, bucket: DemoBucket) -> None:
    uri = f"{folder('blank')}/{Component.DECODER}"
    bucket.export_black(uri)
    _assert_goes_back(swapping, Component.DECODER, uri, reason="GoldenRequestFailed", says="output images")


def test_an_edit_that_is_taken_back_in_the_middle_of_a_swap_leaves_everything_as_it_was(swapping: Swapping) -> None:
    pods = swapping.pods()
    with swapping.load() as load:
        swapping.edit(Component.DIFFUSION_MODEL, Model.STRIPED.uri)
        eventually(lambda: swapping.step() in _STEPS[1:4], "the new model is on its way", seconds=_SWAP_SECONDS)
        swapping.edit(Component.DIFFUSION_MODEL, Model.BASE.uri)
        swapping.wait()
        count = len(load.samples)
        eventually(lambda: len(load.samples) > count, "an answer after all of it")
        assert load.samples[-1].model is Model.BASE
    assert swapping.pods() == pods
    assert swapping.serving(Component.DIFFUSION_MODEL) == "sd-tiny/base"


def test_an_operator_that_is_killed_in_the_middle_of_a_swap_ends_it_when_it_comes_back(
    swapping: Swapping, demo_cluster: Cluster
) -> None:
    pods = swapping.pods()
    with swapping.load() as load:
        swapping.edit(Component.DIFFUSION_MODEL, Model.STRIPED.uri)
        eventually(lambda: swapping.step() in _STEPS[1:4], "the new model is on its way", seconds=_SWAP_SECONDS)
        selector = f"--selector=app.kubernetes.io/name={OPERATOR}"
        demo_cluster.kubectl("delete", "pods", f"--namespace={OPERATORS}", selector, "--force", "--grace-period=0")
        swapping.wait()
        eventually(lambda: load.samples[-1].model is Model.STRIPED, "the new model answers")
    assert swapping.pods() == pods


def test_the_gateway_holds_requests_while_a_model_is_drained(swapping: Swapping) -> None:
    pods = swapping.pods()
    swapping.apply(swap={"strategy": "Drain"}, gateway={})
    swapping.wait()
    with swapping.load(gateway=True) as load:
        swapping.edit(Component.DIFFUSION_MODEL, Model.STRIPED.uri)
        swapping.wait()
        eventually(lambda: load.samples[-1].model is Model.STRIPED, "the new model answers", seconds=60)
    drained = {name for name in pods if Component.DIFFUSION_MODEL in name}
    # The new one is made once the old one's containers have ended, and the kubelet removes what is left of it later.
    eventually(lambda: not swapping.pods().keys() & drained, "the old pod is gone")
    assert swapping.pipelines.get()["status"]["diffusionModel"]["swap"]["strategy"] == "Drain"


def _assert_goes_back(swapping: Swapping, component: Component, uri: str, *, reason: str, says: str) -> None:
    pods = swapping.pods()
    with swapping.load() as load:
        swapping.edit(component, uri)
        told = swapping.pipelines.wait_for("RolledBack", reason=reason, seconds=_SWAP_SECONDS)
        count = len(load.samples)
        eventually(lambda: len(load.samples) > count, "an answer after all of it")
    assert told["status"] == "True"
    assert says in told["message"]
    assert swapping.serving(component) == "sd-tiny/base"
    assert {sample.model for sample in load.samples} == {Model.BASE}
    assert swapping.pods() == pods
    assert swapping.pipelines.get()["spec"][component.field]["model"] == uri, "the field stays what the user wrote"
    swapping.apply()
    swapping.wait()
    assert swapping.pipelines.condition("RolledBack").get("status") != "True"


@contextmanager
def _watched(namespace: Namespace, output: Path) -> Iterator[Path]:
    """What the page's command prints during a `with` block."""
    command = [namespace.cluster.kubectl_program, *_WATCH[1:], f"--namespace={namespace.name}"]
    with output.open("w") as written, subprocess.Popen(tied(command), stdout=written) as kubectl:
        try:
            eventually(output.read_text, "the watch has begun")
            yield output
        finally:
            kubectl.kill()


def _without_repetition(output: str) -> list[str]:
    lines = [line.rstrip() for line in output.splitlines()]
    return [line for before, line in zip(["", *lines], lines, strict=False) if line != before]


def _aligned(rows: list[str]) -> list[str]:
    """The rows of a watch, which pads each by itself."""
    cells = [row.split() for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _show_side_by_side(before: Path, after: Path) -> None:
    page = Image.new("RGB", (2 * _SIDE + 16, _SIDE), "white")
    for place, picture in enumerate((before, after)):
        with Image.open(picture) as opened:
            page.paste(opened.resize((_SIDE, _SIDE), Image.Resampling.NEAREST), (place * (_SIDE + 16), 0))
    page.save(_DOCS / "images" / "swap.png")
