"""What the gateway's pods are told, held against the gateway's own command line."""

from pathlib import Path
from typing import Any

from tests.support.pipelines import pipeline
from yarl import URL

from sdp_operator.desired.gateway.deployment import deployment
from sdp_operator.desired.service import endpoints
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component
from sdp_serving.gateway.__main__ import main
from sdp_serving.servers.transport import Address

EVERYTHING: KubeObject = {
    "auth": {"secretName": "sd-keys"},
    "limits": {"queueLength": 8, "requestsPerMinute": 30, "requestTimeoutSeconds": 90},
    "holdSeconds": 5,
}


def test_the_gateway_takes_what_it_is_told() -> None:
    read = _read(EVERYTHING)

    assert read["components"] == ((Component.DECODER, URL("http://sd-decoder.art.svc:8501")),)
    assert read["grpc_servers"] == ((Component.DECODER, Address("sd-decoder.art.svc", 8500)),)
    assert read["api_keys"] == Path("/etc/sdpipeline/api-keys")
    assert read["routes"] == Path("/etc/sdpipeline/routes/routes.json")
    limits = ("queue_length", "requests_per_minute", "request_seconds", "hold_seconds")
    assert [read[name] for name in limits] == [8, 30, 90, 5]


def test_the_gateways_own_defaults_are_those_of_the_spec() -> None:
    read, own = _read({}), _parsed(["--component=decoder=http://h:8501"])

    assert [read[name] for name in ("queue_length", "requests_per_minute", "request_seconds", "api_keys")] == [
        own[name] for name in ("queue_length", "requests_per_minute", "request_seconds", "api_keys")
    ]


def _read(gateway: KubeObject) -> dict[str, Any]:
    parent = pipeline({"decoder": {"model": "gs://b/d"}, "gateway": gateway})
    assert parent.spec.gateway is not None
    servers = {Component.DECODER: endpoints(parent.key, Component.DECODER)}
    made = deployment(parent, parent.spec.gateway, servers, Settings())
    [container] = made["spec"]["template"]["spec"]["containers"]
    return _parsed(container["args"])


def _parsed(args: list[str]) -> dict[str, Any]:
    read: dict[str, Any] = main.make_context("gateway", list(args)).params
    return read
