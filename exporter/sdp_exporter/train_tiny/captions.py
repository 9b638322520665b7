"""Captions as tokens, and the few rows of the token table that they need."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sdp_exporter.models.tiny import NULL_PROMPT
from sdp_exporter.train_tiny.drawings import SCENES
from sdp_serving.contract.tokenizer import Tokenizer


def tokens(captions: Iterable[str]) -> npt.NDArray[np.int32]:
    """Returns int32 [captions, 77]."""
    tokenizer = Tokenizer()
    return np.array([tokenizer.encode(caption) for caption in captions], np.int32)


def known_tokens() -> npt.NDArray[np.int32]:
    """Returns, growing, the tokens that any scene's caption holds: those whose rows are trained."""
    captions = [caption for scene in SCENES for caption in (scene.caption, scene.sizeless_caption)]
    return np.unique(tokens([NULL_PROMPT, *captions]))
