import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import google_crc32c
import pytest
from tests.support.toy_models import toy_source

import sdp_exporter
from sdp_exporter.artifact import describe, file_entries, next_version
from sdp_exporter.digest import source_digest
from sdp_serving.contract.artifact import FileEntry, Version
from sdp_serving.contract.components import Component

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_MS = 1767268800000


def test_a_version_is_the_time_in_milliseconds() -> None:
    assert next_version(NOON, []) == NOON_MS
    assert next_version(NOON, [Version(1), Version(NOON_MS - 1)]) == NOON_MS


def test_a_version_is_above_every_one_there_even_when_the_clock_is_behind() -> None:
    assert next_version(NOON, [Version(3), Version(NOON_MS + 10)]) == NOON_MS + 11
    assert next_version(NOON, [Version(NOON_MS)]) == NOON_MS + 1


def test_every_file_is_listed_with_its_size_and_checksum(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"x" * 3_000_000)
    (tmp_path / "saved_model.pb").write_bytes(b"123456789")
    entries = file_entries(tmp_path)
    assert list(entries) == ["saved_model.pb", "variables/data"]
    assert entries["saved_model.pb"].crc32c == "e3069283", "the check value of CRC-32C"
    assert entries["variables/data"].size == 3_000_000
    assert int(entries["variables/data"].crc32c, 16) == google_crc32c.value(b"x" * 3_000_000)


def test_the_manifest_says_what_the_server_must_be_able_to_do(weights: Path) -> None:
    source = replace(toy_source(Component.DECODER, weights), precision="bfloat16", jit_compile=True)
    manifest = describe(
        source,
        version=Version(1),
        created=NOON,
        digest=source_digest(source),
        tensorflow="2.20.0",
        signatures={},
        files={"saved_model.pb": FileEntry(size=1, crc32c="00000000")},
    )
    assert (manifest.precision, manifest.jit_compiled) == ("bfloat16", True)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_text("1.0")
    return path


def test_the_same_source_has_the_same_digest(weights: Path) -> None:
    source = toy_source(Component.DECODER, weights)
    assert source_digest(source) == source_digest(source)


def test_other_weights_or_another_component_have_another_digest(weights: Path) -> None:
    before = source_digest(toy_source(Component.DECODER, weights))
    assert source_digest(toy_source(Component.TEXT_ENCODER, weights)) != before
    weights.write_text("2.0")
    assert source_digest(toy_source(Component.DECODER, weights)) != before


def test_another_tensorflow_has_another_digest(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = toy_source(Component.DECODER, weights)
    before = source_digest(source)
    monkeypatch.setattr("sdp_exporter.digest.version", lambda name: "0")
    assert source_digest(source) != before


def test_the_exporter_knows_the_projects_version() -> None:
    pyproject = Path(__file__).parents[3] / "pyproject.toml"
    assert sdp_exporter.__version__ == tomllib.loads(pyproject.read_text())["project"]["version"]
