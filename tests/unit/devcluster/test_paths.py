"""Names of clusters, and where their files lie."""

from pathlib import Path

import pytest

from devcluster import ClusterError
from devcluster.paths import ClusterPaths, cache_dir


@pytest.mark.parametrize("name", ["", "../demo", "Demo", "-demo", "demo-", "a" * 41, "de mo"])
def test_a_name_that_is_no_safe_path_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ClusterError, match="use up to 40 lower-case letters, digits and inner dashes"):
        ClusterPaths.of(name)


@pytest.mark.parametrize("name", ["a", "demo", "test-123", "a" * 40])
def test_a_plain_name_is_taken(name: str) -> None:
    assert ClusterPaths.of(name).state.name == name


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_dir() == tmp_path / "sdpipeline"


def test_the_images_are_no_part_of_the_state_that_down_removes() -> None:
    paths = ClusterPaths.of("demo")

    assert not paths.images.is_relative_to(paths.state)
