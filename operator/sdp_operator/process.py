"""The operator's process, from its first look at the cluster to its end."""

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final, NoReturn

import kopf

from sdp_operator import handlers  # noqa: F401 - kopf finds the handlers once they are imported
from sdp_operator.connection import Fence, connect
from sdp_operator.desired.identity import MANAGER
from sdp_operator.leader import Election, LeadershipLostError
from sdp_operator.lease import ClusterLease
from sdp_operator.runtime import Runtime
from sdp_operator.settings import Settings
from sdp_operator.telemetry import web
from sdp_operator.telemetry.health import Health
from sdp_operator.telemetry.metrics import Metrics

_LEADERSHIP_LOST: Final = 1

_log = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, which let running work finish and the Lease go.

    Raises:
        web.AddressError: the HTTP address can't be listened on.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    health, metrics = Health(), Metrics()
    async with web.serving(
        settings.http_address, healthy=health.ailment, ready=health.obstacle, metrics=metrics.render
    ):
        if settings.lease_namespace is None:
            metrics.leads(True)
            await _work(Runtime(settings, metrics, health), stop)
        else:
            await _work_if_elected(settings, settings.lease_namespace, metrics, health, stop)
    _log.info("stopped")


async def _work_if_elected(
    settings: Settings, lease_namespace: str, metrics: Metrics, health: Health, stop: asyncio.Event
) -> None:
    identity = f"{settings.identity}_{secrets.token_hex(4)}"
    # A client of its own: the Lease must not wait behind the work's requests.
    client = await connect()
    election = Election(ClusterLease(client, lease_namespace, settings.lease_name), identity)
    try:
        if not await _won(election, health, stop):
            return
        _log.info("%s works now", identity)
        metrics.leads(True)
        async with _held(election):
            await _work(Runtime(settings, metrics, health, _fence(election)), stop)
        metrics.leads(False)
    finally:
        await election.release()
        await client.close()  # type: ignore[no-untyped-call]  # the client lacks types


async def _won(election: Election, health: Health, stop: asyncio.Event) -> bool:
    """Wait for the Lease; False when the process is to stop before it has it."""

    def on_sight(wrong: str | None) -> None:
        health.ready_unless(wrong and f"the Lease can't be had: {wrong}")

    winning = asyncio.create_task(election.win(on_sight), name="election")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({winning, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return False
        winning.result()
        return True
    finally:
        await _end({winning, stopping})


@asynccontextmanager
async def _held(election: Election) -> AsyncIterator[None]:
    async def hold() -> None:
        try:
            await election.hold()
        except LeadershipLostError as error:
            _die(str(error))
        except Exception as error:  # noqa: BLE001 - without this task the Lease runs out, whatever ended it
            _die(f"unforeseen failure: {error!r}")

    holding = asyncio.create_task(hold(), name="lease")
    try:
        yield
    finally:
        await _end({holding})


def _fence(election: Election) -> Fence:
    def check() -> None:
        if not election.leads:
            _die("the Lease ran out while this process could not run")

    return check


def _die(why: str) -> NoReturn:
    """End now, without any more work: another operator may work already. Kubernetes starts this one again."""
    _log.critical("leadership is lost: %s; ending at once", why)
    logging.shutdown()
    os._exit(_LEADERSHIP_LOST)


async def _work(runtime: Runtime, stop: asyncio.Event) -> None:
    runtime.health.ready_unless("starting to watch")
    started = asyncio.Event()
    ours = asyncio.all_tasks()
    telling = asyncio.create_task(_tell_when(started, runtime.health), name="readiness")
    tasks = await kopf.spawn_tasks(
        standalone=True,
        # Else kopf looks up a user name, which a container that runs as a mere number lacks.
        identity=MANAGER,  # type: ignore[arg-type]  # kopf gives the name of this kind of string to no one
        clusterwide=not runtime.settings.namespaces,
        namespaces=runtime.settings.namespaces,
        memo=runtime.memo(),
        ready_flag=started,
        stop_flag=stop,
    )
    _stop_on_signals(stop)  # kopf has put its own handlers in their place, which fail at the second signal
    try:
        await kopf.run_tasks(tasks, ignored=ours | {telling})
    finally:
        runtime.health.ready_unless("stopping")
        await _end({telling})


async def _tell_when(started: asyncio.Event, health: Health) -> None:
    await started.wait()
    health.ready_unless(None)


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _end(tasks: Collection["asyncio.Task[object]"]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
