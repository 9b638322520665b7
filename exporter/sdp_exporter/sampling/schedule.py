"""The noise schedule that Stable Diffusion was trained on."""

import numpy as np
import numpy.typing as npt

from sdp_exporter.sampling.ddim import TRAINING_STEPS

_FIRST_BETA = 0.00085
_LAST_BETA = 0.012


def alphas_cumprod() -> npt.NDArray[np.float32]:
    """Returns the cumulative product of (1 - beta) by timestep, float32 [1000], falling from 0.9991 to 0.0047.

    The betas are "scaled linear", evenly spaced in their square roots, as in CompVis' v1-inference.yaml and
    `make_beta_schedule` (https://github.com/CompVis/stable-diffusion). KerasCV's `_ALPHAS_CUMPROD` lists these values.
    """
    betas = np.linspace(_FIRST_BETA**0.5, _LAST_BETA**0.5, TRAINING_STEPS) ** 2
    return np.cumprod(1 - betas).astype(np.float32)
