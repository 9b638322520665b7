"""The puller killed at each change that it makes to the disk, and started again."""

from pathlib import Path

import pytest
from tests.support.killing import survives
from tests.support.pulling import NUMBER, Puller, artifact, fetch, laid, write

from sdp_serving.contract.components import Component

HOME = Path("models", Component.DIFFUSION_MODEL)


@pytest.fixture
def files() -> dict[str, bytes]:
    return artifact()


@pytest.mark.parametrize("cached", [False, True], ids=["without a cache", "with a cache"])
@pytest.mark.parametrize("damaged", [False, True], ids=["at first", "over a damaged model"])
def test_what_the_server_sees_is_whole_at_every_moment_and_the_next_run_ends_well(
    tmp_path: Path, files: dict[str, bytes], cached: bool, damaged: bool
) -> None:
    uri = write(tmp_path / "storage", files)
    alive, change = False, 0
    while not alive:
        change += 1
        puller = Puller(tmp_path / str(change))
        puller.report.parent.mkdir()
        cache = puller.models.with_name("cache")
        command = puller.fetching(uri) + ([f"--cache={cache}"] if cached else [])
        if damaged:
            puller.run(command)
            spoil(cache)
            spoil(puller.models)

        alive = survives(change, fetch, command)

        home = tmp_path / str(change) / HOME
        if (home / str(NUMBER)).exists() and not damaged:
            assert laid(home) == files, change
        run = puller.run(command)
        assert run.code == 0, (change, run.said)
        assert run.laid() == files, change
        assert [entry.name for entry in home.iterdir()] == [str(NUMBER)], change
        if cached:
            assert not list(cache.glob("*.partial")), change
            assert puller.fetch(uri, f"--cache={cache}", number=NUMBER - 1).code == 0
    assert change > 10


def spoil(folder: Path) -> None:
    """Damage all models below a folder."""
    for path in folder.rglob("variables.data*"):
        path.write_bytes(b"x" * path.stat().st_size)
