from typing import Any

import pytest
from tests.support.pipelines import resource

from sdp_operator.cli.errors import CommandError
from sdp_operator.cli.undo import Edit, edit_back


def _swap(source: str, target: str, *, component: str = "diffusionModel", result: str = "Succeeded") -> dict[str, Any]:
    return {
        "component": component, "from": source, "to": target, "started": "2026-11-23T04:00:00Z", "result": result,
    }  # fmt: skip


def _live(*swaps: dict[str, Any], model: str = "gs://b/2") -> dict[str, Any]:
    spec = {"diffusionModel": {"model": model}, "decoder": {"model": "gs://b/d2"}, "textEncoder": {"image": "i:2"}}
    return resource(spec, status={"swaps": list(swaps)})


def _taken_up(live: dict[str, Any]) -> dict[str, Any]:
    """The same, once the operator has begun with what is asked for."""
    asked = {"diffusionModel": {"model": live["spec"]["diffusionModel"]["model"]}}
    return {**live, "status": {**live["status"], **asked}}


DECODER = _swap("gs://b/d1", "gs://b/d2", component="decoder")


@pytest.mark.parametrize("result", ["Succeeded", "InProgress", "Failed", "RolledBack"])
def test_the_newest_swap_is_undone_however_it_went(result: str) -> None:
    live = _live(_swap("gs://b/1", "gs://b/2", result=result), DECODER)
    assert edit_back(live, None) == Edit("diffusionModel", "gs://b/2", "gs://b/1")


def test_a_swap_whose_model_was_pinned_since_is_undone() -> None:
    live = _taken_up(_live(_swap("gs://b/1", "gs://b/2"), model="gs://b/2/17"))
    assert edit_back(live, None) == Edit("diffusionModel", "gs://b/2/17", "gs://b/1")


def test_the_newest_swap_of_a_component_is_undone() -> None:
    assert edit_back(_live(_swap("gs://b/1", "gs://b/2"), DECODER), "decoder") == Edit(
        "decoder", "gs://b/d2", "gs://b/d1"
    )


@pytest.mark.parametrize(
    ("live", "component", "sentence"),
    [
        (_live(), None, "there is nothing to undo: no swap of sd is known; see `sdpipeline history sd`"),
        (_live(DECODER), "textEncoder", "there is nothing to undo: no swap of sd's textEncoder is known"),
        (_live(_swap("i:1", "gs://b/2")), None, "diffusionModel of sd had i:1 before, which is no URI of a model"),
        (
            _live(_swap("gs://b/t", "i:2", component="textEncoder")),
            None,
            "textEncoder of sd names no model by a URI now: change it by hand, as to gs://b/t",
        ),
        (
            _live(_swap("gs://b/1", "gs://b/2"), model="gs://b/3"),
            None,
            "diffusionModel.model of sd has been changed, to gs://b/3, and the operator has not begun with it",
        ),
        (
            _taken_up(_live(_swap("gs://b/1", "gs://b/2", result="RolledBack"), model="gs://b/1")),
            None,
            "there is nothing to undo: the newest swap of diffusionModel, to gs://b/2, has been taken back already",
        ),
    ],
)
def test_where_there_is_nothing_to_go_back_to_a_sentence_says_so(
    live: dict[str, Any], component: str | None, sentence: str
) -> None:
    with pytest.raises(CommandError) as raised:
        edit_back(live, component)
    assert str(raised.value).startswith(sentence)
