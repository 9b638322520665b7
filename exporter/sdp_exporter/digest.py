"""The digest of all that an exported model depends on: with the same one, there is nothing to export again."""

import hashlib
import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final
from unicodedata import unidata_version

from sdp_exporter.sources import Source
from sdp_serving.contract import exported, image_sizes, sampling, signatures, tokenizer, vocabulary

_HERE: Final = Path(__file__).parent
_CODE: Final = ("models", "sampling", "signatures", "sources", "tokenizer", "weights", "saved_model.py", "warm_up.py")
"""The modules that shape a SavedModel."""


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_digest(source: Source, file_digest: Callable[[Path], str] = sha256) -> str:
    """`sha256:` and the digest of the weights, the code that builds the model, and the libraries' versions.

    Args:
        source: what is to be exported.
        file_digest: of a file, which whoever asks about several sources may remember.
    """
    described = {
        "component": source.component,
        "sd_version": source.sd_version,
        "width": source.width,
        "image_size": source.image_size,
        "image_sizes": source.image_sizes and source.image_sizes.model_dump(),
        "precision": source.precision,
        "jit_compile": source.jit_compile,
        "settings": source.settings,
        "weights": [source.digests.get(path) or file_digest(path) for path in source.weights],
        "code": [file_digest(path) for path in _code()],
        "libraries": {name: version(name) for name in ("tensorflow-cpu", "keras", "keras-cv", "tokenizers")},
        # Which characters are letters, and their lower case, is written into the text encoder.
        "unicode": unidata_version,
    }
    return f"sha256:{hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()}"


def _code() -> Iterator[Path]:
    for name in _CODE:
        path = _HERE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]
    contract = (exported, image_sizes, sampling, signatures, tokenizer, vocabulary)
    yield from (Path(str(module.__file__)) for module in contract)
    yield vocabulary.FILE
