"""The API server answers with failures, or not at all."""

import time
from typing import Any

import pytest
from tests.support.api_proxy import Answer, Call, CutError, Forward, failure
from tests.support.eventually import eventually
from tests.support.proxied_operator import ProxiedOperator
from tests.support.subject import BROAD, SWAPPED, Subject

from devcluster.pytest_plugin import Namespace

FAILURES: dict[str, Answer | None] = {
    "conflict": failure(409, "Operation cannot be fulfilled: the object has been modified"),
    "too-many": failure(429, "too many requests, please try again later", Retry_After="1"),
    "internal": failure(500, "Internal error occurred: etcdserver: request timed out"),
    "unavailable": failure(503, "the server is currently unable to handle the request"),
    "garbage": Answer(200, b"<html>Welcome to the hotel's network</html>", {"Content-Type": "text/html"}),
    "no-object": Answer(200, b"[]", {"Content-Type": "application/json"}),
    "gateway": Answer(502, b"<html>\nBad\nGateway\n</html>", {"Content-Type": "text/html"}),
    "cut": None,
}
_HINDERED_SECONDS = 5.0


async def _fail(name: str) -> Answer:
    answer = FAILURES[name]
    if answer is None:
        raise CutError
    return answer


def test_writes_that_fail_are_tried_again_without_haste_until_they_succeed(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    undisturbed = Subject(operator, namespace, "undisturbed")
    undisturbed.apply(BROAD)
    wanted = undisturbed.settled()
    subjects = {name: Subject(operator, namespace, f"sd-{name}") for name in FAILURES}

    async def rule(call: Call, forward: Forward) -> Answer:
        hit = [name for name, subject in subjects.items() if call.is_write and subject.is_subject_of(call)]
        return await _fail(hit[0]) if hit else await forward()

    operator.proxy.rule = rule
    for subject in subjects.values():
        subject.apply(BROAD)
    for name, subject in subjects.items():
        eventually(lambda: len(_tries(subject)) > 1, f"after {name} it is tried again")  # noqa: B023 - called at once
    began = time.monotonic()
    time_of_first = min(call.at for subject in subjects.values() for call in subject.calls())
    for name, subject in subjects.items():
        # After 1, 2, 4 ... seconds: each try looks at the pipeline first.
        assert len(_tries(subject)) <= 2 + (began - time_of_first), name
    operator.heal()
    for name, subject in subjects.items():
        subject.wait_for(wanted, f"{name} is overcome", seconds=30)
    assert any("500" in line["message"] and "request timed out" in line["message"] for line in operator.log())
    assert all("\n" not in line["message"] for line in operator.log())


def _tries(subject: Subject) -> list[Call]:
    return [call for call in subject.calls() if call.method == "GET" and call.name == subject.name]


@pytest.mark.parametrize("name", ["too-many", "internal", "garbage", "cut"])
def test_nothing_is_lost_while_the_api_server_fails(operator: ProxiedOperator, namespace: Namespace, name: str) -> None:
    edited, damaged, removed, added = (
        Subject(operator, namespace, one) for one in ("sd-edited", "sd-damaged", "sd-removed", "sd-added")
    )
    for subject in (edited, damaged, removed):
        subject.apply(BROAD)
    wanted = {subject.name: subject.settled() for subject in (edited, damaged, removed)}

    async def rule(_call: Call, _forward: Forward) -> Answer:
        return await _fail(name)

    operator.proxy.rule = rule
    operator.proxy.drop_watches()
    began = time.monotonic()
    edited.apply(SWAPPED)
    damaged.delete_children("services")
    removed.delete()
    added.apply(BROAD)
    operator.stay(_HINDERED_SECONDS)
    calls = operator.proxy.calls_since(began)
    assert 10 < len(calls) < 30 * _HINDERED_SECONDS
    assert len([line for line in operator.log() if line["level"] != "INFO"]) < 150
    operator.heal()
    added.wait_for(wanted[edited.name], "it is made", seconds=60)
    damaged.wait_for(wanted[damaged.name], "it is repaired", seconds=60)
    eventually(lambda: _image(edited) == "models/decoder:2", "the edit is made", seconds=60)
    edited.settled()
    eventually(lambda: not removed.children(), "nothing is left of what was deleted", seconds=60)


def _image(subject: Subject) -> Any:
    [deployment] = [
        child
        for kind, child in subject.children()
        if (kind, child["metadata"]["name"]) == ("Deployment", f"{subject.name}-decoder")
    ]
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]
