"""What an export will do and has done, as tables."""

from collections.abc import Sequence

from rich.table import Table

from sdp_exporter.export import Exported, Lookup
from sdp_exporter.sources import Source
from sdp_exporter.terminal import table
from sdp_exporter.words import amount


def summary(exported: Sequence[Exported]) -> Table:
    """What became of each model, and what it took."""
    rows = table("COMPONENT", "WEIGHTS", "VERSION", "SIZE", "SECONDS", "PEAK MEMORY")
    for one in exported:
        source = one.request.source
        taken = " ".join(f"{stage} {seconds:.1f}" for stage, seconds in one.seconds.items())
        peak = "" if one.peak_memory is None else amount(one.peak_memory)
        version = str(one.uri.version)
        rows.add_row(str(source.component), source.name, version, amount(one.size), taken or "unchanged", peak)
    return rows


def forecast(lookups: Sequence[Lookup]) -> Table:
    """What an export would do."""
    rows = table("COMPONENT", "WEIGHTS", "SIZE", "TO", "")
    for one in lookups:
        source, there = one.request.source, one.there
        if there is None:
            size, what = _weights(source), "would be exported"
        else:
            size, what = amount(there.size), f"there already as version {there.uri.version}"
        rows.add_row(str(source.component), source.name, size, str(one.request.uri), what)
    return rows


def _weights(source: Source) -> str:
    """The size of the files that the weights come from, which that of the model is near to."""
    if not source.weights:
        return "random weights"
    if not all(path.exists() for path in source.weights):
        return "to be downloaded"
    return f"weights of {amount(sum(path.stat().st_size for path in source.weights))}"
