"""The paths of TensorFlow Serving's REST API, and the component that each is about."""

import re
from typing import Final

PREFIX: Final = "/v1/models/"

_MODEL: Final = r"/v1/models/(?P<name>[^/:\s]+)(?:/versions/\d+|/labels/[^/:\s]+)?"
_CALL: Final = re.compile(rf"{_MODEL}(?::(?:predict|classify|regress)|/metadata)?", re.IGNORECASE)


def model_name(path: str) -> str | None:
    """The name of the model that the path is about, as written; None when it is no path of that API.

    Args:
        path: without the query, percent-encoded as it came.
    """
    call = _CALL.fullmatch(path)
    return None if call is None else call["name"]
