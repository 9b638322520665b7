"""The load command, and what it sums up."""

import asyncio
import itertools

import pytest
from benchmarks.common.results import Seconds
from benchmarks.dataplane.load import is_ours, main, told
from benchmarks.dataplane.loop import Load, Outcome, load
from click.testing import CliRunner


def test_a_load_tells_answers_refusals_and_errors_apart() -> None:
    outcomes = [Outcome("200", 1.0), Outcome("429", 0.1), Outcome("200", 3.0), Outcome("ClientOSError", 0.2)]

    found = Load.of(outcomes, clients=2, seconds=4)

    assert found.answered == Seconds(p50=1.0, p99=3.0, samples=2)
    assert (found.answered_a_second, found.refused_share) == (0.5, 0.25)
    assert found.others == {"ClientOSError": 1}


def test_each_client_asks_one_request_at_a_time_until_the_time_is_up() -> None:
    under_way, most, numbers = 0, 0, itertools.count()

    async def ask() -> Outcome:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        # The last ones are never answered.
        await (asyncio.sleep(0) if next(numbers) < 20 else asyncio.Event().wait())
        under_way -= 1
        return Outcome("200", 0.5)

    found = asyncio.run(load(ask, clients=3, seconds=0.5))

    assert (found.kinds, most) == ({"200": 20}, 3)


def test_a_load_is_told_in_a_few_lines() -> None:
    found = Load(clients=8, seconds=10, answered=Seconds(p50=0.5, p99=1.25, samples=20), kinds={"200": 20, "429": 3})

    assert told(found).splitlines() == [
        "8 clients, 10 s: 2.00 pictures/s",
        "p50 0.500 s, p99 1.250 s",
        "200: 20",
        "429: 3",
    ]


def test_a_load_of_which_nothing_came_says_what_to_change() -> None:
    assert "more --seconds" in told(Load(clients=8, seconds=1, answered=None, kinds={}))


@pytest.mark.parametrize(
    ("addresses", "ours"),
    [
        (["127.0.0.1"], True),
        (["::1", "127.0.0.1"], True),
        (["10.96.0.10"], True),
        (["fe80::1%eth0"], True),
        (["8.8.8.8"], False),
        (["127.0.0.1", "8.8.8.8"], False),
    ],
)
def test_only_this_machine_and_private_networks_are_ours(addresses: list[str], ours: bool) -> None:
    assert is_ours(addresses) is ours


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["8.8.8.8:80"], "is no URL"),
        (["http://[::1"], "is no URL"),
        (["ftp://127.0.0.1"], "is no URL"),
        (["http://127.0.0.1:99999"], "is no URL"),
        (["http://8.8.8.8"], "8.8.8.8 is on a public network"),
        (["http://127.0.0.1", "--clients", "1000"], "1<=x<=256"),
        (["http://127.0.0.1", "--seconds", "0"], "1<=x<=3600"),
    ],
)
def test_what_is_no_load_for_a_gateway_of_ones_own_is_refused(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
