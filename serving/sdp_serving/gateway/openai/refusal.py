"""What is refused, in OpenAI's form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel, ValidationError

Kind = Literal["invalid_request_error", "authentication_error", "rate_limit_error", "server_error"]

_LONGEST_NAME: Final = 80
_KINDS: Final[Mapping[int, Kind]] = {401: "authentication_error", 429: "rate_limit_error"}


class ErrorDetail(BaseModel):
    """What is wrong.

    Attributes:
        message: what is wrong and what to do.
        type: of which kind it is.
        param: the field that is wrong.
        code: the same for a program.
    """

    message: str
    type: Kind
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of a refusal."""

    error: ErrorDetail


@dataclass(eq=False)
class RefusedError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP's.
        message: what is wrong and what to do.
        param: the field that is wrong.
        code: the same for a program.
        headers: for the answer.
    """

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> ErrorBody:
        """What the client gets."""
        fallback: Kind = "server_error" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
        kind = _KINDS.get(self.status, fallback)
        return ErrorBody(error=ErrorDetail(message=self.message, type=kind, param=self.param, code=self.code))


def refusal_of_fields(invalid: ValidationError) -> RefusedError:
    """Says what is wrong with the first wrong field. Nothing of what was sent is in it."""
    first = invalid.errors(include_url=False, include_input=False)[0]
    param = str(first["loc"][0])[:_LONGEST_NAME] if first["loc"] else None
    said = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    said = (said[:1].lower() + said[1:]).replace("input should", "it should")
    match first["type"]:
        case "json_invalid":
            return RefusedError(400, f"The body is no JSON: {said}", code="invalid_json")
        case "missing":
            return RefusedError(
                400, f"The field {param} is missing: give it", param=param, code="missing_required_parameter"
            )
        case "extra_forbidden":
            return RefusedError(
                400, f"There is no field {param}: /openapi.json lists all", param=param, code="unknown_parameter"
            )
    where = "The body" if param is None else f"Invalid {param}"
    return RefusedError(400, f"{where}: {said}", param=param, code="invalid_value")


def refused(refusal: RefusedError) -> web.Response:
    """The answer to a request that is refused."""
    return web.Response(
        status=refusal.status,
        text=refusal.body.model_dump_json(),
        content_type="application/json",
        headers=refusal.headers,
    )
