"""Whether the models are loaded."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout
from pydantic import BaseModel, TypeAdapter, ValidationError
from yarl import URL

from sdp_serving.contract.components import Component
from sdp_serving.gateway.paths import PREFIX

_ASK_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 1.0


@dataclass(frozen=True)
class ServerState:
    """What a model server says.

    Attributes:
        reason: why it can't answer; None when it can.
        version: of the model that it asks when no request names one; None when it has none.
    """

    reason: str | None
    version: int | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it can answer."""
        return self.reason is None


Report = Mapping[Component, ServerState]
"""What each component's server says."""


class Readiness:
    """Asks the model servers, and keeps what they said for a second, however many want to know."""

    def __init__(self, servers: Mapping[Component, URL], session: ClientSession, *, clock: Callable[[], float]) -> None:
        """Give it its parts.

        Args:
            servers: where each component's REST API is.
            session: asks them.
            clock: gives seconds that only grow.
        """
        self._servers = servers
        self._session = session
        self._clock = clock
        self._asking = asyncio.Lock()
        self._kept: _Kept | None = None

    async def report(self) -> Report:
        """The state of every component, at most a second old."""
        async with self._asking:
            if self._kept is None or self._clock() - self._kept.since >= _KEPT_SECONDS:
                states = await asyncio.gather(*(self._ask(*server) for server in self._servers.items()))
                self._kept = _Kept(self._clock(), dict(zip(self._servers, states, strict=True)))
            return self._kept.report

    async def _ask(self, component: Component, server: URL) -> ServerState:
        try:
            async with self._session.get(
                f"{server}{PREFIX}{component}", timeout=ClientTimeout(total=_ASK_SECONDS), allow_redirects=False
            ) as answered:
                return read_state(answered.status, await answered.read())
        except TimeoutError:
            return ServerState(f"it gave no answer within {_ASK_SECONDS:g} s")
        except ClientConnectorError as failure:
            return ServerState(f"it cannot be reached: {failure.os_error.strerror}")
        except ClientError as failure:
            return ServerState(f"it ended the connection: {failure!r}")


@dataclass(frozen=True)
class _Kept:
    since: float
    report: Report


class _VersionStatus(BaseModel):
    error_message: str = ""


class _Version(BaseModel):
    version: int
    state: str
    status: _VersionStatus = _VersionStatus()

    def __str__(self) -> str:
        message = f" ({self.status.error_message})" if self.status.error_message else ""
        return f"version {self.version} is {self.state}{message}"


class _State(BaseModel):
    model_version_status: tuple[_Version, ...]


class _Refusal(BaseModel):
    error: str


_ANSWER: Final[TypeAdapter[_State | _Refusal]] = TypeAdapter(_State | _Refusal)


def read_state(status: int, body: bytes) -> ServerState:
    """What a model server's answer about a model says.

    TensorFlow Serving answers 200 for a model in any state, and asks the highest version that is loaded.
    """
    try:
        answer = _ANSWER.validate_json(body)
    except ValidationError:
        return ServerState(f"it did not answer as TensorFlow Serving does (HTTP {status})")
    if isinstance(answer, _Refusal):
        return ServerState(answer.error)
    available = [version.version for version in answer.model_version_status if version.state == "AVAILABLE"]
    if available:
        return ServerState(None, max(available))
    return ServerState("; ".join(map(str, answer.model_version_status)) or "it has no version of the model")
