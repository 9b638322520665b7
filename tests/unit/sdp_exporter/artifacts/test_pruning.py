from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.artifacts import manifest, saved_model

from sdp_exporter.artifacts.listing import Artifact
from sdp_exporter.artifacts.pipelines import InUse
from sdp_exporter.artifacts.pruning import prune
from sdp_exporter.stores import Stored
from sdp_serving.contract.artifact import SAVED_MODEL, ModelUri, Version

NOW = datetime(2026, 1, 3, tzinfo=UTC)
NOBODY = InUse(())


def artifact(version: int, *, whole: bool = True, days: float = 2, model: str = "gs://b/decoder") -> Artifact:
    sizes = {SAVED_MODEL: 1} if whole else {"fingerprint.pb": 1}
    stored = Stored(Version(version), sizes, changed=NOW - timedelta(days=days), manifest=None)
    return Artifact(ModelUri.parse(model), stored)


def doomed(artifacts: list[Artifact], keep: int, in_use: InUse = NOBODY) -> list[int]:
    return [one.stored.version for one in prune(artifacts, keep, in_use, NOW).doomed]


def test_the_last_versions_of_each_model_stay() -> None:
    decoders = [artifact(version) for version in (1, 2, 3)]
    encoders = [artifact(version, model="gs://b/text-encoder") for version in (4, 5)]
    assert doomed([*decoders, *encoders], 2) == [1]
    assert doomed([*decoders, *encoders], 1) == [1, 2, 4]
    assert doomed(decoders, 5) == []


def test_an_unfinished_version_is_none_of_the_last_and_goes_once_it_is_old() -> None:
    assert doomed([artifact(1), artifact(2, whole=False), artifact(3, whole=False, days=0.5)], 1) == [2]


def test_a_damaged_version_is_none_of_the_last_and_goes_with_what_is_older_than_they(tmp_path: Path) -> None:
    described = manifest(saved_model(tmp_path), 1)

    def damaged(version: int) -> Artifact:
        one = artifact(version)
        return replace(one, stored=replace(one.stored, manifest=described), faults=["variables.index is missing"])

    versions = [damaged(1), artifact(2), artifact(3), damaged(4)]
    assert doomed(versions, 1) == [1, 2]
    assert doomed(versions, 2) == [1]
    assert doomed(versions, 3) == []


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ('{"model": "gs://b/decoder/1"}', True),
        ('{"model": "gs://b/decoder", "version": 1}', True),
        ('{"annotations": {"swap": "{\\"uri\\": \\"gs://b/decoder\\", \\"version\\": 1}"}}', True),
        ('{"model": "https://storage.googleapis.com/b/decoder/1"}', True),
        ('{"model": "gs://b/decoder", "version": 12}', False),
        ('{"model": "gs://other-b/decoder/1"}', False),
        ('{"model": "gs://b/decoder-2/1"}', False),
        ('{"model": "gs://b/decoder"}', False),
    ],
)
def test_what_an_object_of_the_cluster_names_is_used(text: str, *, used: bool) -> None:
    in_use = InUse([text])
    assert in_use.uses(ModelUri.parse("gs://b/decoder/1")) is used
    assert doomed([artifact(1), artifact(2)], 1, in_use) == ([] if used else [1])
