"""A pipeline deleted amid its creation."""

import asyncio
import itertools
from typing import Any

from tests.support.api_proxy import Answer, Call, Forward
from tests.support.eventually import eventually
from tests.support.outcome import is_owned_by
from tests.support.proxied_operator import ProxiedOperator
from tests.support.subject import BROAD, Subject

from devcluster.pytest_plugin import Namespace

_COLLECTED_SECONDS = 60.0
"""Garbage collection learns of a new kind only at its next resync, 30 s later."""


class DeleteAt:
    """Deletes a pipeline right before the n-th call about it, and creates a namesake at once where that is asked for.

    Attributes:
        struck: whether that has happened.
        uid: the pipeline's that was deleted.
    """

    def __init__(self, subject: Subject, number: int, *, namesake: dict[str, Any] | None) -> None:
        self.struck = False
        self.uid = ""
        self._subject = subject
        self._left = number
        self._namesake = namesake

    async def __call__(self, call: Call, forward: Forward) -> Answer:
        if self._subject.is_subject_of(call):
            self._left -= 1
            if self._left == 0:
                await asyncio.to_thread(self._strike)
        return await forward()

    def _strike(self) -> None:
        self.uid = self._subject.get()["metadata"]["uid"]
        self._subject.delete()
        if self._namesake is not None:
            self._subject.apply(self._namesake)
        self.struck = True


def test_a_pipeline_deleted_at_any_call_of_its_creation_leaves_nothing(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    deleted = []
    for number in itertools.count(1):
        subject = Subject(operator, namespace, f"sd{number}")
        deletion = _delete_amid(operator, subject, number, namesake=None)
        if not deletion.struck:
            break
        assert not subject.exists, "nothing holds it up"
        deleted.append(subject)
    assert len(deleted) > 20
    for one in deleted:
        one.wait_until_gone(_COLLECTED_SECONDS)
    operator.stay(2)
    assert [one.name for one in deleted if one.children()] == [], "nor is anything made again"


def test_a_namesake_of_a_pipeline_deleted_amid_its_creation_gets_children_of_its_own(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    undisturbed = Subject(operator, namespace, "undisturbed")
    undisturbed.apply(BROAD)
    wanted = undisturbed.settled()
    namesakes = []
    for number in (1, 2, 5, 10, 20, 30):
        subject = Subject(operator, namespace, f"sd{number}")
        deletion = _delete_amid(operator, subject, number, namesake=BROAD)
        assert deletion.struck
        namesakes.append((subject, deletion.uid))
    for subject, uid in namesakes:
        subject.wait_for(wanted, "its namesake is there", seconds=_COLLECTED_SECONDS)
        pipeline = subject.get()
        assert pipeline["metadata"]["uid"] != uid
        assert all(is_owned_by(child, pipeline) for _, child in subject.children())


def _delete_amid(
    operator: ProxiedOperator, subject: Subject, number: int, *, namesake: dict[str, Any] | None
) -> DeleteAt:
    deletion = DeleteAt(subject, number, namesake=namesake)
    operator.proxy.rule = deletion
    subject.apply(BROAD)
    eventually(lambda: deletion.struck or subject.is_settled, f"call {number} is made, or all is done", seconds=30)
    return deletion
