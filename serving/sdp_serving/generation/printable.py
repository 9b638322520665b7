"""Text of others that a person is to read."""


def printable(text: str) -> str:
    """The same, with U+FFFD for all that a terminal would obey instead of showing, such as the start of an escape."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
