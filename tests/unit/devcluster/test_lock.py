"""Locks between processes."""

import os
from pathlib import Path

import pytest

from devcluster import ClusterError
from devcluster.lock import holder_of, locked_or_refused


def test_a_held_lock_is_refused_with_its_holder_of(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock"
    with (
        locked_or_refused(path, "The cluster demo"),
        pytest.raises(ClusterError, match=rf"^The cluster demo is in use by process {os.getpid()}: wait"),
        locked_or_refused(path, "The cluster demo"),
    ):
        pass


def test_a_lock_is_given_back_and_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock"
    for _ in range(2):
        with locked_or_refused(path, "The cluster demo"):
            assert holder_of(path) == str(os.getpid())
        assert holder_of(path) is None


def test_a_holder_may_remove_the_file(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock"
    with locked_or_refused(path, "The cluster demo"):
        path.unlink()
    assert holder_of(path) is None
