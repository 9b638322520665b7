import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.support.scripted_servers import ScriptedServers, tokens_of

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, RoutedComponent, RoutedModel, Routes
from sdp_serving.gateway.drawing import Drawing, Order
from sdp_serving.gateway.queueing.scheduler import Ticket
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.request import ImageRequest

if TYPE_CHECKING:
    from sdp_serving.gateway.model_servers import ModelServers
    from sdp_serving.generation.generation import Generation


class _Servers:
    """The way to scripted servers."""

    def __init__(self, scripted: ScriptedServers) -> None:
        self._scripted = scripted

    def open(self, _: Canary | None, __: Callable[[Component], None]) -> "_Servers":
        return self

    async def predict(self, call: Call) -> Answer:
        return self._scripted.predict(call)

    async def look(self, look: Look) -> Offer:
        return self._scripted.look(look)

    async def close(self) -> None:
        pass


def test_models_are_asked_again_what_they_can_do_once_the_operator_tells_of_others(tmp_path: Path) -> None:
    scripted, file = ScriptedServers(), tmp_path / "routes.json"

    def serve(uri: str) -> None:
        decoder = RoutedComponent(serving=RoutedModel(uri=uri, number=1))
        file.write_text(Routes(components={Component.DECODER: decoder}).model_dump_json())

    def looked() -> list[Component]:
        found = [one.component for one in scripted.asked if isinstance(one, Look)]
        scripted.asked.clear()
        return found

    async def scenario() -> None:
        drawing = Drawing(
            cast("ModelServers", _Servers(scripted)),
            routes=RoutesFile(file),
            tokenize=tokens_of,
            fresh_seed=lambda: 7,
            clock=time.monotonic,
        )

        async def draw() -> None:
            order = Order(ImageRequest(prompt="a", steps=2), Encoding.PNG)
            ticket: Ticket[Order, Generation] = Ticket(order, 1, None, "a", object(), 0.0)
            await drawing([ticket], lambda: None)

        serve("gs://b/decoder/1")
        await draw()
        assert Component.DECODER in looked()
        await draw()
        assert looked() == []
        serve("gs://b/decoder/another/1")
        await draw()
        assert looked() == [Component.DECODER]

    asyncio.run(scenario())
