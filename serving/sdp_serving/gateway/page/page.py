"""Serves the page's files."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

_FOLDER: Final = Path(__file__).parent

_CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_HEADERS: Final = {
    # Nothing but the page's own files runs, shows or is asked; pictures are made of what answers bring (blob:).
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Kept, and asked after each time: a new gateway's page is never mixed with an older one's.
    "Cache-Control": "no-cache",
}


def page_routes() -> list[web.RouteDef]:
    """The page at `/`, and its files under `/page/`.

    It names them relative to itself, as it does what it asks of the gateway: an Ingress may put a path in front.
    """
    files = (path for path in sorted(_FOLDER.iterdir()) if path.suffix in _CONTENT_TYPES)
    return [web.get("/" if path.name == "index.html" else f"/page/{path.name}", _handler(path)) for path in files]


def _handler(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = path.read_bytes()
    etag = ETag(hashlib.sha256(body).hexdigest()[:32])
    content_type = _CONTENT_TYPES[path.suffix]

    async def handle(request: web.Request) -> web.Response:
        if any(known.value in {etag.value, "*"} for known in request.if_none_match or ()):
            response = web.Response(status=304, headers=_HEADERS)
        else:
            response = web.Response(body=body, headers={**_HEADERS, "Content-Type": content_type})
        response.etag = etag
        return response

    return handle
