"""The whole benchmark, in one run on loopback ports."""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.common.machine import commit_of, this_machine
from benchmarks.common.progress import bar
from benchmarks.dataplane.loads import measure_load
from benchmarks.dataplane.models import SHAPES, TINY, write_models
from benchmarks.dataplane.overhead import measure_overhead
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.results import Overload, Results, Throughput
from benchmarks.dataplane.servers import ModelServer, gateway, model_server
from benchmarks.dataplane.streams import measure_previews
from benchmarks.dataplane.wire import measure_ways

_LIBRARIES: Final = ("tensorflow-cpu", "grpcio", "aiohttp")
_STEPS: Final = (1, 20)
_BATCH_SIZES: Final = (1, 4, 16)
"""The gateway's own default is 4; the first is that of no batches."""
_CLIENTS: Final = 32
_FEW_PLACES: Final = 8
_TOO_MANY: Final = 64
_BATCH_SIZE: Final = 4


def run(plan: Plan) -> Iterator[Results]:
    """Measure one after the other; gives after each what there is so far.

    Raises:
        ExportError: the models could not be written.
        ClusterError: a server did not come.
        ClientFailedError: a client could not draw.
        NoPictureError: a gateway did not answer with a picture.
    """
    results = Results(
        when=datetime.now(UTC),
        commit=commit_of("serving"),
        machine=this_machine(),
        versions={name: version(name) for name in _LIBRARIES},
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-dataplane-") as name:
        folder = Path(name)
        with bar("Models", 1):
            write_models(folder)
        with model_server(folder / SHAPES) as server, gateway(server, folder / "gateway.log") as front:
            for way in measure_ways(server, front, plan.draws):
                results = results.model_copy(update={"ways": [*results.ways, way]})
            yield results
        with model_server(folder / TINY) as server:
            yield from _with_sd_tiny(results, plan, server, folder / "gateway.log")


def _with_sd_tiny(results: Results, plan: Plan, server: ModelServer, log: Path) -> Iterator[Results]:
    with gateway(server, log) as front:
        for steps in _STEPS:
            found = asyncio.run(measure_overhead(server, front, steps=steps, samples=plan.overhead_samples))
            results = results.model_copy(update={"overheads": [*results.overheads, found]})
            yield results
        results = results.model_copy(update={"previews": asyncio.run(measure_previews(front, plan.previews))})
        yield results
    for size in _BATCH_SIZES:
        title = f"{_CLIENTS} clients, {size} drawn together at the most"
        with gateway(server, log, f"--batch-size={size}") as front:
            load = asyncio.run(measure_load(front, title, clients=_CLIENTS, seconds=plan.load_seconds))
        throughput = Throughput(batch_size=size, load=load)
        results = results.model_copy(update={"throughputs": [*results.throughputs, throughput]})
        yield results
    title = f"{_TOO_MANY} clients at a queue of {_FEW_PLACES} places"
    with gateway(server, log, f"--batch-size={_BATCH_SIZE}", f"--queue-length={_FEW_PLACES}") as front:
        load = asyncio.run(measure_load(front, title, clients=_TOO_MANY, seconds=plan.load_seconds))
    overload = Overload(queue_length=_FEW_PLACES, batch_size=_BATCH_SIZE, load=load)
    yield results.model_copy(update={"overload": overload})
