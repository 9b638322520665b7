"""Keeps a cache like the cluster: lists all objects of a kind, then follows their changes."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from typing import Final, Protocol

from sdp_operator.cluster.kinds import DEFINITIONS, Kind
from sdp_operator.cluster.requests import ExpiredError, GoneError, Requests, raise_if_error
from sdp_operator.errors import ForbiddenError, OperatorError
from sdp_operator.objects import Key, KubeObject

_log = logging.getLogger(__name__)

_PAGE: Final = 500
_WATCH_SECONDS: Final = (300, 600)
"""How long a watch lasts: not the same for all, or all would come back together."""

_SILENT_WATCH_SECONDS: Final = (3000, 3600)
"""How long one without bookmarks lasts: after each, all is listed again."""

_PAUSE_SECONDS: Final = (0.5, 30.0)
"""Between the end of a watch and the next: the first pause, and the longest after a row of short watches."""

_STEADY_SECONDS: Final = 30.0
"""A watch that lasted so long shows that all was well meanwhile."""

_SHUT_OUT_SECONDS: Final = 5.0
"""How long to wait before looking again for a kind that the cluster does not serve, or does not show."""

_HIDDEN_SECONDS: Final = 300.0
"""How long to wait before looking again for a kind whose definition can't be seen either."""


class Sink(Protocol):
    """Where news of objects go."""

    def put(self, thing: KubeObject) -> None:
        """The object is there, and is like this."""

    def remove(self, thing: KubeObject) -> None:
        """The object was deleted, and was like this."""

    def keep_only(self, listed: Collection[Key], version: int, namespace: str | None) -> None:
        """These, and no others, are in the namespace, or in the cluster, at this version."""

    def clear(self, namespace: str | None) -> None:
        """The namespace, or the cluster, no longer knows the kind."""

    def set_back(self, namespace: str | None) -> None:
        """Versions there count from a lower one again: whatever comes next is news."""


class Watched(Protocol):
    """Is told how the watches are."""

    def watch_open(self, watched: str) -> None:
        """The watch on this kind, there, tells what happens, or there is nothing that it may tell."""

    def watch_lost(self, watched: str) -> None:
        """It does not, and is tried again."""


class Reflector:
    """Follows one kind in one namespace, or in the whole cluster.

    Attributes:
        synced: set once the first list is in, or it is known that there will be none.
        hindrance: why the news may be old, in a sentence; None while they are not.
        is_absent: whether the cluster does not know the kind.
    """

    def __init__(
        self,
        requests: Requests,
        kind: Kind,
        namespace: str | None,
        sink: Sink,
        changed: Callable[[], None],
        watched: Watched,
    ) -> None:
        """Prepare to follow.

        Args:
            requests: how the API server is asked.
            kind: the kind.
            namespace: the namespace; None for the cluster.
            sink: where news go.
            changed: told when the hindrance or the absence changes.
            watched: told how the watch is.
        """
        self._requests = requests
        self._kind = kind
        self._namespace = namespace
        self._sink = sink
        self._changed = changed
        self._watched = watched
        self.synced = asyncio.Event()
        self.hindrance: str | None = None
        self.is_absent = False
        self._version: int | None = None
        """What has been seen; None when a list must tell."""
        self._newest = 0
        """The version of the newest that was seen, whether or not a list must tell."""

    def __str__(self) -> str:
        return self._kind.plural if self._namespace is None else f"{self._kind.plural} in namespace {self._namespace}"

    async def run(self) -> None:
        """Follow for ever."""
        pause = _PAUSE_SECONDS[0]
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._follow()
            except ExpiredError:
                self._version = None
            except (GoneError, ForbiddenError) as error:
                self._version = None
                self._shut_out(error)
                if self.is_absent:
                    await self._wait_for_the_kind()
                await asyncio.sleep(_SHUT_OUT_SECONDS)
            except OperatorError as error:
                self._watched.watch_lost(str(self))
                _log.warning("%s: %s; trying again", self, error)
            except Exception:  # noqa: BLE001 - a defect must not leave the kind unwatched for ever
                self._version = None
                self._watched.watch_lost(str(self))
                _log.exception("%s: unforeseen failure; trying again", self)
            if clock() - began > _STEADY_SECONDS:
                pause = _PAUSE_SECONDS[0]
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, hides nothing
            pause = min(pause * 2, _PAUSE_SECONDS[1])

    async def _follow(self) -> None:
        """Keep the cache like the cluster until the watch ends."""
        if self._version is None:
            self._version = await self._list()
        self.synced.set()
        is_silent = not self._kind.has_bookmarks
        seconds = random.randint(*(_SILENT_WATCH_SECONDS if is_silent else _WATCH_SECONDS))  # noqa: S311 - spreads load
        query = {**self._kind.selection, "resourceVersion": str(self._version)}
        path = self._kind.path(self._namespace)
        async with self._requests.watch(path, query, seconds, may_be_silent=is_silent) as events:
            # Not before: that a list is granted does not mean that a watch is.
            self._watched.watch_open(str(self))
            self._tell(hindrance=None, is_absent=False)
            async for event in events:
                self._take(event)

    async def _list(self) -> int:
        listed: set[Key] = set()
        query = {**self._kind.selection, "limit": str(_PAGE)}
        while True:
            page = await self._requests.send("get", self._kind.path(self._namespace), query=query)
            version = int(page["metadata"]["resourceVersion"])
            if version < self._newest:
                _log.warning("%s: the API server's versions were set back; beginning anew", self)
                self._sink.set_back(self._namespace)
                self._newest = version
            # Each page at once: all of them as they come may be more than the process may hold.
            for item in page["items"]:
                # Items of a list carry neither their kind nor their apiVersion.
                self._sink.put({"apiVersion": self._kind.api_version, "kind": self._kind.name, **item})
                listed.add(Key.of(item))
            following = page["metadata"].get("continue")
            if not following:
                break
            query = {**query, "continue": following}
        self._sink.keep_only(listed, version, self._namespace)
        self._newest = version
        return version

    def _take(self, event: KubeObject) -> None:
        raise_if_error(event)
        thing = event["object"]
        if event["type"] == "DELETED":
            self._sink.remove(thing)
        elif event["type"] != "BOOKMARK":
            self._sink.put(thing)
        self._version = self._newest = int(thing["metadata"]["resourceVersion"])

    def _shut_out(self, error: OperatorError) -> None:
        """There is nothing to see, or nothing that may be seen; the rest must go on."""
        self._watched.watch_open(str(self))
        is_absent = isinstance(error, GoneError) and self._kind.is_optional
        if is_absent:
            self._sink.clear(self._namespace)
        where = "" if self._namespace is None else f" in namespace {self._namespace}"
        what = f"the operator may not watch {self._kind.plural} ({error}){where}"
        hindrance = None if is_absent else f"{what}: have its administrator give it back its role"
        self._tell(hindrance=hindrance, is_absent=is_absent)
        self.synced.set()

    async def _wait_for_the_kind(self) -> None:
        """Return when its definition is there, or, where that can't be told, when to look for the kind itself."""
        query = {"fieldSelector": f"metadata.name={self._kind.definition}"}
        while True:
            try:
                async with self._requests.watch(DEFINITIONS, query, _WATCH_SECONDS[1]) as events:
                    async for event in events:
                        raise_if_error(event)
                        if event["type"] in {"ADDED", "MODIFIED"}:
                            return
            except ForbiddenError:
                await asyncio.sleep(_HIDDEN_SECONDS)
                return
            except OperatorError:
                return
            await asyncio.sleep(_SHUT_OUT_SECONDS)

    def _tell(self, *, hindrance: str | None, is_absent: bool) -> None:
        if (hindrance, is_absent) == (self.hindrance, self.is_absent):
            return
        if hindrance is not None:
            _log.warning("%s", hindrance)
        elif self.hindrance is not None:
            _log.info("%s are watched again", self)
        self.hindrance, self.is_absent = hindrance, is_absent
        self._changed()
