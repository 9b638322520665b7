"""What was made, in words and as JSON. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdp_serving.client.cli.drawing import Drawn
from sdp_serving.contract.signatures import TOKENS
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.receipt import Receipt

_DIGITS = 3


def summary(drawn: Drawn) -> str:
    """What made the pictures, and the seconds of each stage, in two lines."""
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in drawn.seconds.items())
    return f"{_choices(drawn.generation.receipt)}\n{stages}"


def record(drawn: Drawn, files: Sequence[Path], **others: Any) -> str:
    """All of it as a JSON object, with others first."""
    generation = drawn.generation
    content: Mapping[str, Any] = {
        **others,
        "files": [str(file) for file in files],
        "receipt": generation.receipt.model_dump(mode="json"),
        "tokens_cut_off": generation.tokens_cut_off,
        "negative_tokens_cut_off": generation.negative_tokens_cut_off,
        "seconds": {stage: round(seconds, _DIGITS) for stage, seconds in drawn.seconds.items()},
    }
    # In ASCII, for the text of somebody else's receipt may hold what a terminal obeys.
    return json.dumps(content, indent=2)


def cut_off(generation: Generation) -> Iterator[str]:
    """Tells of prompts that were too long."""
    counts = {"prompt": generation.tokens_cut_off, "negative prompt": generation.negative_tokens_cut_off}
    for name, count in counts.items():
        if count:
            yield f"The {name} is too long: the last {count} of its tokens say nothing, for {TOKENS - 2} are read."


def _choices(receipt: Receipt) -> str:
    words = [f"{receipt.steps} steps"]
    if receipt.seed is not None:
        last = receipt.seed + receipt.images - 1
        words.insert(0, f"seed {last}" if receipt.images == 1 else f"seeds {receipt.seed} to {last}")
    if receipt.guidance_scale is not None:
        words.append(f"guidance scale {receipt.guidance_scale:g}")
    return ", ".join([*words, f"{receipt.width}x{receipt.height} pixels"])
