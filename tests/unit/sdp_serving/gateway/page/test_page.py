"""The page's files, as they are served."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sdp_serving.gateway.page import page
from sdp_serving.gateway.page.page import page_routes

FOLDER: Final = Path(page.__file__).parent
HTML: Final = (FOLDER / "index.html").read_text()

Client = TestClient[web.Request, web.Application]


def served(ask: Callable[[Client], Awaitable[Any]]) -> Any:
    """What `ask` gives of a server with the page."""

    async def run() -> Any:
        app = web.Application()
        app.add_routes(page_routes())
        async with TestClient(TestServer(app)) as client:
            return await ask(client)

    return asyncio.run(run())


def test_all_that_the_page_and_its_modules_name_is_served_with_its_type() -> None:
    named = set(re.findall(r'(?:src|href)="(page/[^"]+)"', HTML)) | {
        f"page/{name}" for path in FOLDER.glob("*.js") for name in re.findall(r'from "\./([^"]+)"', path.read_text())
    }

    async def ask(client: Client) -> dict[str, tuple[int, str, bytes]]:
        found = {}
        for name in named:
            async with client.get(f"/{name}") as answer:
                found[name] = (answer.status, answer.headers["Content-Type"], await answer.read())
        return found

    found = served(ask)

    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    assert {name.removeprefix("page/") for name in named} == {
        path.name for path in FOLDER.iterdir() if path.suffix in {".js", ".css", ".svg"}
    }
    for name, answer in found.items():
        assert answer == (200, types[name.rpartition(".")[2]], (FOLDER / Path(name).name).read_bytes())


def test_the_page_is_at_the_root_and_its_source_is_nowhere() -> None:
    async def ask(client: Client) -> tuple[str, int]:
        async with client.get("/") as root, client.get("/page/page.py") as source:
            return await root.text(), source.status

    assert served(ask) == (HTML, 404)


def test_nothing_but_the_pages_own_files_may_run_or_be_asked() -> None:
    async def ask(client: Client) -> Any:
        async with client.get("/") as answer:
            return answer.headers

    headers = served(ask)

    rules = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert {rules[of] for of in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert rules["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("forbidden", [r"<style", r"\sstyle=", r"<script(?![^>]*\ssrc=)", r"\son[a-z]+="])
def test_the_page_has_no_style_or_script_within(forbidden: str) -> None:
    assert not re.search(forbidden, HTML)


def test_no_file_names_another_host() -> None:
    for path in FOLDER.iterdir():
        if path.suffix in {".html", ".css", ".js"}:
            assert not re.search(r"(?:https?:)?//\w", path.read_text().replace("gs://", "")), path.name


def test_a_file_that_is_known_is_not_sent_again() -> None:
    async def ask(client: Client) -> list[tuple[int, bytes]]:
        async with client.get("/page/style.css") as first:
            known = first.headers["ETag"]
        found = []
        for tag in (known, f'"other", W/{known}', '"other"'):
            async with client.get("/page/style.css", headers={"If-None-Match": tag}) as answer:
                assert answer.headers["ETag"] == known
                assert answer.headers["Cache-Control"] == "no-cache"
                found.append((answer.status, await answer.read()))
        return found

    style = (FOLDER / "style.css").read_bytes()
    assert served(ask) == [(304, b""), (304, b""), (200, style)]
