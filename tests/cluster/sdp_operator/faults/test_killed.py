"""The operator killed before and after each of its calls, and started again.

Before a call and after the answer to the one before it are the same moment: what the API server holds is the same, and
what the operator knew is lost. So is after the answer to a read. What is left is before each call, and after each write
that was carried out while the operator never heard so.
"""

import itertools
from typing import Any

import pytest
from tests.support.api_proxy import Call
from tests.support.eventually import eventually
from tests.support.proxied_operator import KillAt, ProxiedOperator
from tests.support.subject import BROAD, NARROWED, SWAPPED, Subject

from devcluster.pytest_plugin import Namespace


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("first", "then", "calls"),
    [(None, BROAD, 20), (BROAD, SWAPPED, 3), (BROAD, NARROWED, 8)],
    ids=["creation", "swap", "removal"],
)
def test_killed_at_any_call_it_ends_in_the_same_state(
    operator: ProxiedOperator,
    namespace: Namespace,
    first: dict[str, Any] | None,
    then: dict[str, Any],
    calls: int,
    answered: bool,
) -> None:
    undisturbed = Subject(operator, namespace, "undisturbed")
    beginning = _brought_to(undisturbed, first)
    end = _brought_to(undisturbed, then)
    following = _made(Subject(operator, namespace, "sd1"), first)
    for number in itertools.count(1):
        # Its successor is made meanwhile, so that no round waits for that.
        subject, following = following, _made(Subject(operator, namespace, f"sd{number + 1}"), first)
        if first is not None:
            subject.wait_for(beginning, "it is as at first")
        struck = _kill_amid(operator, subject, then, number, answered=answered)
        if struck is None:
            break
        operator.start()
        subject.wait_for(end, f"it is as if the operator had not died at {struck}")
        subject.delete()
    assert number > calls


def _brought_to(subject: Subject, spec: dict[str, Any] | None) -> dict[str, Any]:
    if spec is None:
        return {}
    subject.apply(spec)
    return subject.settled()


def _made(subject: Subject, spec: dict[str, Any] | None) -> Subject:
    if spec is not None:
        subject.apply(spec)
    return subject


def _kill_amid(
    operator: ProxiedOperator, subject: Subject, spec: dict[str, Any], number: int, *, answered: bool
) -> Call | None:
    """Kill the operator at a call that a change makes it send; gives that call, None where there were not so many."""

    def counts(call: Call) -> bool:
        return subject.is_subject_of(call) and (call.is_write or not answered)

    kill = KillAt(operator, counts, number, answered=answered)
    operator.proxy.rule = kill
    subject.apply(spec)
    eventually(lambda: kill.struck or subject.is_settled, f"call {number} is made, or all is done")
    return kill.struck
