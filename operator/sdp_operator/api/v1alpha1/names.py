"""What the custom resource is called."""

from typing import Final

from sdp_serving.contract.components import Component

GROUP: Final = "sdpipeline.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "StableDiffusionPipeline"
PLURAL: Final = "stablediffusionpipelines"

MAX_NAME: Final = 63 - len(f"-{Component.DIFFUSION_MODEL}")
"""A Service's name has at most 63 characters, and the longest one of a pipeline ends in `-diffusion-model`."""

NAME_PATTERN: Final = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
