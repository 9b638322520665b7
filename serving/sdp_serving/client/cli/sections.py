"""A command whose options are listed under headings."""

from typing import Any

import click


class SectionedOption(click.Option):
    """An option that belongs under a heading."""

    def __init__(self, *arguments: Any, section: str, **others: Any) -> None:
        """As click's, with the heading's text."""
        super().__init__(*arguments, **others)
        self.section = section


class SectionedCommand(click.Command):
    """Lists its options by their sections, in the order of these in the code; what has none comes last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                heading = parameter.section if isinstance(parameter, SectionedOption) else "Other options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)
