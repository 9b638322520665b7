"""What KerasCV and the exported models are both asked, and where their answers lie."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sdp_serving.contract.components import Component

PROMPT: Final = "a photograph of an astronaut riding a horse"
NEGATIVE_PROMPT: Final = "blurry, low quality"
GUIDANCE_SCALE: Final = 7.5
SEED: Final = 20261123
SIDE: Final = 128
"""Of a picture, in pixels: the smallest that KerasCV draws. Full-size networks take long enough."""

KERASCV: Final = "kerascv"
EXPORTED: Final = "exported"


def weights(folder: Path, component: Component) -> Path:
    """The file that KerasCV writes the component's weights to."""
    return folder / f"{component}.weights.h5"


def answer(folder: Path, whose: str, what: str) -> Path:
    """The file with an answer; `what` is `context`, `latent of 20 steps` and the like."""
    return folder / f"{whose} {what}.npy"


def picture() -> NDArray[np.float32]:
    """What the image encoder is asked for: float32 [1, 128, 128, 3] in [-1, 1]."""
    random = np.random.default_rng(SEED)
    return random.uniform(-1, 1, [1, SIDE, SIDE, 3]).astype(np.float32)
