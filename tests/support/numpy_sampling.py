"""Sampling in NumPy and float64, each sampler as its paper or first program writes it: not as one formula for all."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Predict = Callable[[Array, float], Array]
"""latent, timestep -> noise."""

RHO = 7


class NumpySampling:
    """The samplers on the schedule of `alphas`, the cumulative products of (1 - beta)."""

    def __init__(self, alphas: NDArray[np.float32]) -> None:
        exact = alphas.astype(np.float64)
        self._sigmas = np.sqrt((1 - exact) / exact)
        self._logs = np.log(self._sigmas)
        self._timesteps = np.arange(len(alphas))

    def levels(self, schedule: str, num_steps: int) -> tuple[Array, Array]:
        """The timesteps, falling, and their sigmas with a 0 after the last."""
        if schedule == "karras":
            largest, smallest = self._sigmas[-1], self._sigmas[0]
            roots = np.linspace(largest ** (1 / RHO), smallest ** (1 / RHO), num_steps)
            sigmas = roots**RHO
            timesteps = np.interp(np.log(sigmas), self._logs, self._timesteps)
            return timesteps, np.append(sigmas, 0)
        if schedule == "trailing":
            timesteps = np.array([round(Fraction(1000 * left, num_steps)) - 1.0 for left in range(num_steps, 0, -1)])
        elif num_steps == 1:
            timesteps = np.array([999.0])
        else:
            # KerasCV's StableDiffusionBase.generate_image.
            timesteps = (np.arange(num_steps) * (999 / (num_steps - 1))).round()[::-1]
        return timesteps, np.append(self._sigmas[timesteps.astype(int)], 0)

    def sigma(self, timestep: float) -> float:
        """The level of a timestep, which may lie between two of the training's."""
        return float(np.exp(np.interp(timestep, self._timesteps, self._logs)))

    def sample(
        self,
        sampler: str,
        predict: Predict,
        latent: Array,
        levels: tuple[Array, Array],
        noises: Sequence[Array],
    ) -> Array:
        """The clean latent; `noises` are what the ancestral sampler adds, in the order of the steps."""
        timesteps, sigmas = levels
        match sampler:
            case "ddim":
                return self.ddim(predict, latent, timesteps, sigmas)
            case "euler":
                return self._euler(predict, latent, timesteps, sigmas)
            case "euler_ancestral":
                return self._euler_ancestral(predict, latent, timesteps, sigmas, noises)
            case _:
                return self._dpm_solver_pp_2m(predict, latent, timesteps, sigmas)

    def ddim(
        self,
        predict: Predict,
        latent: Array,
        timesteps: Array,
        sigmas: Array,
        after: Callable[[int, float, Array], Array] = lambda index, alpha, latent: latent,
    ) -> Array:
        """In KerasCV's form, with alphas; `after` each step its number, the alpha reached and the latent."""
        alphas = 1 / (1 + sigmas**2)
        for index, timestep in enumerate(timesteps):
            alpha, following = alphas[index], alphas[index + 1]
            noise = predict(latent, timestep)
            clean = (latent - np.sqrt(1 - alpha) * noise) / np.sqrt(alpha)
            latent = np.sqrt(following) * clean + np.sqrt(1 - following) * noise
            latent = after(index, following, latent)
        return np.asarray(latent)

    def _euler(self, predict: Predict, latent: Array, timesteps: Array, sigmas: Array) -> Array:
        """The ODE dx = noise dsigma of the latent divided by its signal's share (Karras et al. 2022)."""
        scaled = latent * np.sqrt(1 + sigmas[0] ** 2)
        for index, timestep in enumerate(timesteps):
            slope = predict(scaled / np.sqrt(1 + sigmas[index] ** 2), timestep)
            scaled = scaled + slope * (sigmas[index + 1] - sigmas[index])
        return np.asarray(scaled)

    def _euler_ancestral(
        self, predict: Predict, latent: Array, timesteps: Array, sigmas: Array, noises: Sequence[Array]
    ) -> Array:
        scaled = latent * np.sqrt(1 + sigmas[0] ** 2)
        for index, timestep in enumerate(timesteps):
            sigma, following = sigmas[index], sigmas[index + 1]
            up = np.sqrt(following**2 * (sigma**2 - following**2) / sigma**2)
            down = np.sqrt(following**2 - up**2)
            scaled = scaled + predict(scaled / np.sqrt(1 + sigma**2), timestep) * (down - sigma) + up * noises[index]
        return np.asarray(scaled)

    def _dpm_solver_pp_2m(self, predict: Predict, latent: Array, timesteps: Array, sigmas: Array) -> Array:
        """Algorithm 2 of Lu et al. 2022 in lambda, the logarithm of the signal's share over the noise's."""
        signals = 1 / np.sqrt(1 + sigmas**2)
        spreads = sigmas * signals
        lambdas = np.log(signals[:-1] / spreads[:-1])
        before = None
        for index, timestep in enumerate(timesteps):
            clean = (latent - spreads[index] * predict(latent, timestep)) / signals[index]
            if index == len(timesteps) - 1:
                return np.asarray(clean)
            h = lambdas[index + 1] - lambdas[index]
            direction = clean
            if before is not None:
                r = (lambdas[index] - lambdas[index - 1]) / h
                direction = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * before
            latent = spreads[index + 1] / spreads[index] * latent - signals[index + 1] * np.expm1(-h) * direction
            before = clean
        return np.asarray(latent)
