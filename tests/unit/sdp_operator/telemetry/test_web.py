import asyncio
import socket

import pytest
from aiohttp import ClientSession

from sdp_operator.settings import Address
from sdp_operator.telemetry import web


@pytest.mark.parametrize(
    ("path", "wrong", "status", "text"),
    [
        ("healthz", None, 200, "ok\n"),
        ("healthz", "no watch on pods", 503, "no watch on pods\n"),
        ("readyz", None, 200, "ok\n"),
        ("readyz", "starting", 503, "starting\n"),
        ("metrics", "starting", 200, "a 1\n"),
    ],
)
def test_it_answers_what_is_wrong_and_keeps_no_connection(path: str, wrong: str | None, status: int, text: str) -> None:
    async def scenario() -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            address = Address("127.0.0.1", one.getsockname()[1])
        pages = web.serving(
            address,
            healthy=lambda: wrong if path == "healthz" else None,
            ready=lambda: wrong if path == "readyz" else None,
            metrics=lambda: b"a 1\n",
        )
        url = f"http://{address.host}:{address.port}/{path}"
        async with pages, ClientSession() as session, session.get(url) as answer:
            assert (answer.status, await answer.text()) == (status, text)
            assert answer.headers["Connection"] == "close"

    asyncio.run(scenario())


def test_an_address_that_is_taken_is_an_error() -> None:
    async def scenario(address: Address) -> None:
        async with web.serving(address, healthy=lambda: None, ready=lambda: None, metrics=bytes):
            pass

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(web.AddressError, match=r"^SDP_HTTP_ADDRESS: can't listen there .*address already in use"):
            asyncio.run(scenario(Address("127.0.0.1", one.getsockname()[1])))
