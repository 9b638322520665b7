from pathlib import Path

import pytest
from tests.support.pulling import artifact, write

from sdp_operator.cli.models import look_at
from sdp_operator.plan.sight import Known, Unfit, Unknown
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure

UNET = Component.DIFFUSION_MODEL


def test_a_model_is_known_by_its_manifest(tmp_path: Path) -> None:
    found = look_at(_written(tmp_path), UNET, Settings())
    assert isinstance(found, Known)
    assert (found.model.weights, found.model.width) == ("test", 96)
    assert found.signatures is not None
    assert set(found.signatures) == {"serving_default", "sample"}


@pytest.mark.parametrize(
    ("demands", "component", "reason"),
    [
        ((), Component.DECODER, PullFailure.WRONG_COMPONENT),
        (("--sd-version", "1.5"), UNET, PullFailure.WRONG_STABLE_DIFFUSION),
        (("--image-size", "512x512"), UNET, PullFailure.WRONG_STABLE_DIFFUSION),
        (("--server-tensorflow", "2.18"), UNET, PullFailure.NEWER_TENSORFLOW),
    ],
)
def test_a_model_is_held_to_what_the_puller_is_told(
    demands: tuple[str, ...], component: Component, reason: PullFailure, tmp_path: Path
) -> None:
    args = ["fetch", "--component", str(component), "--rollout", "r", "--models", "/models", *demands]
    found = look_at(_written(tmp_path), component, Settings(), demands=args)
    assert isinstance(found, Unfit)
    assert found.reason is reason


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("pvc://claim/model", "unknown from here: it lies on a claim, which only pods can read"),
        ("file:///of/a/node", "unknown from here: it lies on the nodes"),
        (
            "gs://b/m",
            "unknown from here: it lies in the cluster's emulator; set STORAGE_EMULATOR_HOST to reach it",
        ),
    ],
)
def test_what_can_not_be_read_from_here_is_unknown(uri: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    settings = Settings(storage_emulator_host="http://emulator")
    assert look_at(ModelUri.parse(uri), UNET, settings) == Unknown(why, uri)


def _written(folder: Path) -> ModelUri:
    return ModelUri.parse(write(folder / "model", artifact()))
