"""Whole specs of pipelines, made by hypothesis: every field is reachable, and each spec must be accepted."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from tests.support.spec_overrides import OVERRIDES
from tests.support.spec_placement import AFFINITIES, SPREADS, TOLERATIONS
from tests.support.spec_values import (
    ANNOTATIONS,
    IMAGES,
    LABELS,
    RESOURCES,
    SELECTORS,
    Fields,
    dns_labels,
    object_names,
    some,
)

from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component


def specs(*, most_components: int = 4) -> SearchStrategy[KubeObject]:
    """Specs that must be accepted."""
    return _specs(most_components)


def modest(spec: KubeObject) -> KubeObject:
    """The spec with one replica where it has many, so that a cluster can make its pods."""
    components = {component.field: spec[component.field] for component in Component if component.field in spec}
    for one in components.values():
        one["replicas"] = min(one.get("replicas", 1), 1)
        if "autoscaling" in one:
            one["autoscaling"] |= {"maxReplicas": 1, "minReplicas": 1}
    if "replicas" in spec.get("gateway", {}):
        spec["gateway"]["replicas"] = min(spec["gateway"]["replicas"], 1)
    return spec


def pipeline_names() -> SearchStrategy[str]:
    """Names of pipelines, of one character to the longest."""
    return st.just("sd") | dns_labels(46).map(lambda tail: f"a{tail}"[:47])


def _owner_names() -> SearchStrategy[str]:
    """Names of other pipelines."""
    return st.just("owner") | dns_labels(46).map(lambda tail: f"b{tail}"[:47])


@st.composite
def _specs(draw: DrawFn, most_components: int) -> KubeObject:
    fields = [component.field for component in Component]
    chosen = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=most_components, unique=True))
    spec = {field: draw(_components()) for field in chosen}
    if "model" in spec.get("diffusionModel", {}) and draw(st.booleans()):
        spec["diffusionModel"]["canary"] = {"model": draw(_URIS), "percent": draw(st.sampled_from([0, 5, 100]))}
    spec |= draw(some(_PIPELINE, most=4))
    if any("weights" in spec[field] for field in chosen):
        spec.setdefault("export", draw(_export()))
        wanted, weights = draw(_EXPORTABLE)
        spec["stableDiffusion"] = wanted
        spec |= {} if weights is None else _of_full_size(spec, chosen, weights)
    return spec


def _of_full_size(spec: KubeObject, chosen: list[str], weights: str) -> KubeObject:
    """The spec with `weights` in place of sd-tiny's."""
    return spec | {field: {**spec[field], "weights": weights} for field in chosen if "weights" in spec[field]}


@st.composite
def _components(draw: DrawFn) -> KubeObject:
    source = draw(st.sampled_from(["model", "model", "model", "weights", "image", "from"]))
    component: KubeObject = {source: draw(_SOURCES[source])}
    if source == "from":
        return component | draw(some({"replicas": st.integers(0, 1000), "service": _service()}, most=2))
    component |= draw(some(_COMPONENT, most=6))
    if source == "image":
        component.get("server", {}).pop("image", None)
    if "autoscaling" in component and "metric" not in component["autoscaling"]:
        component.setdefault("resources", {}).setdefault("requests", {}).setdefault("cpu", "500m")
        _raise_limit(component["resources"], "cpu", "4000")
    return component


def _raise_limit(resources: KubeObject, name: str, amount: str) -> None:
    if name in resources.get("limits", {}):
        resources["limits"][name] = amount


_URIS: Final = st.sampled_from(
    [
        "gs://bucket/decoder",
        "gs://b",
        "gs://bucket/a/b/1700000000000",
        "gs://bucket/",
        "gs://bucket/ü/€",
        "gs://b.c_d-e/$(HOME)/%20/'\"",
        "https://models.example:8443/sd/decoder/1700000000000",
        "https://h/1/",
        "pvc://models/sd/decoder",
        "pvc://a.b-c/17",
        "pvc://models",
        "file:///srv/models/decoder",
        "file:///srv/models/m/",
        f"gs://bucket/{'x' * 900}",
    ]
)
_EXPORTABLE: Final[SearchStrategy[tuple[KubeObject, str | None]]] = st.sampled_from(
    [
        ({"version": "tiny"}, None),
        ({"version": "tiny", "height": 64, "width": 64}, None),
        ({"version": "1.4", "height": 512, "width": 512}, "pretrained"),
        ({"version": "2.1"}, "random"),
        ({"version": "1.5"}, "gs://b/a/ü/"),
        ({"version": "2.0", "height": 4096, "width": 4096}, "https://h:8443/w.h5?a=b#sha256=00"),
        ({"version": "1.5", "height": 64, "width": 64}, f"gs://b/{'w' * 900}"),
    ]
)
"""What a pipeline must be of, and the weights that can be exported for it; None for sd-tiny's."""
_SOURCES: Final[Fields] = {
    "model": _URIS,
    "weights": st.sampled_from(["base", "striped", "sks", "hf://x/y", "gs://b", "ü", "$(HOME)", "w" * 900]),
    "image": IMAGES,
    "from": st.builds(
        lambda name, space: {"pipeline": name} | ({} if space is None else {"namespace": space}),
        _owner_names(),
        st.none() | dns_labels(20),
    ),
}

_METRICS: Final = some(
    {"source": st.sampled_from(["Pods", "External"]), "matchLabels": LABELS},
    most=2,
    always={
        "name": st.sampled_from(["requests_waiting", "a", "pubsub.googleapis.com|queue|size", "n" * 200]),
        "averageValue": st.sampled_from(["500m", 20, "1000m", "1k", "1024Mi", "0.1", "1e3", 2**31]),
    },
)


@st.composite
def _autoscaling(draw: DrawFn) -> KubeObject:
    most = draw(st.sampled_from([1, 2, 3, 1000]))
    scaling: KubeObject = {"maxReplicas": most}
    if draw(st.booleans()):
        scaling["minReplicas"] = draw(st.integers(1, most))
    if draw(st.booleans()):
        scaling["metric"] = draw(_METRICS)
    elif draw(st.booleans()):
        scaling["cpuUtilizationPercent"] = draw(st.sampled_from([1, 80, 1000]))
    return scaling


def _service(**more: SearchStrategy[Any]) -> SearchStrategy[KubeObject]:
    kinds = st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"])
    return some({"type": kinds, "annotations": ANNOTATIONS, **more}, most=2)


_DRIVER_CHECKS: Final = st.sampled_from(["Enforce", "Warn", "Off"])


@st.composite
def _gpus(draw: DrawFn) -> KubeObject:
    gpu = draw(some({"count": st.integers(0, 16), "driverCheck": _DRIVER_CHECKS}, most=2))
    if gpu.get("count") != 0 and draw(st.booleans()):
        gpu["accelerator"] = draw(st.sampled_from(["nvidia-l4", "NVIDIA-A100-SXM4-80GB", "a" * 63]))
    return gpu


_COMPONENT: Final[Fields] = {
    "gpu": _gpus(),
    "nodeSelector": LABELS,
    "tolerations": TOLERATIONS,
     "affinity": AFFINITIES,
    "topologySpreadConstraints": SPREADS,
    "runtimeClassName": object_names(),
    "priorityClassName": object_names(),
    "resources": RESOURCES,
    "replicas": st.sampled_from([0, 1, 2, 1000]),
    "autoscaling": _autoscaling(),
    "restTimeoutSeconds": st.sampled_from([1, 120, 86400]),
    "batching": some(
        {
            "maxBatchSize": st.sampled_from([1, 1024]),
            "batchTimeoutMicros": st.sampled_from([0, 60_000_000]),
            "maxEnqueuedBatches": st.sampled_from([1, 100_000]),
            "numBatchThreads": st.sampled_from([1, 256]),
        },
        most=4,
    ),
    "server": some(
        {"image": IMAGES, "gpuMemoryPercent": st.integers(1, 100), "warmUp": st.booleans()}, most=3
    ),
    "service": _service(),
    "overrides": OVERRIDES,
}  # fmt: skip

_FOLDERS: Final = st.sampled_from(["gs://bucket/exported", "gs://b", "file:///srv/models/out/", f"gs://b/{'x' * 850}"])


def _export() -> SearchStrategy[KubeObject]:
    return some(
        {
            "image": IMAGES,
            "resources": RESOURCES,
            "nodeSelector": LABELS,
            "tolerations": TOLERATIONS,
            "retries": st.sampled_from([0, 3, 20]),
            "serviceAccountName": object_names(),
        },
        most=3,
        always={"to": _FOLDERS},
    )


_HOSTS: Final = st.sampled_from(["sd.example.com", "*.example.com", "localhost", "a.b", f"{'h' * 63}.example"])


@st.composite
def _gateways(draw: DrawFn) -> KubeObject:
    gateway = draw(
        some(
            {
                "enabled": st.booleans(),
                "replicas": st.sampled_from([0, 1, 2, 100]),
                "holdSeconds": st.sampled_from([0, 120, 3600]),
                "image": IMAGES,
                "resources": RESOURCES,
                "auth": st.fixed_dictionaries({"secretName": object_names()}),
                "limits": some(
                    {
                        "queueLength": st.sampled_from([1, 64, 100_000]),
                        "requestsPerMinute": st.sampled_from([1, 60, 1_000_000]),
                        "requestTimeoutSeconds": st.sampled_from([1, 600, 86400]),
                    },
                    most=3,
                ),
                "service": _service(sessionAffinity=st.sampled_from(["ClientIP", "None"])),
                "overrides": OVERRIDES,
            },
            most=4,
        )
    )
    way = draw(st.sampled_from(["", "ingress", "route"]))
    if way:
        gateway[way] = draw(_INGRESSES if way == "ingress" else _ROUTES)
    return gateway


_INGRESSES: Final = some(
    {"className": object_names(), "tlsSecretName": object_names(), "annotations": ANNOTATIONS},
    most=3,
    always={"host": _HOSTS},
)
_ROUTES: Final = st.fixed_dictionaries(
    {
        "parentRefs": st.lists(
            some({"namespace": dns_labels(20), "sectionName": object_names()}, most=2, always={"name": object_names()}),
            min_size=1,
            max_size=2,
        ),
        "hostnames": st.lists(_HOSTS, min_size=1, max_size=2, unique=True),
    }
)

_PEERS: Final = st.lists(
    some({"podSelector": SELECTORS}, most=1, always={"namespaceSelector": SELECTORS})
    | some({}, most=0, always={"podSelector": SELECTORS})
    | st.sampled_from(
        [
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
            {"ipBlock": {"cidr": "2001:db8::/32"}},
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": []}},
        ]
    ),
    max_size=2,
)

_SIZES: Final = st.sampled_from([64, 512, 768, 4096])

_PIPELINE: Final[Fields] = {
    "stableDiffusion": st.builds(
        lambda version, size: {"version": version, **size},
        st.sampled_from(["1.4", "1.5", "2.0", "2.1", "tiny"]),
        st.just({}) | st.fixed_dictionaries({"height": _SIZES, "width": _SIZES}),
    ),
    "driverCheck": _DRIVER_CHECKS,
    "swap": some(
        {
            "strategy": st.sampled_from(["Auto", "InPlace", "Surge", "Drain"]),
            "watchSeconds": st.sampled_from([0, 300, 86400]),
        },
        most=2,
    ),
    "cache": st.builds(
        lambda place, size: {**place, **size},
        st.sampled_from(
            [
                {"hostPath": "/var/cache/sdpipeline"},
                {"hostPath": "/etc/"},
                {"hostPath": "/ü/$(HOME)"},
                {"claimName": "models"},
            ]
        ),
        some({"sizeGiB": st.sampled_from([1, 50, 1_000_000])}, most=1),
    ),
    "export": _export(),
    "gateway": _gateways(),
    "networkPolicy": some({"peers": _PEERS}, most=1),
    "monitoring": some(
        {"podMonitor": some({"interval": st.sampled_from(["30s", "1m30s", "500ms", "1h"]), "labels": LABELS}, most=2)},
        most=1,
    ),
    "storage": some({"serviceAccountName": object_names(), "secretName": object_names()}, most=2),
    "imagePullSecrets": st.lists(st.builds(lambda name: {"name": name}, object_names()), max_size=2, unique_by=str),
    "sharing": st.builds(
        lambda namespaces: {} if namespaces is None else {"namespaces": namespaces},
        st.none() | st.lists(dns_labels(20), max_size=3, unique=True),
    ),
}
