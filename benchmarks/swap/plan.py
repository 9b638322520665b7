"""What is measured, how often."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Plan:
    """How often and how long.

    Attributes:
        swaps: of each way.
        requests_a_second: of the load. Each takes about 50 ms of a core, and the swap must find room beside.
        quiet_seconds: of load without swaps, before them.
        cold_starts: without and with the node's cache.
        fetches: of each source.
        fetched_mebibytes: how large a model is fetched.
    """

    swaps: int
    requests_a_second: float
    quiet_seconds: float
    cold_starts: int
    fetches: int
    fetched_mebibytes: int


FULL: Final = Plan(swaps=20, requests_a_second=4, quiet_seconds=30, cold_starts=3, fetches=5, fetched_mebibytes=512)
QUICK: Final = Plan(swaps=3, requests_a_second=1, quiet_seconds=15, cold_starts=1, fetches=1, fetched_mebibytes=128)
