import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt
from typing import Any

import pytest
from tests.support.scripted_servers import VERSIONS, ScriptedServers, plain, tokens_of

from sdp_serving.client.origins import Origin, Origins
from sdp_serving.client.pipeline import SEEDS, AsyncPipeline, Drawer, Pipeline, in_threads
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.ask import Progress, Stage
from sdp_serving.generation.calls import Call, Look
from sdp_serving.generation.errors import ServerUnreachableError, VersionGoneError
from sdp_serving.servers.router import AsyncRouter, Router
from sdp_serving.servers.threads import Threaded

MODEL = Component.DIFFUSION_MODEL
CANARY = Canary(version=VERSIONS[MODEL], percent=10, model="gs://b/unet")
ALONE = Canary(host="sd-canary.art.svc", percent=100, model="gs://b/unet")


def pipeline(servers: Any, **options: Any) -> Pipeline:
    return Pipeline(servers, Drawer(tokenize=tokens_of, **options))


def test_a_seed_is_chosen_anew_unless_it_is_given() -> None:
    one = pipeline(ScriptedServers())
    seeds = {one.generate("x", steps=1).seed for _ in range(5)}
    assert len(seeds) > 1
    assert all(seed is not None and 0 <= seed < SEEDS for seed in seeds)
    assert one.generate("x", steps=1, seed=0).seed == 0


def test_the_steps_are_divided_only_for_who_wants_to_be_told() -> None:
    servers, told = ScriptedServers(), list[Progress]()
    one = pipeline(servers)

    one.generate("x", steps=50)
    assert SignatureName.DENOISE_RANGE not in servers.names()
    one.generate("x", steps=50, on_progress=told.append)
    assert servers.names().count(SignatureName.DENOISE_RANGE) == 25
    assert {progress.stage for progress in told} == set(Stage)


def test_a_preview_is_made_when_it_is_asked_for() -> None:
    servers, shapes = ScriptedServers(), []
    one = pipeline(servers)

    def show(progress: Progress) -> None:
        preview = one.preview(progress)
        shapes.append(None if preview is None else preview.shape)

    one.generate("x", steps=2, images=2, on_progress=show)
    assert shapes == [None, None, (2, 64, 64, 3), (2, 64, 64, 3), None]


def test_a_canary_makes_its_part_of_the_pictures() -> None:
    pictures, part = 1000, 0.1
    one = pipeline(ScriptedServers(), canary=CANARY, draw=random.Random(2).random)

    made = [one.generate("x", steps=1, encoding=None).variant for _ in range(pictures)]

    found = made.count(Variant.CANARY)
    assert abs(found - pictures * part) < 4 * sqrt(pictures * part * (1 - part))


@pytest.mark.parametrize("variant", Variant)
def test_the_variant_can_be_chosen(variant: Variant) -> None:
    one = pipeline(ScriptedServers(), canary=CANARY, variant=variant)
    assert {one.generate("x", steps=1).variant for _ in range(20)} == {variant}


def test_a_canary_that_is_gone_fails_nobody() -> None:
    servers = ScriptedServers()
    servers.replace(MODEL, 99)
    made = pipeline(servers, canary=CANARY, variant=Variant.CANARY).generate("x", steps=1)
    assert (made.variant, made.versions[MODEL]) == (Variant.STABLE, 99)


def test_a_canary_with_a_server_of_its_own_is_asked_there_and_nowhere_when_it_is_away() -> None:
    servers, own = ScriptedServers(), ScriptedServers()
    one = pipeline(Router(servers, canary=own, others={}), canary=ALONE)

    assert one.generate("x", steps=1).variant is Variant.CANARY
    assert ({call.component for call in own.calls()}, servers.calls(MODEL)) == ({MODEL}, [])

    def be_away(_: Call | Look) -> None:
        raise ServerUnreachableError(MODEL, "nothing answers there")

    own.before = be_away
    assert one.generate("x", steps=1).variant is Variant.STABLE
    assert servers.calls(MODEL)


def test_components_that_are_elsewhere_are_asked_there_and_all_are_closed() -> None:
    closed = []

    class Closing(ScriptedServers):
        def close(self) -> None:
            closed.append(self)

    servers, own, other = Closing(), Closing(), Closing(plain())
    router = Router(servers, canary=own, others={Component.TEXT_ENCODER: other})
    pipeline(router).generate("x", steps=1)
    assert {call.component for call in other.calls()} == {Component.TEXT_ENCODER}
    assert not servers.calls(Component.TEXT_ENCODER)
    router.close()
    assert closed == [servers, own, other]


def test_asyncio_asks_the_same() -> None:
    servers, own, told = ScriptedServers(), ScriptedServers(), list[Progress]()

    async def on_progress(progress: Progress) -> None:
        told.append(progress)

    async def draw() -> None:
        transport = AsyncRouter(Threaded(servers), canary=Threaded(own), others={})
        one = AsyncPipeline(transport, Drawer(tokenize=tokens_of, canary=ALONE))
        made = await one.generate("x", seed=3, steps=4, on_progress=on_progress)
        assert made.variant is Variant.CANARY
        assert (made.images == pipeline(ScriptedServers()).generate("x", seed=3, steps=4).images).all()
        shown = [await one.preview(progress) for progress in told]
        assert sum(each is not None for each in shown) == 4
        await transport.close()

    asyncio.run(draw())
    assert own.calls(MODEL)


def test_what_is_entered_in_a_thread_is_left_there_with_the_error() -> None:
    seen: list[BaseException | None] = []

    @contextmanager
    def entered() -> Iterator[int]:
        try:
            yield 5
        except VersionGoneError as error:
            seen.append(error)
            raise ServerUnreachableError(MODEL, "explained") from error
        else:
            seen.append(None)

    async def use(*, fails: bool) -> None:
        async with in_threads(entered()) as five:
            assert five == 5
            if fails:
                raise VersionGoneError(MODEL, "gone")

    asyncio.run(use(fails=False))
    with pytest.raises(ServerUnreachableError, match="explained"):
        asyncio.run(use(fails=True))
    assert [type(one) for one in seen] == [type(None), VersionGoneError]


def test_receipts_tell_where_the_models_came_from() -> None:
    known = {component: Origin(f"gs://b/{component}", f"sha256:{'b' * 64}") for component in Component}
    origins = Origins(known, lambda: known)
    one = pipeline(ScriptedServers(), origins=origins, canary=CANARY, variant=Variant.STABLE)
    models = one.generate("x", steps=1).receipt.models
    assert {component: model.uri for component, model in models.items()} == {
        component: f"gs://b/{component}" for component in VERSIONS if component is not Component.IMAGE_ENCODER
    }

    by_canary = pipeline(ScriptedServers(), origins=origins, canary=CANARY, variant=Variant.CANARY)
    model = by_canary.generate("x", steps=1).receipt.models[MODEL]
    assert (model.uri, model.digest) == ("gs://b/unet", None)
