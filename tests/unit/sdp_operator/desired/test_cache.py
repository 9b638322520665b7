"""The cache of models that pods share."""

from pathlib import PurePosixPath

import pytest

from sdp_operator.api.v1alpha1 import Cache
from sdp_operator.desired.cache import cache_flags, cache_mounts, cache_refusal, cache_volumes
from sdp_operator.settings import Settings

ROOT = PurePosixPath("/var/cache/sdpipeline")


def test_without_a_cache_nothing_is_mounted() -> None:
    assert (cache_flags(None), cache_mounts(None), cache_volumes(None)) == ([], [], [])


def test_a_folder_of_the_node_is_made_where_it_is_missing() -> None:
    (volume,) = cache_volumes(Cache(host_path="/var/cache/sdpipeline"))
    assert volume["hostPath"] == {"path": "/var/cache/sdpipeline", "type": "DirectoryOrCreate"}


def test_a_claim_is_mounted_by_its_name() -> None:
    cache = Cache(claim_name="models")
    (volume,), (mount,) = cache_volumes(cache), cache_mounts(cache)
    assert volume == {"name": mount["name"], "persistentVolumeClaim": {"claimName": "models"}}


@pytest.mark.parametrize(
    ("cache", "root"),
    [
        (None, None),
        (Cache(claim_name="models"), None),
        (Cache(host_path="/var/cache/sdpipeline"), ROOT),
        (Cache(host_path="/var/cache/sdpipeline/art"), ROOT),
    ],
)
def test_a_claim_and_a_folder_below_the_allowed_one_are_fine(cache: Cache | None, root: PurePosixPath | None) -> None:
    assert cache_refusal(cache, Settings(cache_root=root)) is None


@pytest.mark.parametrize(
    ("path", "root", "said"),
    [
        ("/var/cache/sdpipeline", None, "or have the operator's administrator set SDP_CACHE_ROOT"),
        ("/var/cache/sdpipeline-too", ROOT, "outside of /var/cache/sdpipeline"),
        ("/etc", ROOT, "choose one below that"),
    ],
)
def test_other_folders_of_nodes_are_refused(path: str, root: PurePosixPath | None, said: str) -> None:
    refused = cache_refusal(Cache(host_path=path), Settings(cache_root=root))
    assert refused is not None
    assert said in refused
