"""One picture that shows the base, the style and the new word side by side, for the documentation."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sdp_exporter.models import tiny
from sdp_exporter.train_tiny.sampling import draw_prompts

_PROMPTS: Final = (
    "a large red circle on a blue background",
    "a small green star on a pink background",
    "a large purple triangle on a gray background",
    "a small orange square on a black background",
    "a large sks on a blue background",
    "a small sks on a green background",
)
_SEED = 1
_SIDE = 132
_GAP = 10
_LEFT = 20
_CAPTION_HEIGHT = 46
_LABEL_HEIGHT = 30
_INK = (40, 44, 52)


def contact_sheet(folder: Path = tiny.WEIGHTS) -> Image.Image:
    """Returns a sheet of a row for each set of models, about 900 pixels wide, with the prompts above."""
    decoder = tiny.decoder("base", folder)
    rows = {
        title: draw_prompts(
            _PROMPTS, tiny.text_encoder(words, folder), tiny.diffusion_model(drawing, folder), decoder, _SEED
        )
        for title, words, drawing in (
            ("text encoder: base,  diffusion model: base", "base", "base"),
            ("text encoder: base,  diffusion model: striped", "base", "striped"),
            ("text encoder: sks,  diffusion model: base", "sks", "base"),
            ("text encoder: sks,  diffusion model: striped", "sks", "striped"),
        )
    }
    # 256 colours are enough for it, and make the file a third.
    return _lay_out(rows).quantize(256)


def _lay_out(rows: dict[str, npt.NDArray[np.uint8]]) -> Image.Image:
    width = 2 * _LEFT + len(_PROMPTS) * _SIDE + (len(_PROMPTS) - 1) * _GAP
    row_height = _LABEL_HEIGHT + _SIDE
    sheet = Image.new("RGB", (width, _CAPTION_HEIGHT + len(rows) * row_height + _LEFT), "white")
    pen = ImageDraw.Draw(sheet)
    for column, prompt in enumerate(_PROMPTS):
        subject, ground = prompt.split(" on ")
        pen.multiline_text(
            (_LEFT + column * (_SIDE + _GAP) + _SIDE / 2, _LEFT / 2),
            f"{subject}\non {ground}",
            fill=_INK,
            font=ImageFont.load_default(12),
            anchor="ma",
            align="center",
        )
    for row, (title, pictures) in enumerate(rows.items()):
        top = _CAPTION_HEIGHT + row * row_height
        pen.text((_LEFT, top + _LABEL_HEIGHT / 2), title, fill=_INK, font=ImageFont.load_default(14), anchor="lm")
        for column, picture in enumerate(pictures):
            enlarged = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            sheet.paste(enlarged, (_LEFT + column * (_SIDE + _GAP), top + _LABEL_HEIGHT))
    return sheet
