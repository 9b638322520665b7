"""What keeps something from being as it should be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Why something is not as it should be: a word for programs, a sentence for people, with what to do."""

    reason: str
    message: str
