"""The paths of OpenAI's API, and of what describes it."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from sdp_serving.contract.components import Component
from sdp_serving.contract.tokenizer import Tokenizer
from sdp_serving.gateway.config import Config
from sdp_serving.gateway.drawing import Drawing, Order
from sdp_serving.gateway.hold import Hold
from sdp_serving.gateway.image_store import ImageStore
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.model_servers import ModelServers
from sdp_serving.gateway.openai.document import document
from sdp_serving.gateway.openai.endpoints import ImagesApi
from sdp_serving.gateway.openai.faults import is_shared_fault
from sdp_serving.gateway.openai.reading import Reader
from sdp_serving.gateway.paths import IMAGES
from sdp_serving.gateway.queueing.rate_limit import RateLimit
from sdp_serving.gateway.queueing.scheduler import Limits, Scheduler
from sdp_serving.gateway.readiness import Readiness
from sdp_serving.gateway.room import Room
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.gateway.state import QueueState, pipeline_name, state
from sdp_serving.gateway.studio import Studio
from sdp_serving.generation.generation import Generation

_SEEDS: Final = 1 << 32
"""Seeds are chosen below this, so that one can be typed again."""


@dataclass(frozen=True)
class Shared:
    """What this API and the pass-through have in common."""

    metrics: Metrics
    hold: Hold
    room: Room
    routes: RoutesFile
    readiness: Readiness


@dataclass(frozen=True)
class ImagesService:
    """This API in action.

    Attributes:
        routes: its paths.
        stop: tells all who wait for pictures that none are begun any more.
    """

    routes: Sequence[web.RouteDef]
    stop: Callable[[], None]


def images_service(
    config: Config,
    shared: Shared,
    *,
    clock: Callable[[], float],
    draw: Callable[[], float],
    now: Callable[[], float],
) -> ImagesService:
    """The paths, and all that stands behind them.

    Args:
        config: what the gateway is to do.
        shared: what it has besides.
        clock: gives seconds that only grow.
        draw: gives a number from 0 up to 1, evenly spread.
        now: gives seconds since the epoch.
    """
    scheduler = _scheduler(config, shared, clock)
    images = ImagesApi(
        Reader(lambda: pipeline_name(shared.routes.routes)),
        Studio(
            scheduler,
            routes=shared.routes,
            metrics=shared.metrics,
            batch_pictures=config.batch_pictures,
            draw=draw,
            fresh_seed=_fresh_seed,
        ),
        room=shared.room,
        rate_limit=RateLimit(config.requests_per_minute, clock=clock),
        store=ImageStore(clock=clock),
        metrics=shared.metrics,
        seconds=config.request_seconds,
        now=now,
    )
    routes = [
        web.post("/v1/images/generations", images.generations),
        web.post("/v1/images/edits", images.edits),
        web.get(f"{IMAGES}{{file}}", images.image),
        *_describing(config, shared, scheduler),
    ]
    return ImagesService(routes, scheduler.stop)


def _scheduler(config: Config, shared: Shared, clock: Callable[[], float]) -> Scheduler[Order, Generation]:
    servers = ModelServers(
        config.grpc_addresses, seconds=config.request_seconds, hold=shared.hold, metrics=shared.metrics
    )
    return Scheduler(
        Drawing(servers, routes=shared.routes, tokenize=_tokenize, fresh_seed=_fresh_seed, clock=clock),
        Limits(waiting=config.queue_length, pictures=config.batch_pictures),
        servers=lambda: _replicas(shared.routes),
        is_shared_fault=is_shared_fault,
        watcher=shared.metrics,
        clock=clock,
    )


def _replicas(routes: RoutesFile) -> int:
    told = routes.routes.components.get(Component.DIFFUSION_MODEL)
    return (told.replicas if told is not None else None) or 1


def _describing(config: Config, shared: Shared, scheduler: Scheduler[Order, Generation]) -> list[web.RouteDef]:
    description = json.dumps(document())

    async def described(_: web.Request) -> web.Response:
        return web.Response(text=description, content_type="application/json")

    async def now_serving(_: web.Request) -> web.Response:
        queue = QueueState(waiting=scheduler.waiting, running=scheduler.running, length=config.queue_length)
        content = state(shared.routes.routes, await shared.readiness.report(), queue)
        return web.Response(text=content.model_dump_json(), content_type="application/json")

    return [
        web.get("/openapi.json", described),
        web.get("/api/state", now_serving),
    ]


def _tokenize(prompt: str) -> Sequence[int]:
    # The vocabulary is read at the first use: only by those whose text encoder takes no text.
    return Tokenizer().encode(prompt)


def _fresh_seed() -> int:
    return secrets.randbelow(_SEEDS)
