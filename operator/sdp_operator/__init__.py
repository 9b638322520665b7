"""The control plane: from a StableDiffusionPipeline to Deployments and Services, and back to its status."""

from typing import Final

__version__: Final = "0.1.0"
