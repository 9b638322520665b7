"""Permissions that the operator loses and gets back."""

import time

import pytest
from tests.support.eventually import eventually
from tests.support.proxied_operator import ProxiedOperator
from tests.support.role import revoked
from tests.support.subject import BROAD, NARROWED, SWAPPED, Subject

from devcluster.pytest_plugin import Namespace

_RECOVERS_SECONDS = 60.0


def test_a_write_that_is_forbidden_is_told_and_made_once_it_is_allowed(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    swapped, narrowed = Subject(operator, namespace, "sd-swapped"), Subject(operator, namespace, "sd-narrowed")
    for subject in (swapped, narrowed):
        subject.apply(BROAD)
        subject.settled()
    with revoked(namespace.cluster, {("patch", "deployments"), ("delete", "services")}):
        swapped.apply(SWAPPED)
        narrowed.apply(NARROWED)
        eventually(lambda: swapped.condition("DecoderReady")["reason"] == "Refused", "the condition tells")
        message = swapped.condition("DecoderReady")["message"]
        assert 'cannot patch resource "deployments"' in message
        assert "restore the operator's role" in message
        eventually(lambda: narrowed.condition("Ready")["reason"] == "Hindered", "the condition tells")
        assert 'cannot delete resource "services"' in narrowed.condition("Ready")["message"]
        began = time.monotonic()
        operator.stay(5)
        assert len(operator.proxy.calls_since(began)) < 40
    swapped.settle(_RECOVERS_SECONDS)
    narrowed.settle(_RECOVERS_SECONDS)
    assert narrowed.names("Service") == [f"{narrowed.name}-gateway", f"{narrowed.name}-text-encoder"]
    assert swapped.get()["status"]["swaps"][0]["to"] == "models/decoder:2"


@pytest.mark.parametrize(("resource", "verbs"), [("pods", ["list", "watch"]), ("stablediffusionpipelines", ["watch"])])
def test_what_the_operator_may_not_see_is_told_without_wavering_and_seen_when_it_may(
    operator: ProxiedOperator, namespace: Namespace, resource: str, verbs: list[str]
) -> None:
    there, added = Subject(operator, namespace, "sd-there"), Subject(operator, namespace, "sd-added")
    there.apply(BROAD)
    wanted = there.settled()
    with revoked(namespace.cluster, {(verb, resource) for verb in verbs}):
        operator.proxy.drop_watches()
        # Where neither is allowed, it is the watch that fails first.
        forbidden = f"cannot {verbs[0]} resource"
        eventually(lambda: forbidden in there.condition("Ready")["message"], "the condition tells")
        ready = there.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("Unknown", "Hindered")
        assert ready["message"].startswith(f"the operator may not watch {resource} (")
        eventually(lambda: "Hindered" in there.events(), "its Event, which follows the status, is there")
        added.apply(BROAD)
        began = time.monotonic()
        operator.stay(12)
        assert there.condition("Ready") == ready
        writes = [
            str(call) for call in operator.proxy.calls_since(began) if call.is_write and there.is_subject_of(call)
        ]
        assert writes == []
        asked = [call for call in operator.proxy.calls_since(began) if call.path.endswith(f"/{resource}")]
        assert 1 <= len(asked) <= 6
    there.wait_for(wanted, "it is as before", seconds=_RECOVERS_SECONDS)
    added.wait_for(wanted, "it is made", seconds=_RECOVERS_SECONDS)
    told = [line for line in operator.log() if line["message"].startswith(f"the operator may not watch {resource}")]
    assert len(told) == len(verbs)


def test_a_status_that_may_not_be_written_does_not_keep_children_from_being_made(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    subject = Subject(operator, namespace)
    with revoked(namespace.cluster, {("patch", "stablediffusionpipelines/status")}):
        subject.apply(BROAD)
        eventually(lambda: len(subject.names("Deployment")) == 3, "its Deployments are there")
        refused = 'cannot patch resource "stablediffusionpipelines/status"'
        eventually(lambda: any(refused in line["message"] for line in operator.log()), "the log tells")
        began = time.monotonic()
        operator.stay(8)
        assert len([call for call in operator.proxy.calls_since(began) if call.is_write]) <= 4
    subject.settle(_RECOVERS_SECONDS)
