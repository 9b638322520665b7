from pathlib import Path

import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.swap import Candidate, DesiredModels, ModelNumber, NumberedModel, PodModels, ReplicaReport
from sdp_serving.puller.follow import Follower
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.model_server import ModelServer
from sdp_serving.puller.models_folder import ModelsFolder
from sdp_serving.puller.report_server import Board
from sdp_serving.puller.steps import Steps
from sdp_serving.puller.storage import open_storage

SERVING = NumberedModel(number=ModelNumber(20), uri="file:///nowhere")
BAD = Candidate(number=ModelNumber(10), uri="ftp://nowhere", step="Verify")


class Sidecar:
    """One beside a server that is down."""

    def __init__(self, folder: Path) -> None:
        self.desired = folder / "desired.json"
        self.board = Board(ReplicaReport(component=Component.DECODER, rollout="1"))
        self.said: list[str] = []
        steps = Steps(
            wanted=Wanted(Component.DECODER),
            storage=lambda uri: open_storage(uri, patience=0),
            cache=None,
            folder=ModelsFolder(folder / "models"),
            server=ModelServer("http://127.0.0.1:9", Component.DECODER),
            say=self.said.append,
        )
        self.follower = Follower("1", self.desired, steps, self.board)

    def want(self, **rollouts: PodModels) -> None:
        self.desired.write_text(DesiredModels(rollouts=rollouts).model_dump_json())

    def report(self) -> ReplicaReport:
        self.follower.look()
        return self.board.read()[0]


@pytest.fixture
def sidecar(tmp_path: Path) -> Sidecar:
    return Sidecar(tmp_path)


def test_a_file_that_names_no_model_for_the_pod_is_told_once(sidecar: Sidecar) -> None:
    for _ in range(3):
        report = sidecar.report()
    assert report.trouble is not None
    assert report.trouble.reason is PullFailure.MODEL_NOT_FOUND
    assert "cannot be read" in report.trouble.message
    assert len(sidecar.said) == 1

    sidecar.want(other=PodModels(serving=SERVING))

    report = sidecar.report()
    assert report.trouble is not None
    assert "has no rollout '1'" in report.trouble.message


def test_what_was_wanted_last_goes_on_when_the_file_is_spoilt(sidecar: Sidecar) -> None:
    sidecar.want(**{"1": PodModels(serving=SERVING, candidate=BAD)})
    sidecar.report()

    sidecar.desired.write_text("half of")

    report = sidecar.report()
    assert report.candidate is not None
    assert report.candidate.number == BAD.number
