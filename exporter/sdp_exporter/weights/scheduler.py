"""What a diffusion model was trained to do, as diffusers writes it beside the weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sdp_exporter.errors import UnusableWeightsError

Prediction = Literal["epsilon", "v"]

_PREDICTIONS: Final[Mapping[str, Prediction]] = {"epsilon": "epsilon", "v_prediction": "v"}
"""What a model predicts, by diffusers' name for it."""
_NOISE_SCHEDULE: Final[Mapping[str, tuple[Any, ...]]] = {
    "num_train_timesteps": (1000,),
    "beta_schedule": ("scaled_linear",),
    "beta_start": (0.00085,),
    "beta_end": (0.012,),
    "trained_betas": (None, []),
}
"""That of Stable Diffusion, by diffusers' names for what makes it up."""


@dataclass(frozen=True)
class Training:
    """What sampling must know of how the model was trained."""

    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False
    """Whether nothing but noise was left at the last timestep (Lin et al. 2024, https://arxiv.org/abs/2305.08891)."""


def read(config: Path, prediction: Prediction | None = None) -> Training:
    """What a `scheduler_config.json` says, or `prediction` where that is given.

    Which sampler diffusers takes, and in which steps, is said there too; here each request chooses.

    Raises:
        UnusableWeightsError: if it is damaged, or says what no sampler here can do.
    """
    try:
        said = dict(json.loads(config.read_text()))
    except (OSError, ValueError, TypeError):
        raise UnusableWeightsError(f"{config} is damaged: copy or download it again") from None
    kind = said.get("prediction_type", "epsilon")
    if prediction is None and kind not in _PREDICTIONS:
        raise UnusableWeightsError(
            f"{config} says that the diffusion model predicts {kind!r}, which no sampler here takes: give one that"
            f" predicts {' or '.join(_PREDICTIONS)}, or say with --prediction what it does"
        )
    for name, known in _NOISE_SCHEDULE.items():
        if said.get(name, known[0]) not in known:
            raise UnusableWeightsError(
                f"{config} says that the diffusion model was trained with a {name} of {said[name]}, not {known[0]} as"
                " Stable Diffusion is: give one that was, or correct the file"
            )
    training = Training(prediction or _PREDICTIONS[kind], bool(said.get("rescale_betas_zero_snr")))
    if training.zero_terminal_snr and training.prediction == "epsilon":
        raise UnusableWeightsError(
            f"{config} asks for betas with a zero terminal SNR (rescale_betas_zero_snr), at which a model that predicts"
            " the noise says nothing of the picture: set it to false there, or say --prediction v if it predicts v"
        )
    return training
