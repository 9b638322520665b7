"""Prompts to try a tokenizer with: what people write, in many scripts, and what nobody should."""

# ruff: noqa: RUF001 - characters that look like others are what these prompts are about.

import random
from collections.abc import Callable, Iterator, Sequence
from html.entities import html5
from typing import Final

_SEED: Final = 20_240_601

ODD: Final = [
    "",
    " ",
    "\n\t\r\x0b\x0c",
    "\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000",
    "a\x1cb\x1fc",
    "\0",
    "a\0b \0\0 c",
    "\ufeffa byte order mark\ufeff",
    "\ufffe\uffff\U0010ffff",
    "\ufffd",
    "\u200b\u200d\u2060 joiners a\u200bb a\u00adb",
    "\u202eright to left override\u202c",
    "e\u0301 \u00e9 a\u0308\u0323 combining",
    "İstanbul IĞDIR ıI",
    "ΟΔΟΣ ΟΔΟΣ. Σ ΣΣ aΣ Σa aΣb a.Σ aΣ. a'Σ'a ΑΣ\u0301 \u0345Σ ΣΑΣ",
    "don't I'm you'll we've they're he'd it's 'S 'T 'RE",
    "''s '''t !'s a''s '' ' 's's 'sa 'rea 'vex 'llama 1's 's1 '1 ' s ʼs ’s",
    "'\u017f '\u017fa 'K \u212a",
    "<|startoftext|> <|endoftext|>",
    "<|ENDOFTEXT|>a<|startoftext|>'s!<|endoftext|>!",
    "<|endoftext|",
    "<<|endoftext|>|>",
    "cats &amp; dogs &AMP; &amp;amp; &amp;amp;amp; &ampx; &amp",
    "&lt;b&gt; &ltb &notit; &notin; &not &NotEqualTilde; &bne; &fjlig; &&amp;&",
    "&#65; &#065 &#x41; &#X41x; &#xe9; &#0; &#x0; &#13; &#128; &#x80; &#159; &#11; &#xfdd0; &#xffff; &#xd800; &#xdfff;",
    "&#1114111; &#1114112; &#x110000; &#99999999999999999999; &#xffffffffffffffffff; &#; &#x; &#xg; &#x1f600;",
    "&#0000000000000000000065; &#x000000000000000000041;",
    "&CounterClockwiseContourIntegral; &counterClockwiseContourIntegral; &nosuchthing; &" + "a" * 40 + ";",
    "&amp;#65; &#38;#65; &#38;amp;amp; &#x26;lt;",
    "1234567890 ½ ² Ⅷ ٣ ४ 3.14 1,000 8k 4K 100%",
    "!!!???...,,,;;;:::((([[[{{{ --- ___ === ~~~ *** ### @@@ \\\\\\ ||| ^^^",
    "masterpiece, (best quality:1.2), [[blurry]], {detailed}, <lora:film:0.8> --ar 16:9",
    "日本語のプロンプト、猫の写真。中文提示词 한국어 프롬프트 ไทย",
    "مرحبا بالعالم שלום עולם فارسی",
    "नमस्ते दुनिया வணக்கம்",
    "😂😂😂😂😂😂😂😂😂 ❤️❤️❤️ 👩‍👩‍👧‍👦 🇺🇸🇺🇸🇺🇸 🏳️‍🌈 👍🏽",
    "a" * 1000,
    "ab" * 1000,
    "😂" * 700,
    "." * 3000,
    "— " * 500,
    "cat " * 500,
    "the quick brown fox " * 200,
    " " * 5000 + "far away",
    "&amp;" * 300,
    "&#x1F600;" * 200,
    "<|endoftext|>" * 100,
]  # fmt: skip

_COMMON: Final = """
    a an the of in on with and by photo photograph painting oil watercolor portrait astronaut riding horse cat dog girl
    knight castle forest mountain sunset city street cyberpunk steampunk fantasy dragon robot highly detailed intricate
    elegant digital concept art artstation trending 8k 4k unreal engine octane render cinematic lighting volumetric
    greg rutkowski alphonse mucha bokeh 35mm f/1.8 hdr sharp focus smooth masterpiece best quality ultra-realistic
    hyperdetailed blurry lowres bad anatomy extra fingers watermark signature Studio Ghibli NASA McDonald's don't it's
    rock'n'roll café naïve Übermensch señor façade smörgåsbord sks <cat-toy> photo_of #tag @user http://example.com
"""
_WORDS: Final = _COMMON.split()
_SIGNS: Final = [
    ", ",
    " ",
    " ",
    " ",
    " ",
    ". ",
    " - ",
    ": ",
    "; ",
    "! ",
    "? ",
    " (",
    ") ",
    '"',
    "'",
    "\n",
    "...",
    " & ",
]
_SCRIPTS: Final = (
    (0x20, 0x7F), (0xA0, 0x180), (0x370, 0x400), (0x400, 0x530), (0x590, 0x600), (0x600, 0x700), (0x900, 0x980),
    (0xE00, 0xE80), (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2100, 0x2200), (0x2600, 0x27C0),
    (0x3040, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4), (0xFB00, 0xFE10), (0xFF00, 0xFFF0), (0x10400, 0x10450),
    (0x1D400, 0x1D800), (0x1E900, 0x1E950), (0x1F1E6, 0x1F200), (0x1F300, 0x1F650), (0x1F900, 0x1FA00),
)  # fmt: skip
_PARTS: Final = (
    "&", "&amp;", "&lt", "&#", "&#x", ";", "'", "'s", "'ll", "<|", "|>", "<|endoftext|>", "Σ", "σ", "İ", "\0", "\x1f",
    "\u0301", "\u200d", "\ufe0f", "1", "9", "a", "THE", "ing", " ", "  ", ".", "!!", "-", "_", "é", "ß", "😂", "ſ", "ǅ",
)  # fmt: skip


def prompts() -> list[str]:
    """More than 5,000, always the same."""
    kinds: Sequence[tuple[Callable[[random.Random], str], int]] = (
        (_written, 2000),
        (_of_one_script, 1000),
        (_of_any_characters, 700),
        (_of_hostile_parts, 1000),
        (_with_entities, 600),
        (_long_words, 40),
    )
    return [*ODD, *_generated(kinds)]


def _generated(kinds: Sequence[tuple[Callable[[random.Random], str], int]]) -> Iterator[str]:
    source = random.Random(_SEED)
    for make, count in kinds:
        yield from (make(source) for _ in range(count))


def _written(source: random.Random) -> str:
    words = [source.choice(_WORDS) + source.choice(_SIGNS) for _ in range(source.randrange(1, 60))]
    text = "".join(words)
    return source.choice((text, text.upper(), text.title(), text.strip()))


def _of_one_script(source: random.Random) -> str:
    first, end = source.choice(_SCRIPTS)
    characters = (
        chr(source.randrange(first, end)) if source.random() < 0.85 else " " for _ in range(source.randrange(60))
    )
    return "".join(characters)


def _of_any_characters(source: random.Random) -> str:
    codes = (source.choice((0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000)) for _ in range(source.randrange(40)))
    characters = (chr(source.randrange(most)) for most in codes)
    return "".join(each for each in characters if not "\ud800" <= each <= "\udfff")


def _of_hostile_parts(source: random.Random) -> str:
    return "".join(source.choice(_PARTS) for _ in range(source.randrange(1, 40)))


def _with_entities(source: random.Random) -> str:
    return "".join(_entity(source) + source.choice(("", " ", ";", "a", "1")) for _ in range(source.randrange(1, 12)))


def _entity(source: random.Random) -> str:
    name = source.choice(_NAMES)
    number = source.randrange(source.choice((0x20, 0x100, 0x10000, 0x120000)))
    return source.choice(
        (f"&{name}", f"&{name[:-1]}", f"&#{number};", f"&#{number}", f"&#x{number:x};", f"&amp;{name}")
    )


def _long_words(source: random.Random) -> str:
    letters = source.choice(
        ("abcdefghijklmnopqrstuvwxyz", "aeiou", "etaoinshr", "日本語中国", "аеиоу", "!?.,-=", "0123")
    )
    return "".join(source.choice(letters) for _ in range(source.randrange(100, 800)))


_NAMES: Final = sorted(html5)
