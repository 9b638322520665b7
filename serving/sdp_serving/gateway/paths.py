"""The paths that several modules know: TensorFlow Serving's REST API, and what each is about; stored pictures."""

import re
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "/v1/models/"
IMAGES: Final = "/images/"

_CALL: Final = re.compile(
    r"(?P<model>/v1/models/(?P<name>[^/:\s]+))"
    r"(?:/versions/(?P<version>\d+)|(?P<label>/labels/[^/:\s]+))?"
    r"(?P<rest>(?P<prediction>:(?:predict|classify|regress))|/metadata)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Call:
    """A call of the API.

    Attributes:
        path: as it came.
        name: of the model, as written.
        version: of the model; None when it names none.
        names_model: whether it names a version or a label, and so leaves no choice.
        is_prediction: whether the model is run.
    """

    path: str
    name: str
    version: int | None
    names_model: bool
    is_prediction: bool
    _model: str
    _rest: str

    def at_version(self, version: int) -> str:
        """The path of the same call to this version."""
        return f"{self._model}/versions/{version}{self._rest}"


def read_call(path: str) -> Call | None:
    """The call that the path makes; None when it is no path of that API.

    Args:
        path: without the query, percent-encoded as it came.
    """
    call = _CALL.fullmatch(path)
    if call is None:
        return None
    version = call["version"]
    return Call(
        path,
        call["name"],
        version=None if version is None else int(version),
        names_model=version is not None or call["label"] is not None,
        is_prediction=call["prediction"] is not None,
        _model=call["model"],
        _rest=call["rest"] or "",
    )
