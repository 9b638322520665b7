"""A queue in which clients take turns, and each one's requests come in their order. Pure."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from itertools import chain
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """What waits, by client: the client that was served longest ago comes first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[Item]:
        """All that wait, client by client."""
        return chain.from_iterable(self._waiting.values())

    def put(self, client: Hashable, item: Item) -> None:
        """Let one wait. A client that had none waiting comes after all who have."""
        self._waiting.setdefault(client, deque()).append(item)

    def put_back(self, client: Hashable, item: Item) -> None:
        """Let one wait again, as if it had not been taken: it is the next one."""
        self._waiting.setdefault(client, deque()).appendleft(item)
        self._waiting.move_to_end(client, last=False)

    def take(self) -> Item | None:
        """The next one, which waits no longer; None when there is none."""
        return self.take_first(lambda _: True)

    def take_first(self, suits: Callable[[Item], bool]) -> Item | None:
        """The first one that suits, which waits no longer; None when there is none.

        Of each client only the foremost is looked at, so that none of its requests overtakes another. Whose is taken
        goes behind all other clients.
        """
        for client, items in self._waiting.items():
            if suits(items[0]):
                return self._take_of(client)
        return None

    def remove(self, client: Hashable, item: Item) -> bool:
        """Let one wait no longer, out of turn. Returns whether it did."""
        items = self._waiting.get(client, deque())
        if item not in items:
            return False
        items.remove(item)
        if not items:
            del self._waiting[client]
        return True

    def _take_of(self, client: Hashable) -> Item:
        items = self._waiting[client]
        item = items.popleft()
        if items:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return item
