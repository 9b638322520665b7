"""What a request in OpenAI's form wants, in the pipeline's own terms. Pure."""

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.routes import Variant
from sdp_serving.gateway.openai.requests import EditRequest, GenerationRequest, read_size
from sdp_serving.gateway.studio import Wanted
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.request import DEFAULT_STEPS, DEFAULT_STRENGTH, ImageRequest, Size, Source

_MASKED_STRENGTH = 1.0
"""What a mask covers is drawn anew: nothing of it is to remain."""


def wanted(asked: GenerationRequest, variant: Variant | None, source: Source | None = None) -> Wanted:
    """What is wanted.

    Raises:
        InvalidRequestError: no model could do it.
    """
    size = read_size(asked.size)
    request = ImageRequest(
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        images=asked.n,
        seed=asked.seed,
        steps=DEFAULT_STEPS if asked.steps is None else asked.steps,
        guidance_scale=asked.guidance_scale,
        size=None if size is None else Size(*size),
        sampler=asked.sampler,
        schedule=asked.schedule,
        source=source,
    )
    return Wanted(request, Encoding(asked.output_format), asked.output_compression, asked.partial_images, variant)


def source(asked: EditRequest, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> Source:
    """What an edit starts from.

    Args:
        asked: the fields.
        image: uint8 [h, w, 3], RGB.
        mask: uint8 [h, w], 255 where to draw anew.

    Raises:
        InvalidRequestError: no model could do it.
    """
    usual = DEFAULT_STRENGTH if mask is None else _MASKED_STRENGTH
    return Source(image, mask, usual if asked.strength is None else asked.strength)
