"""How the number of replicas passes to an autoscaler, held against a real API server."""

import json
from typing import Any

from tests.support.pipelines import pipeline

from devcluster.pytest_plugin import Namespace
from sdp_operator.desired.deployment import deployment
from sdp_operator.desired.identity import MANAGER
from sdp_operator.desired.replicas import keep_replicas
from sdp_operator.desired.source import Rollout, declared_source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component


def test_a_component_that_is_to_scale_by_itself_starts_from_the_replicas_that_it_has(namespace: Namespace) -> None:
    autoscaling = {"maxReplicas": 9, "metric": {"name": "requests", "averageValue": 1}}
    by_itself = _wanted(namespace, autoscaling=autoscaling)
    live = _applied(namespace, _wanted(namespace, replicas=3))
    live = _applied(namespace, keep_replicas(by_itself, live))
    assert live["spec"]["replicas"] == 3
    namespace.kubectl("scale", "deployment", "sd-decoder", "--replicas=5")  # as an autoscaler would
    live = _applied(namespace, keep_replicas(by_itself, _read(namespace)))
    assert live["spec"]["replicas"] == 5


def _wanted(namespace: Namespace, **fields: Any) -> KubeObject:
    parent = pipeline({"decoder": {"model": "gs://b/d", **fields}})
    spec = parent.spec.components[Component.DECODER]
    source = declared_source(spec)
    assert source is not None
    made = deployment(parent, Component.DECODER, spec, Rollout("1", source, "Surge"), Settings())
    # Without an owner: it would be deleted after one that is not there.
    meta = {key: value for key, value in made["metadata"].items() if key != "ownerReferences"}
    return {**made, "metadata": {**meta, "namespace": namespace.name}}


def _applied(namespace: Namespace, wanted: KubeObject) -> KubeObject:
    namespace.kubectl("apply", "--server-side", f"--field-manager={MANAGER}", "--filename=-", stdin=json.dumps(wanted))
    return _read(namespace)


def _read(namespace: Namespace) -> KubeObject:
    live: KubeObject = json.loads(
        namespace.kubectl("get", "deployment", "sd-decoder", "--output=json", "--show-managed-fields")
    )
    return live
