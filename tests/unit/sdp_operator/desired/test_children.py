"""What a pipeline should have."""

from pathlib import PurePosixPath

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.desired.children import Children, Forbidden, desired
from sdp_operator.desired.deployment import revision
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

SETTINGS = Settings(local_files_root=PurePosixPath("/srv/models"), storage_emulator_host="http://emulator:4443")


def test_a_swap_changes_only_the_revision_of_its_component() -> None:
    spec = {"textEncoder": {"model": "gs://b/t"}, "diffusionModel": {"model": "gs://b/d"}}
    before = desired(pipeline(spec), SETTINGS)
    after = desired(pipeline({**spec, "diffusionModel": {"model": "gs://b/other"}}), SETTINGS)
    assert before[Component.TEXT_ENCODER] == after[Component.TEXT_ENCODER]
    old, new = before[Component.DIFFUSION_MODEL], after[Component.DIFFUSION_MODEL]
    assert isinstance(old, Children)
    assert isinstance(new, Children)
    assert old.service == new.service
    assert revision(old.deployment) != revision(new.deployment)


@pytest.mark.parametrize(
    ("uri", "settings", "message"),
    [
        ("file:///srv/models/x", Settings(), "which this operator refuses: upload the model"),
        ("file:///etc/shadow", SETTINGS, "lies outside of /srv/models"),
        ("file:///srv/models-too/x", SETTINGS, "lies outside of /srv/models"),
    ],
)
def test_a_file_of_the_node_is_served_only_from_the_allowed_folder(uri: str, settings: Settings, message: str) -> None:
    wanted = desired(pipeline({"decoder": {"model": uri}}), settings)[Component.DECODER]
    assert isinstance(wanted, Forbidden)
    assert message in wanted.message
