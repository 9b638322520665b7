"""What a request may choose of the sampling: the values of the inputs `sampler` and `schedule`."""

from enum import StrEnum
from typing import Final

MOST_STEPS: Final = 1000
"""The timesteps of Stable Diffusion's training, and so the most steps that sampling can take."""


class Sampler(StrEnum):
    """How a latent is brought from one noise level to the next."""

    DDIM = "ddim"
    """KerasCV's, deterministic (Song et al. 2021)."""
    DPM_SOLVER_PP_2M = "dpm_solver_pp_2m"
    """DPM-Solver++(2M) (Lu et al. 2022): of second order, so that 20 steps do for DDIM's 50."""
    EULER = "euler"
    """Euler's method on the probability flow ODE in sigma space (Karras et al. 2022): the very step of DDIM."""
    EULER_ANCESTRAL = "euler_ancestral"
    """Euler's method to below the next noise level, and fresh noise up to it."""


class Schedule(StrEnum):
    """Which noise levels the steps visit."""

    LINSPACE = "linspace"
    """KerasCV's: timesteps evenly spread over 0 to 999, both ends included."""
    TRAILING = "trailing"
    """Timesteps evenly spread from 999 down, the last well above 0 (Lin et al. 2024, table 2): for few steps."""
    KARRAS = "karras"
    """Close together where there is little noise (Karras et al. 2022, equation 5 with rho 7)."""
