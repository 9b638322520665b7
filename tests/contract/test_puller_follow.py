"""The sidecar against the stand-in server and real SavedModels: swaps in place, and what may go wrong in them."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.standin_fork import StandIns
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


@pytest.fixture(scope="module")
def servers() -> Iterator[StandIns]:
    """Model servers that start without TensorFlow's seconds."""
    with StandIns() as started:
        yield started


@pytest.fixture
def running(tmp_path: Path, servers: StandIns, uris: dict[str, str]) -> Iterator[Pod]:
    """A pod that serves `old`."""
    with pod(tmp_path, servers, NumberedModel(number=OLD, uri=uris["old"])) as made:
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


def test_bad_models_leave_nothing_and_the_next_good_one_takes_over(running: Pod, uris: dict[str, str]) -> None:
    old = running.desired.serving
    with Load(running.model_url) as load:
        for number, name, reason, words in [
            (890, "corrupt", PullFailure.LOAD_FAILED, "saved_model.pb"),
            (880, "nan", PullFailure.GOLDEN_REQUEST_FAILED, "its output latent holds values that are no numbers"),
            (870, "constant", PullFailure.GOLDEN_REQUEST_FAILED, "its output latent is 0 everywhere"),
        ]:
            candidate = Candidate(number=ModelNumber(number), uri=uris[name], step="BringIn")
            running.want(old, candidate)
            running.until(lambda: running.candidate_state() == "Failed", f"{name} failed")

            report = running.report()
            assert report is not None
            assert report.candidate is not None
            assert report.candidate.trouble is not None
            assert report.candidate.trouble.reason is reason
            assert words in report.candidate.trouble.message
            assert (report.serving, report.trouble) == (OLD, None)
            running.until(lambda: running.folders() == {str(OLD)}, "the bad model's folder removed")
        assert set(load.answers) == {OLD_WEIGHT}

        running.swap(NEW, uris["new"])

    assert load.failures == []
    assert set(load.answers) <= {OLD_WEIGHT, NEW_WEIGHT}
    assert running.is_ready()


def test_a_first_model_that_answers_nonsense_gets_no_requests(
    tmp_path: Path, servers: StandIns, uris: dict[str, str]
) -> None:
    made = Pod(tmp_path, servers)
    made.want(NumberedModel(number=OLD, uri=uris["nan"]))
    made.fetch()
    try:
        made.start_server()
        made.start_following()

        made.until(lambda: (report := made.report()) and report.trouble, "trouble")

        report = made.report()
        assert report is not None
        assert report.trouble is not None
        assert (report.serving, report.trouble.reason) == (OLD, PullFailure.GOLDEN_REQUEST_FAILED)
        assert not made.is_ready()

        made.swap(NEW, uris["new"])
        assert made.is_ready()
    finally:
        made.kill_following()
        made.kill_server()


def test_it_goes_back_to_the_previous_model_without_its_storage(
    running: Pod, uris: dict[str, str], tmp_path: Path
) -> None:
    with Load(running.model_url) as load:
        running.swap(NEW, uris["new"])
        running.until(lambda: load.answers[-1] == NEW_WEIGHT, "answers of the new model")

        running.want(NumberedModel(number=NEWER, uri=uris["old"]))

        running.until(lambda: running.serves(NEWER), "switched back")
        running.until(lambda: load.answers[-1] == OLD_WEIGHT, "answers of the old model")

    assert load.failures == []
    assert f"{NEWER}: brought in from .previous/{OLD}" in running.log()
    running.until(lambda: running.folders() == {str(NEWER)}, "nothing else kept")


def test_it_goes_back_at_once_while_the_server_is_down(running: Pod, uris: dict[str, str]) -> None:
    running.swap(NEW, uris["new"])
    running.kill_server()

    running.want(NumberedModel(number=NEWER, uri=uris["old"]))

    running.until(lambda: running.folders() == {str(NEWER)}, "the folders swapped")
    with Load(running.model_url) as load:
        running.start_server()
        running.until(lambda: load.answers and running.serves(NEWER), "answers")
    assert set(load.answers) == {OLD_WEIGHT}


def test_it_goes_back_by_the_storage_where_nothing_was_kept(running: Pod, uris: dict[str, str]) -> None:
    with Load(running.model_url) as load:
        running.want(NumberedModel(number=NEW, uri=uris["new"]))

        running.until(lambda: running.serves(NEW), "the other model serves")
        running.until(lambda: running.folders() == {str(NEW)}, "the first one removed")
        running.until(lambda: load.answers[-1] == NEW_WEIGHT, "its answers")
    assert load.failures == []


def test_of_two_edits_the_last_wins_and_the_first_leaves_nothing(running: Pod, uris: dict[str, str]) -> None:
    old = running.desired.serving
    with Load(running.model_url) as load:
        for step in ("Verify", "BringIn"):
            running.want(old, Candidate(number=NEW, uri=uris["new"], step="BringIn"))
            running.until(lambda: f"{NEW}: bringing in" in running.log(), "the first edit seen")
            running.want(old, Candidate(number=NEWER, uri=uris["newer"], step=step))
            running.until(lambda: running.folders() <= {str(OLD), f".{NEWER}.partial", str(NEWER)}, "nothing of it")
        running.until(lambda: running.candidate_state() == "Proven", "the last one proven")
        running.want(NumberedModel(number=NEWER, uri=uris["newer"]))
        running.until(lambda: running.serves(NEWER), "the last one serves")

    assert load.failures == []
    assert set(load.answers) <= {OLD_WEIGHT, NEWER_WEIGHT}
    running.until(lambda: running.folders() == {str(NEWER)}, "only the last one")


@pytest.mark.parametrize("seen", ["bringing in", "laid", "proven"])
def test_an_edit_that_is_taken_back_leaves_nothing(running: Pod, uris: dict[str, str], seen: str) -> None:
    old = running.desired.serving
    with Load(running.model_url) as load:
        running.want(old, Candidate(number=NEW, uri=uris["new"], step="BringIn"))
        running.until(lambda: f"{NEW}: {seen}" in running.log(), seen)

        running.want(old)

        running.until(lambda: running.folders() == {str(OLD)}, "the candidate removed")
        running.until(lambda: running.loaded() == {OLD}, "the candidate let go")
        running.until(lambda: (report := running.report()) and report.candidate is None, "no candidate")

    assert load.failures == []
    assert set(load.answers) == {OLD_WEIGHT}


STEPS = ["verified", "bringing in", "brought in", "laid", "proving", "proven"]


def at_each(steps: Sequence[str], swap: Callable[[str], None]) -> None:
    """Swap once for each step, some at the same time: it is waiting that takes the time."""
    with ThreadPoolExecutor(4) as pool:
        for swapped in [pool.submit(swap, step) for step in steps]:
            swapped.result()


def marked(step: str) -> str:
    """What the sidecar's log says of a step."""
    return f"{OLD if step == 'kept' else NEW}: {step}"


def test_killed_at_each_step_it_goes_on(tmp_path: Path, servers: StandIns, uris: dict[str, str]) -> None:
    def swap(step: str) -> None:
        serving = NumberedModel(number=OLD, uri=uris["old"])
        with pod(tmp_path / step, servers, serving) as one, Load(one.model_url, pause=0.2) as load:
            one.swap_and(NEW, uris["new"], marked(step), one.restart_following)

            one.until(lambda: load.answers[-1] == NEW_WEIGHT, f"answers after {step}")
            one.until(lambda: one.folders() == {str(NEW), f".previous/{OLD}"}, step)
        assert load.failures == []
        assert load.seen() == [OLD_WEIGHT, NEW_WEIGHT]

    at_each([*STEPS, "kept"], swap)


def test_when_the_server_is_killed_at_each_step_the_swap_goes_on(
    tmp_path: Path, servers: StandIns, uris: dict[str, str]
) -> None:
    def swap(step: str) -> None:
        serving = NumberedModel(number=OLD, uri=uris["old"])
        with pod(tmp_path / step, servers, serving) as one, Load(one.model_url, pause=0.2) as load:
            one.swap_and(NEW, uris["new"], marked(step), one.restart_server)

            one.until(lambda: load.answers and load.answers[-1] == NEW_WEIGHT, f"answers after {step}")
            one.until(lambda: one.folders() == {str(NEW), f".previous/{OLD}"}, step)
        assert load.seen() in ([OLD_WEIGHT, NEW_WEIGHT], [NEW_WEIGHT])

    at_each([*STEPS, "kept"], swap)


def test_a_server_that_ends_while_a_candidate_is_fetched_says_nothing_against_it(
    running: Pod, uris: dict[str, str]
) -> None:
    running.kill_server()
    running.want(running.desired.serving, Candidate(number=NEW, uri=uris["new"], step="BringIn"))
    running.until(lambda: f"{NEW}: brought in" in running.log(), "fetched")

    running.start_server()

    running.until(lambda: running.candidate_state() == "Proven", "proven")
    assert crashes(running) == 0


def crashes(pod: Pod) -> int:
    """How often the server ended while it had the candidate, as the sidecar tells it."""
    report = pod.report()
    assert report is not None
    assert report.candidate is not None
    return report.candidate.crashes


def test_a_candidate_beside_which_the_server_ends_again_and_again_is_given_up(
    running: Pod, uris: dict[str, str]
) -> None:
    running.want(running.desired.serving, Candidate(number=NEW, uri=uris["new"], step="BringIn"))
    for _ in range(3):
        running.until(lambda: NEW in running.loaded(), "the candidate loaded")
        running.kill_server()
        running.until(lambda: str(NEW) not in running.folders(), "the candidate withdrawn")
        assert crashes(running) > 0
        running.start_server()

    running.until(lambda: running.candidate_state() == "Failed", "given up")
    report = running.report()
    assert report is not None
    assert report.candidate is not None
    assert report.candidate.trouble is not None
    assert "the model server ended 3 times while it had" in report.candidate.trouble.message
    running.until(lambda: running.loaded() == {OLD}, "the old one alone")


def test_what_is_not_in_storage_yet_is_waited_for(running: Pod, tmp_path: Path) -> None:
    storage = tmp_path / "later"
    uri = f"file://{storage}/model"
    running.want(running.desired.serving, Candidate(number=NEW, uri=uri, step="Verify"))
    running.until(lambda: running.candidate_state() == "Waiting", "waiting")
    report = running.report()
    assert report is not None
    assert report.candidate is not None
    assert report.candidate.trouble is not None
    assert report.candidate.trouble.reason is PullFailure.MODEL_NOT_FOUND

    export_toy(storage, "model", NEW_WEIGHT)

    running.until(lambda: running.candidate_state() == "Verified", "verified")
    report = running.report()
    assert report is not None
    assert report.candidate is not None
    assert report.candidate.trouble is None


def test_it_reports_at_once_while_the_server_says_nothing_and_takes_little_memory(running: Pod) -> None:
    assert running.server is not None
    running.server.send(signal.SIGSTOP)
    try:
        running.until(lambda: "is silent" in running.log(), "the silence noticed")
        begin = time.monotonic()
        report = running.report()
        assert time.monotonic() - begin < 1
    finally:
        running.server.send(signal.SIGCONT)
    assert report is not None
    assert report.serving == OLD
    assert running.is_ready()
    kibibytes = int(Path(f"/proc/{running.follower}/status").read_text().split("VmRSS:")[1].split()[0])
    assert kibibytes < 64 * 1024
