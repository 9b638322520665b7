from pathlib import Path

from sdp_serving.contract.artifact import FileEntry
from sdp_serving.puller.verify import crc32c, damaged


def test_the_checksum_is_crc32c(tmp_path: Path) -> None:
    path = tmp_path / "file"
    # The check value of the CRC-32C (Castagnoli) algorithm.
    path.write_bytes(b"123456789")
    assert crc32c(path) == "e3069283"


def test_missing_and_changed_files_are_named(tmp_path: Path) -> None:
    good = FileEntry(size=9, crc32c="e3069283")
    for name, content in {"good": b"123456789", "flipped": b"123456780", "short": b"12345678"}.items():
        (tmp_path / name).write_bytes(content)
    assert damaged(tmp_path, dict.fromkeys(["good", "flipped", "short", "absent"], good)) == [
        "flipped",
        "short",
        "absent",
    ]
