"""Who sends a request."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sdp_serving.gateway.api_keys import ApiKeys
from sdp_serving.gateway.openai.refusal import RefusedError
from sdp_serving.gateway.paths import IMAGES

CLIENT: Final = web.RequestKey("client", str)
"""A name for who sends a request, which tells nothing of the key."""

_OPEN: Final = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
_OPEN_FOLDERS: Final = ("/page/", IMAGES)


def asking_for(keys: ApiKeys | None) -> Middleware:
    """Lets in who has a key.

    Args:
        keys: the keys; None to let in everybody.

    Returns:
        A middleware; it raises `RefusedError` for others.
    """

    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        if keys is None:
            request[CLIENT] = request.remote or ""
            return await handler(request)
        if request.path in _OPEN or request.path.startswith(_OPEN_FOLDERS):
            return await handler(request)
        client = keys.client(request.headers.get("Authorization"))
        if client is None:
            raise RefusedError(
                401,
                "There is no such API key: send one of this gateway's in the header `Authorization: Bearer KEY`",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        request[CLIENT] = client
        return await handler(request)

    return identify
