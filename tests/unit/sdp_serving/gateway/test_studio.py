import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Routes
from sdp_serving.gateway.drawing import Order, is_due
from sdp_serving.gateway.metrics import Metrics
from sdp_serving.gateway.queueing.scheduler import Limits, Scheduler, Ticket
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.gateway.studio import Studio, Wanted, divided
from sdp_serving.generation.errors import NotOfferedError
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.request import ImageRequest

REQUEST = ImageRequest(prompt="a", images=10, seed=100)


def test_what_is_too_much_for_one_batch_is_drawn_in_several_by_the_same_seeds() -> None:
    parts = divided(REQUEST, 4, lambda: 0)

    assert [(part.seed, part.images) for part in parts] == [(100, 4), (104, 4), (108, 2)]
    assert {part.prompt for part in parts} == {"a"}


def test_a_seed_is_chosen_only_where_the_parts_must_agree_on_it() -> None:
    random = replace(REQUEST, seed=None)

    assert [part.seed for part in divided(random, 5, lambda: 7)] == [7, 12]
    assert divided(random, 10, lambda: 7) == [random]


def test_all_pictures_of_a_request_are_drawn_by_one_model(tmp_path: Path) -> None:
    canary = Canary(version=5, percent=50, model="gs://b/unet")
    file = tmp_path / "routes.json"
    file.write_text(Routes(canaries={Component.DIFFUSION_MODEL: canary}).model_dump_json())
    chosen: list[Canary | None] = []

    async def record(
        tickets: Sequence[Ticket[Order, Generation]], is_drawn: Callable[[], None]
    ) -> Sequence[Generation]:
        chosen.extend(ticket.order.canary for ticket in tickets)
        raise NotOfferedError(Component.DECODER, "enough")

    metrics = Metrics([], clock=time.monotonic)
    scheduler: Scheduler[Order, Generation] = Scheduler(
        record,
        Limits(8, 1),
        servers=lambda: 10,
        is_shared_fault=lambda _: True,
        watcher=metrics,
        clock=time.monotonic,
    )
    draws = iter([0.1, *[0.9] * 20])
    studio = Studio(
        scheduler,
        routes=RoutesFile(file),
        metrics=metrics,
        batch_pictures=1,
        draw=lambda: next(draws),
        fresh_seed=lambda: 0,
    )

    async def scenario() -> None:
        with pytest.raises(NotOfferedError):
            await studio.draw("a", Wanted(REQUEST), lambda _, __: None, deadline=asyncio.get_running_loop().time() + 10)

    asyncio.run(scenario())
    assert chosen == [canary] * 10


@given(total=st.integers(1, 1000), stride=st.integers(1, 40), previews=st.integers(0, 8))
def test_there_are_as_many_previews_as_are_wanted_where_there_are_steps_enough(
    total: int, stride: int, previews: int
) -> None:
    steps = [0, *range(stride, total, stride)]
    shown = sum(is_due(before, now, total, previews) for before, now in pairwise(steps))

    assert shown <= previews
    if total >= stride * (previews + 1):
        assert shown == previews


@pytest.mark.parametrize(("before", "now", "due"), [(0, 2, False), (2, 3, True), (3, 5, False), (5, 6, True)])
def test_previews_are_spread_evenly(before: int, now: int, *, due: bool) -> None:
    assert is_due(before, now, 9, 2) is due
