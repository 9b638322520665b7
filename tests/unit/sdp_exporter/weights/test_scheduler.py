import json
from pathlib import Path
from typing import Any

import pytest

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.scheduler import Prediction, Training, read

STABLE_DIFFUSION = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}


def written(folder: Path, **fields: Any) -> Path:
    path = folder / "scheduler_config.json"
    path.write_text(json.dumps(STABLE_DIFFUSION | fields))
    return path


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Training("epsilon")),
        ({"prediction_type": "epsilon", "trained_betas": []}, Training("epsilon")),
        ({"prediction_type": "v_prediction", "rescale_betas_zero_snr": False}, Training("v")),
        ({"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}, Training("v", zero_terminal_snr=True)),
    ],
)
def test_a_scheduler_says_what_the_model_was_trained_to_do(
    fields: dict[str, Any], expected: Training, tmp_path: Path
) -> None:
    assert read(written(tmp_path, **fields)) == expected


@pytest.mark.parametrize("kind", ["epsilon", "sample"])
def test_what_the_user_says_of_the_prediction_goes_before(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, prediction_type=kind, rescale_betas_zero_snr=True)

    assert read(path, "v") == Training("v", zero_terminal_snr=True)


@pytest.mark.parametrize(
    ("fields", "prediction", "message"),
    [
        ({"prediction_type": "sample"}, None, "predicts 'sample', which no sampler here takes"),
        ({"rescale_betas_zero_snr": True}, None, r"zero terminal SNR \(rescale_betas_zero_snr\).*--prediction v if"),
        (
            {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True},
            "epsilon",
            "zero terminal SNR",
        ),
        ({"beta_schedule": "linear"}, None, "with a beta_schedule of linear, not scaled_linear"),
        ({"beta_end": 0.02}, None, r"with a beta_end of 0\.02, not 0\.012"),
        ({"num_train_timesteps": 4000}, None, "with a num_train_timesteps of 4000, not 1000"),
        ({"trained_betas": [0.1]}, None, "with a trained_betas of"),
    ],
)
def test_what_no_sampler_here_can_do_is_refused(
    fields: dict[str, Any], prediction: Prediction | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableWeightsError, match=message):
        read(written(tmp_path, **fields), prediction)


@pytest.mark.parametrize("content", ["", "[1]", "7", "\ufffd"])
def test_a_damaged_scheduler_is_called_damaged(content: str, tmp_path: Path) -> None:
    path = tmp_path / "scheduler_config.json"
    path.write_text(content)

    with pytest.raises(UnusableWeightsError, match="is damaged: copy or download it again"):
        read(path)
