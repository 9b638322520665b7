"""What a watch has seen last of one kind of object."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Final, Generic, TypeVar

from sdp_operator.objects import Key, KubeObject

Value = TypeVar("Value")

_GRAVES: Final = 1000
"""How many deleted objects are remembered: an answer to a write may come later than the news of the deletion."""


class Cache(Generic[Value]):
    """Objects of a kind, as news of them come from a watch and from answers to writes, in any order.

    Args:
        read: what to keep of an object; None for nothing.
        changed: told of each change: the object's key, what was kept and what is.
    """

    def __init__(
        self, read: Callable[[KubeObject], Value | None], changed: Callable[[Key, Value | None, Value | None], None]
    ) -> None:
        self._read = read
        self._changed = changed
        self._kept: dict[Key, tuple[int, Value | None]] = {}
        self._graves: OrderedDict[Key, int] = OrderedDict()
        self._listed: dict[str | None, int] = {}
        """Up to which version a list has told all of a namespace, or of the cluster."""

    def get(self, key: Key) -> Value | None:
        """What is kept of the object."""
        return self._kept.get(key, (0, None))[1]

    def items(self) -> Iterator[tuple[Key, Value]]:
        """What is kept of all objects."""
        return ((key, kept) for key, (_, kept) in self._kept.items() if kept is not None)

    def put(self, thing: KubeObject) -> None:
        """The object is there, and is like this."""
        key, version = Key.of(thing), _version(thing)
        seen, before = self._kept.get(key, (self._gone(key), None))
        if version <= seen:
            return
        after = self._read(thing)
        self._kept[key] = (version, after)
        if after != before:
            self._changed(key, before, after)

    def remove(self, thing: KubeObject) -> None:
        """The object was deleted, and was like this."""
        self._forget(Key.of(thing), _version(thing))

    def keep_only(self, listed: Collection[Key], version: int, namespace: str | None) -> None:
        """These, which have been put, and no others, are in the namespace, or in the cluster, at this version."""
        for key in [key for key in self._kept if namespace in (None, key.namespace) and key not in listed]:
            self._forget(key, version)
        self._listed[namespace] = version

    def clear(self, namespace: str | None) -> None:
        """The namespace, or the cluster, no longer knows the kind."""
        for key in [key for key in self._kept if namespace in (None, key.namespace)]:
            self._forget(key, self._kept[key][0])

    def set_back(self, namespace: str | None) -> None:
        """Versions there count from a lower one again: whatever comes next is news, though it looks old.

        So it is after a cluster's store was restored from a backup.
        """
        for key, (_, kept) in self._kept.items():
            if namespace in (None, key.namespace):
                self._kept[key] = (0, kept)
        for key in [key for key in self._graves if namespace in (None, key.namespace)]:
            del self._graves[key]
        self._listed.pop(namespace, None)

    def _forget(self, key: Key, version: int) -> None:
        seen, before = self._kept.get(key, (0, None))
        if version < seen:
            return
        self._kept.pop(key, None)
        self._graves[key] = version
        if len(self._graves) > _GRAVES:
            self._graves.popitem(last=False)
        if before is not None:
            self._changed(key, before, None)

    def _gone(self, key: Key) -> int:
        """The last version at which an object that is not kept is known not to have been there."""
        return max(self._graves.get(key, 0), self._listed.get(key.namespace, 0), self._listed.get(None, 0))


def _version(thing: KubeObject) -> int:
    """Newer objects have larger versions, as Kubernetes promises of those that it serves itself."""
    return int(thing["metadata"]["resourceVersion"])
