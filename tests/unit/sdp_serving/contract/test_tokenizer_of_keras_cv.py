"""The client's tokenizer against KerasCV's, which is in Python."""

import html
import importlib.util
import sys
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.support import prompts

from sdp_serving.contract import tokenizer
from sdp_serving.contract.tokenizer import END, START, Tokenizer

# KerasCV takes these four for visible signs; the client, like Python, for spaces.
_SEPARATORS = set("\x1c\x1d\x1e\x1f")
# KerasCV takes this mark for a letter, since its capital is one.
_IOTA_BELOW = "\u0345"
# KerasCV sees these only where no other sign stands before them.
_SPECIALS = ("<|startoftext|>", "<|endoftext|>")


@pytest.fixture(scope="module")
def keras_cv() -> Any:
    """KerasCV's module alone: the package would import its data sets."""
    package = importlib.util.find_spec("keras_cv")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "src/models/stable_diffusion/clip_tokenizer.py"
    stubs = {name: ModuleType(name) for name in ("keras_cv", "keras_cv.src", "keras_cv.src.api_export")}
    stubs["keras_cv.src.api_export"].keras_cv_export = lambda _: lambda exported: exported  # type: ignore[attr-defined]
    stubs["keras_cv.src.backend"] = ModuleType("keras_cv.src.backend")
    stubs["keras_cv.src.backend"].keras = None  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        spec = importlib.util.spec_from_file_location("clip_tokenizer", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    vocabulary = Path(tokenizer.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    return module.SimpleTokenizer(str(vocabulary))


def test_prompts_have_the_tokens_that_keras_cv_gives_them(keras_cv: Any) -> None:
    comparable = [prompt for prompt in prompts.prompts() if _is_comparable(prompt)]
    assert len(comparable) > 3500
    client = Tokenizer()
    assert [prompt for prompt in comparable if client.encode(prompt) != _encode(keras_cv, prompt)] == []


def _encode(keras_cv: Any, prompt: str) -> list[int]:
    tokens = keras_cv.encode(prompt)[1:-1][:75]
    return [START, *tokens, *[END] * (76 - len(tokens))]


def _is_comparable(prompt: str) -> bool:
    text = html.unescape(html.unescape(prompt))
    # Letters that one release of Unicode has and another has not.
    newest = any(unicodedata.category(character) == "Cn" for character in text)
    special = any(word in text.lower() for word in _SPECIALS)
    return not (newest or special or _IOTA_BELOW in text or _SEPARATORS & set(text))
