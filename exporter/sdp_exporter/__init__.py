"""Writes the models of Stable Diffusion as SavedModels and publishes them; the only part that builds models."""

from typing import Final

__version__: Final = "0.1.0"
