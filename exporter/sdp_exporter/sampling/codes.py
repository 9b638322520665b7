"""Choices as the numbers that stand for them in a graph."""

from enum import StrEnum


def code_of(choice: StrEnum) -> int:
    """The place of `choice` among those of its kind."""
    return list(type(choice)).index(choice)
