"""Waiting with a deadline."""

from pathlib import Path

import pytest

from devcluster import ClusterError
from devcluster.waiting import wait_for


def test_it_asks_until_the_condition_holds() -> None:
    answers = iter([False, False, True])

    wait_for("the third answer", lambda: next(answers), seconds=5)

    assert list(answers) == []


def test_a_passed_deadline_says_what_was_waited_for_and_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "etcd.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))

    with pytest.raises(ClusterError) as caught:
        wait_for("etcd", lambda: False, seconds=0, log=log)

    message = str(caught.value)
    assert message.startswith(f"Waited 0 s for etcd, in vain. The last lines of {log}:\n  line 92\n")
    assert message.endswith("line 99")


def test_a_missing_log_is_left_out_of_the_message(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"in vain\.$"):
        wait_for("etcd", lambda: False, seconds=0, log=tmp_path / "absent.log")
