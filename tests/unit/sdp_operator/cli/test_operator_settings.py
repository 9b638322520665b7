from pathlib import PurePosixPath

import pytest

from sdp_operator.cli.operator_settings import read_settings
from sdp_operator.settings import Settings


def test_the_operators_environment_counts_and_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDP_SERVER_IMAGE", "the users")
    settings = read_settings(
        {
            "SDP_PULLER_IMAGE": "puller:7",
            "SDP_NAMESPACES": "a, b",
            "SDP_LOCAL_FILES_ROOT": "/srv/models",
            "SDP_OF_A_LATER_VERSION": "x",
        }
    )
    assert settings.puller_image == "puller:7"
    assert settings.namespaces == ("a", "b")
    assert settings.local_files_root == PurePosixPath("/srv/models")
    assert settings.server_image == Settings.model_fields["server_image"].default
