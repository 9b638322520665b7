import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yaml
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient, Configuration

from sdp_operator.cluster.requests import ExpiredError, GoneError, Requests, as_yaml, pause_of, raise_if_error
from sdp_operator.errors import ForbiddenError, OperatorError, RefusedError, TransientError
from sdp_operator.objects import KubeObject

DEPLOYMENTS = "/apis/apps/v1/namespaces/art/deployments"
LARGE = {"type": "ADDED", "object": {"metadata": {"name": "large"}, "data": "x" * 300_000}}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Counted = list[tuple[str, str, int | None]]

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
"""A key of YAML has at most 1024 characters, escaped; those of Kubernetes are far shorter."""


@given(st.dictionaries(KEYS, TEXT | st.integers() | st.booleans() | st.lists(TEXT)))
def test_what_is_applied_reads_the_same_as_yaml_and_as_json(body: dict[str, object]) -> None:
    assert json.loads(as_yaml(body)) == body
    assert yaml.safe_load(as_yaml(body).decode()) == body


def test_an_emoji_is_no_pair_of_surrogates() -> None:
    assert as_yaml({"note": "🎨 ü\x85"}) == '{"note": "🎨 \\u00fc\\u0085"}'.encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError), (403, ForbiddenError), (404, GoneError), (413, RefusedError), (422, RefusedError),
        (401, TransientError), (409, TransientError), (410, ExpiredError), (429, TransientError),
        (500, TransientError), (503, TransientError), (504, TransientError),
    ],
)  # fmt: skip
def test_what_fails_is_sorted_by_who_can_mend_it_and_said_in_the_api_servers_words(
    status: int, kind: type[OperatorError]
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": "it is so", "details": "x" * 5000}, status=status)

    with pytest.raises(kind, match="it is so") as raised:
        _ask(refuse)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("text", ["", "<html>\n\n" + "x" * 5000, "[]", '"text"', "null", "{}"])
@pytest.mark.parametrize("status", [200, 502])
def test_what_is_no_answer_of_an_api_server_passes(status: int, text: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    with pytest.raises(TransientError) as raised:
        _ask(answer)
    assert len(str(raised.value)) < 400
    assert "\n" not in str(raised.value)


def test_a_connection_that_is_cut_is_an_api_server_that_cannot_be_reached() -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    counted: Counted = []
    with pytest.raises(TransientError, match="the API server can't be reached: "):
        _ask(cut, counted)
    assert counted == [("get", "deployments", None)]


def test_an_api_server_that_bids_to_come_again_later_is_asked_nothing_until_then() -> None:
    asked: list[float] = []

    async def refuse_first(_: web.Request) -> web.Response:
        asked.append(time.monotonic())
        if len(asked) == 1:
            return web.json_response({"message": "too many"}, status=429, headers={"Retry-After": "1"})
        return web.json_response({"kind": "Deployment"})

    async def ask(requests: Requests) -> None:
        with pytest.raises(TransientError, match="too many"):
            await requests.send("get", f"{DEPLOYMENTS}/sd-decoder")
        await asyncio.gather(*(requests.send("get", f"{DEPLOYMENTS}/sd-{name}") for name in ("decoder", "other")))

    _with(refuse_first, ask, None)
    first, *others = asked
    assert len(others) == 2
    assert 0.95 < min(others) - first < 5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 0), ("0", 0), ("1", 1), ("3600", 30), ("-5", 0), ("soon", 0), ("Mon, 23 Nov 2026 12:00:00 GMT", 0)],
)
def test_how_long_to_wait_is_said_in_seconds_and_never_for_ever(header: str, seconds: float) -> None:
    assert pause_of(header) == seconds


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        (f"{DEPLOYMENTS}/sd-decoder", ("get", "deployments", 200)),
        (DEPLOYMENTS, ("list", "deployments", 200)),
        ("/api/v1/nodes", ("list", "nodes", 200)),
        ("/api/v1/namespaces/art/pods", ("list", "pods", 200)),
    ],
)
def test_requests_are_counted_by_verb_and_kind(path: str, counted: tuple[str, str, int]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Some"})

    told: Counted = []
    _ask(answer, told, path=path)
    assert told == [counted]


@pytest.mark.parametrize("piece", [7, 1000, 100_000])
def test_a_watch_gives_each_event_whole_however_its_bytes_come(piece: int) -> None:
    events = [{"type": "ADDED", "object": {"metadata": {"name": "small"}}}, LARGE] if piece > 7 else [{"type": "A"}] * 3
    text = b"".join(json.dumps(event).encode() + b"\n" for event in events)

    async def stream(request: web.Request) -> web.StreamResponse:
        assert request.query["watch"] == request.query["allowWatchBookmarks"] == "true"
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(text), piece):
            await response.write(text[start : start + piece])
        return response

    assert _watch(stream) == events


def test_a_watch_whose_last_event_is_cut_off_ends_with_what_was_whole() -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "ADDED"}\n{"type": "MODI')
        return response

    assert _watch(stream) == [{"type": "ADDED"}]


def test_an_event_that_reports_an_error_is_raised() -> None:
    raise_if_error({"type": "ADDED", "object": {"code": 410}})
    with pytest.raises(ExpiredError):
        raise_if_error({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
    with pytest.raises(TransientError) as raised:
        raise_if_error({"type": "ERROR", "object": {"code": 500, "message": "etcd is away"}})
    assert not isinstance(raised.value, ExpiredError)


def _ask(handler: Handler, counted: Counted | None = None, *, path: str = f"{DEPLOYMENTS}/sd-decoder") -> KubeObject:
    async def ask(requests: Requests) -> KubeObject:
        return await requests.send("get", path)

    answer: KubeObject = _with(handler, ask, counted)
    return answer


def _watch(handler: Handler) -> list[KubeObject]:
    async def follow(requests: Requests) -> list[KubeObject]:
        async with requests.watch(DEPLOYMENTS, {}, 60) as events:
            return [event async for event in events]

    seen: list[KubeObject] = _with(handler, follow, None)
    return seen


def _with(handler: Handler, act: Callable[[Requests], Awaitable[Any]], counted: Counted | None) -> Any:
    """What comes of an act upon requests that the handler answers."""

    async def scenario() -> Any:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        told: Counted = [] if counted is None else counted
        client = ApiClient(Configuration(host=f"http://{host}:{port}"))
        requests = Requests(client, lambda *about: told.append(about))
        try:
            return await act(requests)
        finally:
            await requests.close()
            await runner.cleanup()

    return asyncio.run(scenario())
