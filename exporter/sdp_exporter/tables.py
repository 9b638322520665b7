"""What an export will do and has done, as tables."""

from collections.abc import Sequence

from rich.table import Table

from sdp_exporter.export import Exported, Lookup
from sdp_exporter.sources import Source
from sdp_exporter.words import amount


def summary(exported: Sequence[Exported]) -> Table:
    """What became of each model, and what it took."""
    table = _table("COMPONENT", "WEIGHTS", "VERSION", "SIZE", "SECONDS", "PEAK MEMORY")
    for one in exported:
        source = one.request.source
        taken = " ".join(f"{stage} {seconds:.1f}" for stage, seconds in one.seconds.items())
        peak = "" if one.peak_memory is None else amount(one.peak_memory)
        version = str(one.uri.version)
        table.add_row(str(source.component), source.name, version, amount(one.size), taken or "unchanged", peak)
    return table


def forecast(lookups: Sequence[Lookup]) -> Table:
    """What an export would do."""
    table = _table("COMPONENT", "WEIGHTS", "SIZE", "TO", "")
    for one in lookups:
        source, there = one.request.source, one.there
        if there is None:
            size, what = _weights(source), "would be exported"
        else:
            size, what = amount(there.size), f"there already as version {there.uri.version}"
        table.add_row(str(source.component), source.name, size, str(one.request.uri), what)
    return table


def _weights(source: Source) -> str:
    """The size of the files that the weights come from, which that of the model is near to."""
    size = sum(path.stat().st_size for path in source.weights)
    return f"weights of {amount(size)}" if size else "random weights"


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
