"""The sidecar against the stand-in server and real SavedModels: swaps in place, and what may go wrong in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.swapping import Load, Pod, export_toy, pod, spoil

from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.swap import Candidate, ModelNumber, NumberedModel

OLD, NEW, NEWER = ModelNumber(900), ModelNumber(800), ModelNumber(700)
OLD_WEIGHT, NEW_WEIGHT, NEWER_WEIGHT = 0.5, 2.0, 3.0


@pytest.fixture(scope="module")
def uris(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Models by their traits: the good ones `old`, `new` and `newer`, and bad ones."""
    storage = tmp_path_factory.mktemp("storage")
    weights = {
        "old": OLD_WEIGHT,
        "new": NEW_WEIGHT,
        "newer": NEWER_WEIGHT,
        "nan": float("nan"),
        "constant": 0.0,
        "corrupt": 4.0,
    }
    found = {name: export_toy(storage, name, weight) for name, weight in weights.items()}
    spoil(found["corrupt"])
    return found


@pytest.fixture
def running(tmp_path: Path, uris: dict[str, str]) -> Iterator[Pod]:
    """A pod that serves `old`."""
    with pod(tmp_path, NumberedModel(number=OLD, uri=uris["old"])) as made:
        yield made


def test_a_good_model_takes_over_and_no_request_fails(running: Pod, uris: dict[str, str]) -> None:
    with Load(running.model_url) as load:
        running.swap(NEW, uris["new"])
        running.until(lambda: load.answers[-1] == NEW_WEIGHT, "answers of the new model")

    assert load.failures == []
    assert load.seen() == [OLD_WEIGHT, NEW_WEIGHT]
    assert running.folders() == {str(NEW), f".previous/{OLD}"}
    report = running.report()
    assert report is not None
    assert (report.serving, report.trouble, report.candidate) == (NEW, None, None)
    assert report.model is not None
    assert report.model.weights == "toy/new"
    assert running.is_ready()
