"""Sentences of bounded length: what is wrong, and what to do."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

_Item = TypeVar("_Item")

LONGEST: Final = 999
"""Characters of a message, which is read in a terminal."""

_ITEMS: Final = 3
_ITEM_CHARACTERS: Final = 100


def sentence(what: str, remedy: str, said: str | None = None) -> str:
    """What is wrong and what to do; `said` quotes someone. The remedy is the last thing to be cut."""
    quote = f" ({clip(said, 200)})" if said else ""
    return clip(f"{clip(f'{what}{quote}', max(LONGEST - len(remedy) - 2, 0))}: {remedy}", LONGEST)


def listed(items: Sequence[_Item], say: Callable[[_Item], str] = str) -> str:
    """The first few, and how many more there are."""
    named = ", ".join(clip(say(item), _ITEM_CHARACTERS) for item in items[:_ITEMS])
    more = len(items) - _ITEMS
    return f"{named} and {more} more" if more > 0 else named


def clip(text: str, longest: int) -> str:
    """The text, cut where it is too long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def counted(number: int, noun: str) -> str:
    """The number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
