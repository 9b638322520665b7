from pathlib import Path

import pytest

from sdp_serving.gateway.api_keys import ApiKeys


def test_a_key_a_line_lets_in_and_tells_clients_apart(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("one\n\n two \r\n")
    keys = ApiKeys(file)
    one, two = keys.client("Bearer one"), keys.client("bearer two")

    assert one is not None
    assert two is not None
    assert one != two
    assert "one" not in one
    assert keys.client("Bearer one") == one


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "one", "Basic one", "Bearer on", "Bearer oneone", "Bearer \udce4", "Bearer é"],
)
def test_anything_else_does_not(tmp_path: Path, header: str | None) -> None:
    file = tmp_path / "keys"
    file.write_text("one\n\n")

    assert ApiKeys(file).client(header) is None


def test_a_mounted_secret_is_a_folder_of_keys(tmp_path: Path) -> None:
    version = tmp_path / "..2026_01_01"
    version.mkdir()
    (version / "alice").write_text("one")
    (tmp_path / "..data").symlink_to(version)
    (tmp_path / "alice").symlink_to(tmp_path / "..data" / "alice")
    keys = ApiKeys(tmp_path)
    assert keys.client("Bearer one") is not None

    following = tmp_path / "..2026_01_02"
    following.mkdir()
    (following / "alice").write_text("two")
    (tmp_path / "..data").unlink()
    (tmp_path / "..data").symlink_to(following)

    assert keys.client("Bearer one") is None
    assert keys.client("Bearer two") is not None


def test_without_readable_keys_nobody_is_let_in_until_they_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    keys = ApiKeys(file)
    assert keys.client("Bearer one") is None
    assert keys.client("Bearer ") is None
    assert len([line for line in caplog.records if "nobody has a right one" in line.message]) == 1

    file.write_text("one")
    assert keys.client("Bearer one") is not None
    file.write_bytes(b"\xff")
    assert keys.client("Bearer one") is None
    assert "one" not in [line.message for line in caplog.records][-1].split()[-1]
