"""What keeps a command from answering.

CommandError
├── RefusedError     the API server understands what is asked for, and will not do it
├── ForbiddenError   the user lacks a right
└── MissingError     there is no such object, or no such kind
"""

import functools
from collections.abc import Callable
from typing import ParamSpec

import click

Arguments = ParamSpec("Arguments")


class CommandError(Exception):
    """Its text is one sentence: what is wrong, and what to do."""


class RefusedError(CommandError):
    """The API server understands what is asked for, and will not do it."""


class ForbiddenError(CommandError):
    """The user lacks a right."""


class MissingError(CommandError):
    """There is no such object, or no such kind."""


def says_errors(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Let a command end with the sentence of its error."""

    @functools.wraps(command)
    def saying(*arguments: Arguments.args, **options: Arguments.kwargs) -> None:
        try:
            command(*arguments, **options)
        except CommandError as error:
            raise click.ClickException(f"{error}.") from error

    return saying
