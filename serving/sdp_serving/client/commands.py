"""Subcommands that are found by the entry-point group `sdpipeline.commands`.

So a part of the project adds its own to `sdpipeline` without being known here, and one that is not called is not
imported. An entry point names the extras that its command needs: `plan = "package.module:command [extra]"`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click

GROUP: Final = "sdpipeline.commands"

_OUR_PACKAGES: Final = ("sdp_operator", "sdp_serving", "sdp_exporter")


class Commands(click.Group):
    """A group whose further commands are entry points."""

    @cached_property
    def _found(self) -> Mapping[str, EntryPoint]:
        return {one.name: one for one in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *self._found})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; one that only says what to install where its extras are missing."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self._found:
            return own
        return loaded(self._found[cmd_name])


def loaded(entry: EntryPoint) -> click.Command:
    """The command that an entry point names, or else one that says which extras to install."""
    try:
        command: click.Command = entry.load()
    except ModuleNotFoundError as error:
        # A module of our own that is missing is a defect, of which no extra would rid anybody.
        if not entry.extras or (error.name or "").partition(".")[0] in _OUR_PACKAGES:
            raise
        return _not_installed(entry.name, sorted(entry.extras), error.name)
    return command


def _not_installed(name: str, extras: Sequence[str], missing: str | None) -> click.Command:
    remedy = f"pip install 'sdpipeline[{','.join(extras)}]'"
    return click.Command(
        name,
        callback=_refusing(f"{name} needs the Python package {missing}, which is not installed: run {remedy}"),
        help=f"Not installed: run {remedy}.",
        short_help=f"Needs {remedy}",
        # Whatever was meant by them, the answer is the same.
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    )


def _refusing(sentence: str) -> Callable[..., Any]:
    def refuse() -> None:
        raise click.ClickException(f"{sentence}.")

    return refuse
