"""The gateway's own answers, in the form of TensorFlow Serving's."""

import json
from collections.abc import Mapping

from aiohttp import web


def answer(content: object, *, status: int = 200) -> web.Response:
    """Something as JSON."""
    return web.Response(status=status, text=json.dumps(content, indent=1) + "\n", content_type="application/json")


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """What is wrong and what to do, as TensorFlow Serving says it."""
    refused = answer({"error": message}, status=status)
    refused.headers.update(headers or {})
    return refused
