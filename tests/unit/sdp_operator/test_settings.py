import pytest
from pydantic import ValidationError

from sdp_operator.settings import Settings


def test_all_namespaces_are_served_unless_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().namespaces == ()
    monkeypatch.setenv("SDP_NAMESPACES", "art, studio,")
    assert Settings().namespaces == ("art", "studio")


@pytest.mark.parametrize("root", ["models", "/", "/srv/../etc"])
def test_a_folder_for_local_files_that_opens_too_much_is_refused(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDP_LOCAL_FILES_ROOT", root)
    with pytest.raises(ValidationError, match="absolute path of a folder below /"):
        Settings()
