"""A command whose options are listed under headings."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def option(section: str, *names: str, **settings: Any) -> Callable[[Command], Command]:
    """As click's, listed in a section of the help."""
    return click.option(*names, cls=SectionedOption, section=section, **settings)


class SectionedOption(click.Option):
    """An option that belongs under a heading."""

    def __init__(self, *arguments: Any, section: str, **others: Any) -> None:
        """As click's, with the heading's text."""
        super().__init__(*arguments, **others)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """Without the range of a number, which only who leaves it needs to know, and is then told."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class SectionedCommand(click.Command):
    """Lists its options by their sections, in the order of these in the code; what has none comes last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                heading = parameter.section if isinstance(parameter, SectionedOption) else "Other options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)
