"""What is made of a pipeline's gateway: golden files, and what they do not show.

`UPDATE_GOLDEN=1 pytest tests/unit/sdp_operator` writes the golden files anew; read the difference before committing it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import Endpoints, GatewaySpec, Pipeline
from sdp_operator.desired.gateway.children import gateway_children
from sdp_operator.desired.gateway.deployment import deployment
from sdp_operator.desired.gateway.routes import gateways_to_tell
from sdp_operator.desired.gateway.service import service
from sdp_operator.desired.gateway.url import gateway_url
from sdp_operator.desired.identity import REVISION
from sdp_operator.desired.service import endpoints
from sdp_operator.desired.telling import TOLD
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Routes

DATA = Path(__file__).parent / "data"
SETTINGS = Settings(gateway_image="sdpipeline/gateway:test")
NOTHING = Routes()
DECODER: KubeObject = {"decoder": {"model": "gs://b/d"}}


@pytest.mark.parametrize("case", sorted(path.stem for path in DATA.glob("*.spec.yaml")))
def test_the_gateways_children_are_as_in_the_golden_file(case: str) -> None:
    parent = pipeline(yaml.safe_load((DATA / f"{case}.yaml").read_text()))
    golden = DATA / f"{case.removesuffix('.spec')}.children.yaml"

    made = list(gateway_children(parent, _spec(parent), _own(parent), NOTHING, SETTINGS))

    if os.environ.get("UPDATE_GOLDEN"):
        plain = json.loads(json.dumps(made))  # shares nothing, so that YAML writes no anchors
        golden.write_text(yaml.safe_dump_all(plain, sort_keys=False, width=120))
    assert made == list(yaml.safe_load_all(golden.read_text()))


def test_a_shared_component_is_reached_where_its_owner_serves_it() -> None:
    shared = Endpoints(grpc="sd2-decoder.lab.svc:8500", rest="http://sd2-decoder.lab.svc:8501/v1/models/decoder")
    [container] = _pod(_made(pipeline({**DECODER, "gateway": {}}), {Component.DECODER: shared}))["containers"]

    assert [flag for flag in container["args"] if flag.startswith("--component")] == [
        "--component=decoder=http://sd2-decoder.lab.svc:8501"
    ]


def test_the_order_in_which_components_are_told_does_not_restart_the_gateway() -> None:
    parent = pipeline({**DECODER, "textEncoder": {"model": "gs://b/t"}, "gateway": {}})
    servers = _own(parent)

    backwards = dict(reversed(servers.items()))

    assert list(servers) != list(backwards)
    assert _made(parent, servers) == _made(parent, backwards)


def test_another_component_is_another_revision_and_another_number_of_replicas_is_none() -> None:
    parent = pipeline({**DECODER, "gateway": {}})
    text_encoder = endpoints(parent.key, Component.TEXT_ENCODER)
    revisions = [
        _revision(_made(parent, _own(parent))),
        _revision(_made(parent, {**_own(parent), Component.TEXT_ENCODER: text_encoder})),
        _revision(_made(pipeline({**DECODER, "gateway": {"replicas": 5}}), _own(parent))),
    ]

    assert revisions[0] != revisions[1]
    assert revisions[0] == revisions[2]


@pytest.mark.parametrize("name", ["ingress", "route"])
def test_the_service_finds_the_pods_whatever_is_overridden_and_all_else_finds_the_service(name: str) -> None:
    parent = pipeline(yaml.safe_load((DATA / f"{name}.spec.yaml").read_text()))
    made = {child["kind"]: child for child in gateway_children(parent, _spec(parent), _own(parent), NOTHING, SETTINGS)}
    template = made["Deployment"]["spec"]["template"]
    service = made["Service"]

    for selector in (
        service["spec"]["selector"],
        made["Deployment"]["spec"]["selector"]["matchLabels"],
        made["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= template["metadata"]["labels"].items()
    [port] = service["spec"]["ports"]
    assert port["targetPort"] in {port["name"] for port in _pod(made["Deployment"])["containers"][0]["ports"]}
    if name == "ingress":
        [path] = made["Ingress"]["spec"]["rules"][0]["http"]["paths"]
        assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}
    else:
        [backend] = made["HTTPRoute"]["spec"]["rules"][0]["backendRefs"]
        assert backend == {"name": service["metadata"]["name"], "port": port["port"]}


def test_a_gateway_that_must_go_has_time_for_the_requests_under_way() -> None:
    parent = pipeline({**DECODER, "gateway": {}})
    pod = _pod(_made(parent, _own(parent)))
    leaving = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    gateways_own_grace = 25

    assert pod["terminationGracePeriodSeconds"] > leaving + gateways_own_grace


def test_what_the_gateways_are_told_is_written_where_they_read_it_and_restarts_none() -> None:
    parent = pipeline({**DECODER, "gateway": {}})
    told = _told(percent=10)
    without, with_it = (
        gateway_children(parent, _spec(parent), _own(parent), routes, SETTINGS) for routes in (NOTHING, told)
    )
    assert without[0] == with_it[0]

    template = _pod(with_it[0])
    [container], [volume] = template["containers"], template["volumes"]
    [mount] = container["volumeMounts"]
    [config_map] = [child for child in with_it if child["kind"] == "ConfigMap"]
    [flag] = [flag for flag in container["args"] if flag.startswith("--routes=")]
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]
    assert mount["name"] == volume["name"]
    assert "subPath" not in mount, "such a mount would never change"
    folder, _, file = flag.removeprefix("--routes=").rpartition("/")
    assert folder == mount["mountPath"]
    assert Routes.model_validate_json(config_map["data"][file]) == told


def test_gateways_are_told_at_once_of_what_changes_and_at_rest_nothing() -> None:
    pods: dict[str, KubeObject] = {"one": {"metadata": {}}, "ending": {"metadata": {"deletionTimestamp": "now"}}}
    told = []
    for now in (_told(percent=10), _told(percent=20), NOTHING):
        (name, digest), *others = gateways_to_tell(now, pods).items()
        assert (name, others) == ("one", [])
        told.append(digest)
        pods["one"] = {"metadata": {"annotations": {TOLD: digest}}}
        assert gateways_to_tell(now, pods) == {}
    assert len(set(told)) == 3


@pytest.mark.parametrize(("asked", "seconds"), [({}, 120), ({"holdSeconds": 0}, 0), ({"holdSeconds": 900}, 900)])
def test_the_gateway_holds_requests_as_long_as_it_is_asked_to(asked: KubeObject, seconds: int) -> None:
    parent = pipeline({**DECODER, "gateway": asked})
    [container] = _pod(_made(parent, _own(parent)))["containers"]

    assert f"--hold-seconds={seconds}" in container["args"]


@pytest.mark.parametrize("asked", [None, {}, {"limits": {"memory": "1Gi"}}])
def test_the_gateway_has_the_resources_that_are_asked_for_and_else_its_own(asked: KubeObject | None) -> None:
    parent = pipeline({**DECODER, "gateway": {} if asked is None else {"resources": asked}})
    [container] = _pod(_made(parent, _own(parent)))["containers"]

    its_own = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    assert container["resources"] == (asked or its_own)


def test_one_gateway_alone_has_no_disruption_budget() -> None:
    parent = pipeline({**DECODER, "gateway": {"replicas": 1}})

    kinds = [child["kind"] for child in gateway_children(parent, _spec(parent), _own(parent), NOTHING, SETTINGS)]

    assert kinds == ["Deployment", "ConfigMap", "Service"]


URLS: dict[str, tuple[KubeObject, str]] = {
    "inside the cluster": ({}, "http://sd-gateway.art.svc"),
    "an ingress": ({"ingress": {"host": "sd.example.com"}}, "http://sd.example.com"),
    "an ingress with a certificate": (
        {"ingress": {"host": "sd.example.com", "tlsSecretName": "tls"}},
        "https://sd.example.com",
    ),
    "an ingress for a whole domain": (
        {"ingress": {"host": "*.example.com", "tlsSecretName": "tls"}},
        "http://sd-gateway.art.svc",
    ),
    "a route": (
        {"route": {"hostnames": ["*.example.com", "sd.example.com"], "parentRefs": [{"name": "public"}]}},
        "http://sd.example.com",
    ),
}


@pytest.mark.parametrize(("gateway", "url"), URLS.values(), ids=URLS)
def test_the_url_is_the_one_that_users_call(gateway: KubeObject, url: str) -> None:
    parent = pipeline({**DECODER, "gateway": gateway})

    assert gateway_url(parent, _spec(parent)) == url


def test_the_gateway_keeps_to_its_limits_and_to_a_rate_where_one_is_asked_for() -> None:
    limits = {"queueLength": 8, "requestsPerMinute": 30, "requestTimeoutSeconds": 90}

    assert _flags({}, "--queue-length", "--requests-per-minute", "--request-seconds") == [
        "--queue-length=64",
        "--request-seconds=600",
    ]
    assert _flags({"limits": limits}, "--queue-length", "--requests-per-minute", "--request-seconds") == [
        "--queue-length=8",
        "--requests-per-minute=30",
        "--request-seconds=90",
    ]


def test_an_override_replaces_the_grpc_address_of_its_own_component_only() -> None:
    gateway = {"overrides": {"args": ["--grpc=decoder=b:1"]}}
    parent = pipeline({**DECODER, "textEncoder": {"model": "gs://b/t"}, "gateway": gateway})

    [container] = _pod(_made(parent, _own(parent)))["containers"]

    assert [flag for flag in container["args"] if flag.startswith("--grpc")] == [
        "--grpc=text-encoder=sd-text-encoder.art.svc:8500",
        "--grpc=decoder=b:1",
    ]


def test_the_keys_of_a_secret_appear_where_the_gateway_reads_them_and_without_them_it_does_not_start() -> None:
    parent = pipeline({**DECODER, "gateway": {"auth": {"secretName": "sd-keys"}}})
    pod = _pod(_made(parent, _own(parent)))
    [container] = pod["containers"]
    [volume] = [volume for volume in pod["volumes"] if "secret" in volume]
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == volume["name"]]

    assert volume["secret"] == {"secretName": "sd-keys", "defaultMode": 0o440}
    assert f"--api-keys={mount['mountPath']}" in container["args"]
    assert mount["readOnly"]
    assert "subPath" not in mount, "such a mount would never change"
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"], "its group may read them"


def test_whoever_reaches_a_gateway_without_a_secret_may_use_it() -> None:
    parent = pipeline({**DECODER, "gateway": {}})
    pod = _pod(_made(parent, _own(parent)))

    assert not [volume for volume in pod["volumes"] if "secret" in volume]
    assert _flags({}, "--api-keys") == []


STICKY = {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 3600}}}
FREE = {"sessionAffinity": "None"}


@pytest.mark.parametrize(
    ("gateway", "affinity"),
    [
        ({}, FREE),
        ({"replicas": 2}, STICKY),
        ({"replicas": 2, "service": {"sessionAffinity": "None"}}, FREE),
        ({"service": {"sessionAffinity": "ClientIP"}}, STICKY),
    ],
)
def test_of_several_gateways_a_client_reaches_the_one_that_has_its_pictures(
    gateway: KubeObject, affinity: KubeObject
) -> None:
    parent = pipeline({**DECODER, "gateway": gateway})
    spec = service(parent, _spec(parent))["spec"]

    assert {key: value for key, value in spec.items() if key.startswith("session")} == affinity


def _told(*, percent: int) -> Routes:
    return Routes(canaries={Component.DIFFUSION_MODEL: Canary(version=7, percent=percent, model="gs://b/unet")})


def _flags(gateway: KubeObject, *names: str) -> list[str]:
    parent = pipeline({**DECODER, "gateway": gateway})
    [container] = _pod(_made(parent, _own(parent)))["containers"]
    return [flag for flag in container["args"] if flag.partition("=")[0] in names]


def _spec(parent: Pipeline) -> GatewaySpec:
    assert parent.spec.gateway is not None
    return parent.spec.gateway


def _own(parent: Pipeline) -> dict[Component, Endpoints]:
    return {component: endpoints(parent.key, component) for component in parent.spec.components}


def _made(parent: Pipeline, servers: dict[Component, Endpoints]) -> KubeObject:
    return deployment(parent, _spec(parent), servers, SETTINGS)


def _pod(of: KubeObject) -> Any:
    return of["spec"]["template"]["spec"]


def _revision(of: KubeObject) -> Any:
    return of["spec"]["template"]["metadata"]["labels"][REVISION]
