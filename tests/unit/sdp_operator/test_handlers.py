import asyncio
from typing import Any

import kopf
import pytest

from sdp_operator import handlers
from sdp_operator.runtime import Runtime


class SlowController:
    """Never gets to see all that there is."""

    def __init__(self, *_: object) -> None:
        self.is_stopped = False

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.is_stopped = True


async def _connect(*_: object) -> None: ...


def test_an_operator_that_is_stopped_while_it_starts_closes_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "Controller", SlowController)
    monkeypatch.setattr(handlers, "connect", _connect)
    memo: Any = Runtime().memo()
    start: Any = handlers.start  # kopf gives it more than it takes

    async def scenario() -> None:
        starting = asyncio.create_task(start(settings=kopf.OperatorSettings(), memo=memo))
        while "controller" not in memo:
            await asyncio.sleep(0)
        assert not memo.controller.is_stopped
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(scenario())
    assert memo.controller.is_stopped
