from pathlib import Path

import pytest
from tests.support.pulling import VERSION, artifact, write

from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.puller.bring import bring
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.job import GivenUpError
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.laid import laid_in
from sdp_serving.puller.storage import open_storage


def test_a_fetch_that_is_given_up_when_all_has_arrived_leaves_nothing_that_counts_as_whole(tmp_path: Path) -> None:
    uri = ModelUri.parse(f"{write(tmp_path / 'storage', artifact())}/{VERSION}")
    storage = open_storage(uri, patience=0)
    found = inspect(storage, uri, Wanted(Component.DIFFUSION_MODEL))
    said: list[str] = []

    def progress(_: int) -> None:
        if any(line.startswith("fetched") for line in said):
            raise GivenUpError

    with pytest.raises(GivenUpError):
        bring(storage, found, tmp_path / "into", say=said.append, progress=progress)

    assert laid_in(tmp_path / "into") is None
