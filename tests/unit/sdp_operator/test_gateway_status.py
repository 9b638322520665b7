from typing import Any

import pytest
from tests.support.pipelines import NOW, pipeline, pod

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.conditions import Verdict
from sdp_operator.desired.children import desired
from sdp_operator.desired.identity import REVISION
from sdp_operator.gateway_status import gateway_verdict
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.world import World

ROUTE = {"parentRefs": [{"name": "front"}], "hostnames": ["art.example.com"]}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
ACCEPTED = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
PENDING = {"type": "Accepted", "status": "Unknown", "reason": "Pending", "message": "waiting for the controller"}
NOT_ALLOWED = {"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "not allowed here"}
UNRESOLVED = {"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": ""}


@pytest.mark.parametrize(
    ("gateway", "message"),
    [
        ({}, "it answers at http://sd-gateway.art.svc"),
        (
            {"ingress": {"host": "art.example.com"}},
            "the gateways answer; the Ingress leads to them from http://art.example.com",
        ),
        (
            {"ingress": {"host": "art.example.com", "tlsSecretName": "tls"}},
            "the gateways answer; the Ingress leads to them from https://art.example.com",
        ),
        ({"route": ROUTE}, "the gateways answer; the HTTPRoute leads to them from http://art.example.com"),
        ({"ingress": {"host": "*.example.com"}}, "it answers at http://sd-gateway.art.svc"),
    ],
)
def test_a_gateway_that_answers_says_where(gateway: KubeObject, message: str) -> None:
    assert _verdict(gateway, READY) == Verdict("True", Reason.GATEWAY_SERVING, message)


@pytest.mark.parametrize(
    "parents",
    [[[ACCEPTED]], [[NOT_ALLOWED], [ACCEPTED]], [[PENDING], [ACCEPTED]], [[ACCEPTED], [ACCEPTED, UNRESOLVED]]],
)
def test_a_gateway_answers_where_any_gateway_of_the_cluster_takes_its_route(parents: list[list[KubeObject]]) -> None:
    assert _routed(parents) == Verdict("True", Reason.GATEWAY_SERVING, "it answers at http://art.example.com")


@pytest.mark.parametrize("parents", [[], [[]], [[PENDING]]])
def test_while_nobody_has_said_anything_of_a_route_nothing_is_claimed_of_it(parents: list[list[KubeObject]]) -> None:
    verdict = _routed(parents)
    assert verdict.message == "the gateways answer; the HTTPRoute leads to them from http://art.example.com"


@pytest.mark.parametrize(
    ("parents", "why"),
    [
        ([[NOT_ALLOWED]], "front-0: not allowed here"),
        ([[PENDING], [ACCEPTED, UNRESOLVED]], "front-1: BackendNotFound"),
        ([[NOT_ALLOWED], [ACCEPTED, UNRESOLVED]], "front-0: not allowed here; front-1: BackendNotFound"),
    ],
)
def test_a_gateway_whose_route_nobody_takes_is_not_ready(parents: list[list[KubeObject]], why: str) -> None:
    assert _routed(parents) == Verdict(
        "False",
        Reason.ROUTE_NOT_ACCEPTED,
        f"no Gateway takes the HTTPRoute ({why}): correct gateway.route, or the Gateway",
    )


def test_all_gateways_have_to_answer() -> None:
    verdict = _verdict({"replicas": 2}, READY, {})
    assert (verdict.status, verdict.reason) == ("False", Reason.STARTING)
    assert verdict.message == "1 of 2 gateways answer; the others are being started"
    assert _verdict({"replicas": 2}, READY, READY).holds


def test_a_gateway_of_an_older_spec_does_not_count() -> None:
    assert not _verdict({}, READY, revision="older").holds


def test_a_gateway_without_replicas_says_so() -> None:
    assert _verdict({"replicas": 0}).reason == Reason.SCALED_TO_ZERO


@pytest.mark.parametrize(
    ("status", "reason", "sentence"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full"}]},
            Reason.UNSCHEDULABLE,
            "no node can take a replica (full)",
        ),
        ({"waiting": {"reason": "ErrImagePull", "message": "not found"}}, Reason.IMAGE_UNAVAILABLE, "can't be pulled"),
        ({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, Reason.OUT_OF_MEMORY, "gateway.resources.limits"),
        ({"terminated": {"exitCode": 2}}, Reason.GATEWAY_CRASHED, "exit code 2: see the log of its container gateway"),
    ],
)
def test_a_gateway_that_does_not_start_says_why(status: KubeObject, reason: Reason, sentence: str) -> None:
    container = {"name": "gateway", "image": "gateway:1", "state": status}
    verdict = _verdict({}, status if "conditions" in status else {"containerStatuses": [container]})
    assert verdict.reason == reason
    assert sentence in verdict.message


def test_a_gateway_whose_keys_are_missing_says_which_secret_to_create() -> None:
    words = 'FailedMount: MountVolume.SetUp failed for volume "api-keys" : secret "sd-keys" not found'

    verdict = _verdict({"auth": {"secretName": "sd-keys"}}, {}, words=words)

    assert verdict == Verdict(
        "False",
        Reason.VOLUME_UNAVAILABLE,
        f"the Secret sd-keys of gateway.auth can't be mounted ({words}): create it, with an API key for each client,"
        " and the gateways start by themselves",
    )


def test_a_gateway_that_misses_another_volume_is_told_of_that_one() -> None:
    words = 'FailedMount: MountVolume.SetUp failed for volume "certificates" : configmap "ca" not found'

    verdict = _verdict({"auth": {"secretName": "sd-keys"}}, {}, words=words)

    assert verdict.reason == Reason.VOLUME_UNAVAILABLE
    assert "sd-keys" not in verdict.message
    assert 'configmap "ca" not found' in verdict.message


def test_what_was_said_before_a_gateway_started_is_no_trouble_of_a_running_one() -> None:
    words = 'FailedMount: MountVolume.SetUp failed for volume "api-keys" : secret "sd-keys" not found'
    running = {"containerStatuses": [{"name": "gateway", "image": "gateway:1", "state": {"running": {}}}]}

    assert _verdict({"auth": {"secretName": "sd-keys"}}, running, words=words).reason == Reason.STARTING


def test_gateways_that_may_not_be_made_are_told() -> None:
    parent = _pipeline({})
    part = desired(parent, World(), Settings(), NOW).gateway
    assert part is not None
    assert parent.spec.gateway is not None
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: none"}
    live = {("Deployment", "sd-gateway"): {**part.children[0], "status": {"conditions": [failure]}}}
    verdict = gateway_verdict(parent, parent.spec.gateway, part, LiveChildren(objects=live), None)
    assert verdict.reason == Reason.PODS_REFUSED
    assert "exceeded quota: none" in verdict.message


def test_what_the_cluster_refuses_comes_first() -> None:
    refused = Problem(Reason.NAME_TAKEN, "the Service sd-gateway is there already")
    assert _verdict({}, READY, refused=refused).reason == Reason.NAME_TAKEN


def test_a_route_in_a_cluster_without_the_gateway_api_is_told_and_the_rest_is_made() -> None:
    parent = _pipeline({"route": ROUTE})
    world = World(unknown_kinds=frozenset({"HTTPRoute"}))
    part = desired(parent, world, Settings(), NOW).gateway
    assert part is not None
    assert {child["kind"] for child in part.children} == {"Deployment", "ConfigMap", "Service"}
    assert parent.spec.gateway is not None
    verdict = gateway_verdict(parent, parent.spec.gateway, part, LiveChildren(), None)
    assert verdict.reason == Reason.KIND_UNKNOWN
    assert "install it, or use gateway.ingress" in verdict.message


def _routed(parents: list[list[KubeObject]]) -> Verdict:
    """Of a gateway that is ready, with an HTTPRoute of which its parents say these conditions."""
    said = [
        {"parentRef": {"name": f"front-{number}"}, "conditions": conditions}
        for number, conditions in enumerate(parents)
    ]
    return _verdict({"route": ROUTE}, READY, route={"status": {"parents": said}})


def _verdict(
    gateway: KubeObject,
    *statuses: KubeObject,
    revision: str | None = None,
    refused: Problem | None = None,
    route: KubeObject | None = None,
    words: str | None = None,
) -> Verdict:
    parent = _pipeline(gateway)
    part = desired(parent, World(), Settings(), NOW).gateway
    assert part is not None
    assert parent.spec.gateway is not None
    pods = {}
    for number, status in enumerate(statuses):
        made: Any = pod(part.children[0], name=f"pod-{number}", status=status)
        labels = made["metadata"]["labels"]
        made["metadata"]["labels"] = {**labels, REVISION: revision or labels[REVISION]}
        pods[f"pod-{number}"] = made
    objects = {} if route is None else {("HTTPRoute", "sd-gateway"): route}
    said = {} if words is None else dict.fromkeys(pods, words)
    live = LiveChildren(objects=objects, pods=pods, words=said)
    return gateway_verdict(parent, parent.spec.gateway, part, live, refused)


def _pipeline(gateway: KubeObject) -> Pipeline:
    return pipeline({"decoder": {"model": "gs://b/d"}, "gateway": gateway})
