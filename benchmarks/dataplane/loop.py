"""Clients that ask again as soon as they are answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, TCPConnector

from benchmarks.common.results import Seconds, Value

ANSWERED: Final = str(HTTPStatus.OK.value)
REFUSED: Final = str(HTTPStatus.TOO_MANY_REQUESTS.value)

GENERATIONS: Final = "/v1/images/generations"

_LONGEST_SECONDS: Final = 600.0
_PAUSE_SECONDS: Final = 0.2
"""After an answer that brings no picture: whoever is refused does not go away, but does not hammer either."""


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    Attributes:
        kind: its HTTP status, or what went wrong instead.
        seconds: until then.
    """

    kind: str
    seconds: float


class Load(Value):
    """What came of many requests.

    Attributes:
        clients: how many asked at a time.
        seconds: for how long.
        answered: how long those took that brought a picture; None if none did.
        kinds: how many requests came to each HTTP status, or to another end.
    """

    clients: int
    seconds: float
    answered: Seconds | None
    kinds: Mapping[str, int]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], *, clients: int, seconds: float) -> Self:
        """Sum the requests up that came to an end in time."""
        answered = [one.seconds for one in outcomes if one.kind == ANSWERED]
        return cls(
            clients=clients,
            seconds=seconds,
            answered=Seconds.of(answered) if answered else None,
            kinds=dict(Counter(one.kind for one in outcomes).most_common()),
        )

    @property
    def answered_a_second(self) -> float:
        """Requests that brought a picture."""
        return self.kinds.get(ANSWERED, 0) / self.seconds

    @property
    def refused(self) -> int:
        """Requests to which the gateway said that it has no room."""
        return self.kinds.get(REFUSED, 0)

    @property
    def refused_share(self) -> float:
        """Those as part of all."""
        return self.refused / max(1, sum(self.kinds.values()))

    @property
    def others(self) -> Mapping[str, int]:
        """Those that were neither answered nor refused so."""
        return {kind: count for kind, count in self.kinds.items() if kind not in (ANSWERED, REFUSED)}


Ask = Callable[[], Awaitable[Outcome]]


async def load(ask: Ask, *, clients: int, seconds: float) -> Load:
    """Let clients ask, each one request at a time; what is under way at the end counts for nothing.

    Args:
        ask: one request.
        clients: how many ask at a time.
        seconds: for how long.
    """
    outcomes: list[Outcome] = []

    async def client() -> None:
        while True:
            outcome = await ask()
            outcomes.append(outcome)
            if outcome.kind != ANSWERED:
                await asyncio.sleep(_PAUSE_SECONDS)

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client())
    return Load.of(outcomes, clients=clients, seconds=seconds)


def open_session(key: str | None = None) -> ClientSession:
    """A session for any number of clients.

    Args:
        key: the API key that they have, if any.
    """
    return ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=_LONGEST_SECONDS),
        headers={} if key is None else {"Authorization": f"Bearer {key}"},
    )


def asking(session: ClientSession, url: str, body: Mapping[str, object]) -> Ask:
    """Give what asks a gateway for pictures, and reads all of its answer.

    Args:
        session: one of `open_session`.
        url: of the gateway.
        body: the request's.
    """

    async def ask() -> Outcome:
        start = time.perf_counter()
        try:
            async with session.post(f"{url}{GENERATIONS}", json=body) as answer:
                await answer.read()
                kind = str(answer.status)
        except TimeoutError:
            kind = "no answer in time"
        except ClientConnectorError:
            kind = "no connection"
        except ClientError as error:
            kind = type(error).__name__
        return Outcome(kind, time.perf_counter() - start)

    return ask
