"""Which pictures a terminal can show, told by its environment. Pure.

Asking the terminal itself would be surer, but one that does not understand the question prints it, and multiplexers
answer for terminals that are not theirs.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class NoPreviewError(Exception):
    """The terminal can't show pictures; the text says why."""


class Graphics(StrEnum):
    """How a terminal is told to show a picture."""

    KITTY = "kitty"
    """kitty's graphics protocol: https://sw.kovidgoyal.net/kitty/graphics-protocol/."""
    ITERM2 = "iterm2"
    """iTerm2's inline images: https://iterm2.com/documentation-images.html."""
    TRUE_COLOR = "true-color"
    """Half blocks: two pixels a character, in 24-bit colours."""
    COLORS_256 = "256-colors"
    """Half blocks in the 6 x 6 x 6 colours of xterm."""


_MULTIPLEXERS: Final = ("tmux", "screen")
"""What TERM begins with in them. They hand pictures on only when told to, and then not where they belong."""
_BY_PROGRAM: Final[Mapping[str, Graphics]] = {
    "ghostty": Graphics.KITTY,
    "iTerm.app": Graphics.ITERM2,
    "WezTerm": Graphics.ITERM2,
    "mintty": Graphics.ITERM2,
}
"""By TERM_PROGRAM."""
_BY_TERM: Final[Mapping[str, Graphics]] = {"xterm-kitty": Graphics.KITTY, "xterm-ghostty": Graphics.KITTY}
"""By TERM, which, unlike TERM_PROGRAM, comes along over ssh."""


def graphics(environ: Mapping[str, str], *, is_terminal: bool) -> Graphics:
    """The best way to show a picture.

    Args:
        environ: the process's environment variables.
        is_terminal: whether pictures would go to a terminal at all.

    Raises:
        NoPreviewError: there is none; the text says why.
    """
    if not is_terminal:
        raise NoPreviewError("the standard error is no terminal")
    term = environ.get("TERM", "")
    if "TMUX" not in environ and not term.startswith(_MULTIPLEXERS):
        if term in _BY_TERM:
            return _BY_TERM[term]
        if environ.get("TERM_PROGRAM") in _BY_PROGRAM:
            return _BY_PROGRAM[environ["TERM_PROGRAM"]]
        if environ.get("LC_TERMINAL") == "iTerm2":
            # It sends this variable along over ssh.
            return Graphics.ITERM2
    if environ.get("COLORTERM") in {"truecolor", "24bit"} or term.endswith("-direct"):
        return Graphics.TRUE_COLOR
    if "256color" in term:
        return Graphics.COLORS_256
    raise NoPreviewError(
        f"the terminal shows too few colours (TERM is {term or 'not set'}): if it has more, set COLORTERM=truecolor"
    )
