"""Programs from the system's packages."""

import os

import pytest

from devcluster import ClusterError, debian


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])  # provide() adds to it; put back afterwards.


def test_programs_that_are_there_need_no_package() -> None:
    debian.provide({"sh": "no-such-package"})


def test_without_root_a_missing_program_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(ClusterError) as caught:
        debian.provide({"no-such-program": "its-package", "sh": "dash"})

    assert str(caught.value) == "Missing: no-such-program. On Debian: sudo apt-get install its-package"
