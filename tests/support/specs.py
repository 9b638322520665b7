"""Whole specs of pipelines, made by hypothesis: every field is reachable, and each spec must be accepted."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component

Fields = Mapping[str, SearchStrategy[Any]]

_LOWER: Final = "abcxyz"
_DIGITS: Final = "0129"
_INT64: Final = 2**63 - 1


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
    return st.just("sd") | _label_of(46).map(lambda tail: f"a{tail}"[:47])


@st.composite
def _specs(draw: DrawFn, most_components: int) -> KubeObject:
    fields = [component.field for component in Component]
    chosen = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=most_components, unique=True))
    spec = {field: draw(_components()) for field in chosen}
    spec |= draw(_some(_PIPELINE, most=4))
    if any("weights" in spec[field] for field in chosen):
        spec.setdefault("export", draw(_export()))
        spec["stableDiffusion"] = {**spec.get("stableDiffusion", {}), "version": "tiny"}
    return spec


@st.composite
def _components(draw: DrawFn) -> KubeObject:
    source = draw(st.sampled_from(["model", "model", "model", "weights", "image", "from"]))
    component: KubeObject = {source: draw(_SOURCES[source])}
    if source == "from":
        return component | draw(_some({"replicas": st.integers(0, 1000), "service": _service()}, most=2))
    component |= draw(_some(_COMPONENT, most=6))
    if source == "image":
        component.get("server", {}).pop("image", None)
    if "autoscaling" in component and "metric" not in component["autoscaling"]:
        component.setdefault("resources", {}).setdefault("requests", {}).setdefault("cpu", "500m")
        _raise_limit(component["resources"], "cpu", "4000")
    return component


def _raise_limit(resources: KubeObject, name: str, amount: str) -> None:
    if name in resources.get("limits", {}):
        resources["limits"][name] = amount


@st.composite
def _some(draw: DrawFn, fields: Fields, *, most: int, always: Fields | None = None) -> KubeObject:
    """A few of the fields: all of them at once would make each spec a giant, and no smaller one would be found."""
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=most, unique=True)) if fields else []
    return {name: draw(strategy) for name, strategy in (always or {}).items()} | {
        name: draw(fields[name]) for name in chosen
    }


def _label_of(most: int) -> SearchStrategy[str]:
    """A DNS label."""
    inner = st.text(f"{_LOWER}{_DIGITS}-", max_size=most)
    return inner.map(lambda text: text.strip("-") or "x") | st.just("x" * most)


def _names() -> SearchStrategy[str]:
    """Names of objects that others make."""
    parts = st.lists(_label_of(20), min_size=1, max_size=3).map(".".join)
    return st.sampled_from(["models", "key-1", "a.b.c", "9", "x" * 63]) | parts


_LABEL_KEYS: Final = st.sampled_from(
    ["team", "example.com/team", "a", "A.b_c-d", "9", f"{'p' * 63}.example/{'n' * 63}", "app", "x-y.z/Q",
     "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "sdpipeline.dev/revision"]
)  # fmt: skip
_LABEL_VALUES: Final = st.sampled_from(["", "art", "A.b_c-d", "9", "v" * 63, "true", "null", "1e3"])
_ANYTHING: Final = st.text(max_size=20) | st.sampled_from(["", "{}", "a: b", "ü\n\t€", "x" * 4096, "$(HOME)", "'\"\\"])


def _maps(keys: SearchStrategy[str], values: SearchStrategy[str]) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(keys, values, max_size=3)


_LABELS: Final = _maps(_LABEL_KEYS, _LABEL_VALUES)
_ANNOTATIONS: Final = _maps(
    st.sampled_from(["example.com/note", "team", "A.b_c-d", "sdpipeline.dev/config", "sdpipeline.dev/applied"]),
    _ANYTHING,
)
_IMAGES: Final = st.sampled_from(
    ["i", "registry/serving:own", f"registry.example:5000/a/b@sha256:{'0' * 64}", "tensorflow/serving:2.20.0-gpu",
     f"r/{'x' * 400}"]
)  # fmt: skip

_URIS: Final = st.sampled_from(
    [
        "gs://bucket/decoder",
        "gs://b",
        "gs://bucket/a/b/1700000000000",
        "gs://bucket/",
        "gs://bucket/ü/€",
        "gs://b.c_d-e/$(HOME)/%20/'\"",
        "file:///srv/models/decoder",
        "file:///srv/models/m/",
        f"gs://bucket/{'x' * 900}",
    ]
)
_SOURCES: Final[Fields] = {
    "model": _URIS,
    "weights": st.sampled_from(
        ["base", "striped", "sks", "hf://x/y", "gs://b/w.safetensors", "ü", "$(HOME)", "w" * 900]
    ),
    "image": _IMAGES,
    "from": st.builds(
        lambda name, space: {"pipeline": name} | ({} if space is None else {"namespace": space}),
        pipeline_names(),
        st.none() | _label_of(20),
    ),
}

_CPUS: Final[list[str | int]] = ["1", 2, "500m", "0.5", "1.5", "1e1", "0", 0, "1E0", "4k", ".5", "1000m"]
_MEMORIES: Final[list[str | int]] = [
    "1Gi",
    "1024Mi",
    "1e9",
    "8G",
    1073741824,
    "0",
    "1.5Gi",
    "1000k",
    "128974848000m",
    "2Ti",
    "+1Gi",
]
_AMOUNTS: Final[Mapping[str, list[str | int]]] = {
    "cpu": _CPUS,
    "memory": _MEMORIES,
    "ephemeral-storage": _MEMORIES,
    "example.com/widgets": ["1", 2, "3"],
}


@st.composite
def _resources(draw: DrawFn) -> KubeObject:
    """Requests or limits of each kind, or both of them equal: those that differ are in order by luck only."""
    resources: KubeObject = {}
    for name, amounts in _AMOUNTS.items():
        both = name.startswith("example.com")  # Kubernetes asks for both of what it does not know.
        where = draw(st.sampled_from(["", "both"] if both else ["", "", "requests", "limits", "both"]))
        amount = draw(st.sampled_from(amounts)) if where else None
        for kind in ("requests", "limits"):
            if where in (kind, "both"):
                resources.setdefault(kind, {})[name] = amount
    return resources


@st.composite
def _tolerations(draw: DrawFn) -> KubeObject:
    toleration: KubeObject = draw(
        st.sampled_from(
            [
                {"operator": "Exists"},
                {"key": "", "operator": "Exists", "value": ""},
                {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                {"key": "team", "operator": "Exists"},
                {"key": "team"},
                {"key": "team", "value": ""},
                {"key": "team", "operator": "Equal", "value": "art"},
                {"key": "example.com/team", "value": "A.b_c", "effect": "PreferNoSchedule"},
            ]
        )
    )
    if "effect" not in toleration and draw(st.booleans()):
        seconds = draw(st.sampled_from([None, 0, 1, -1, _INT64]))
        toleration = {**toleration, "effect": "NoExecute"} | ({} if seconds is None else {"tolerationSeconds": seconds})
    return dict(toleration)


_SELECTORS: Final = _some(
    {
        "matchLabels": _LABELS,
        "matchExpressions": st.lists(
            st.sampled_from(
                [
                    {"key": "team", "operator": "In", "values": ["art", ""]},
                    {"key": "team", "operator": "NotIn", "values": ["x"]},
                    {"key": "example.com/x", "operator": "Exists"},
                    {"key": "x", "operator": "DoesNotExist", "values": []},
                ]
            ),
            max_size=2,
        ),
    },
    most=2,
)

_NODE_TERMS: Final = st.lists(
    st.sampled_from(
        [
            {"key": "zone", "operator": "In", "values": ["a", "b"]},
            {"key": "cloud.google.com/gke-accelerator", "operator": "NotIn", "values": ["nvidia-l4"]},
            {"key": "x", "operator": "Exists"},
            {"key": "x", "operator": "DoesNotExist"},
            {"key": "cores", "operator": "Gt", "values": ["4"]},
            {"key": "cores", "operator": "Lt", "values": ["64"]},
        ]
    ),
    min_size=1,
    max_size=2,
).map(lambda expressions: {"matchExpressions": expressions}) | st.just(
    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-a"]}]}
)

_WEIGHTS: Final = st.sampled_from([1, 50, 100])


def _weighted(name: str, strategy: SearchStrategy[Any]) -> SearchStrategy[list[KubeObject]]:
    return st.lists(st.fixed_dictionaries({"weight": _WEIGHTS, name: strategy}), max_size=2)


_NODE_AFFINITIES: Final = _some(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": st.fixed_dictionaries(
            {"nodeSelectorTerms": st.lists(_NODE_TERMS, min_size=1, max_size=2)}
        ),
        "preferredDuringSchedulingIgnoredDuringExecution": _weighted("preference", _NODE_TERMS),
    },
    most=2,
)
_POD_TERMS: Final = _some(
    {
        "labelSelector": _SELECTORS,
        "namespaceSelector": _SELECTORS,
        "namespaces": st.lists(_label_of(20), max_size=2),
    },
    most=3,
    always={"topologyKey": st.sampled_from(["kubernetes.io/hostname", "zone"])},
)
_POD_AFFINITIES: Final = _some(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": st.lists(_POD_TERMS, max_size=2),
        "preferredDuringSchedulingIgnoredDuringExecution": _weighted("podAffinityTerm", _POD_TERMS),
    },
    most=2,
)

_SPREADS: Final = st.lists(
    _some(
        {
            "labelSelector": _SELECTORS,
            "nodeAffinityPolicy": st.sampled_from(["Honor", "Ignore"]),
            "nodeTaintsPolicy": st.sampled_from(["Honor", "Ignore"]),
            "matchLabelKeys": st.sampled_from([[], ["pod-template-hash"]]),
        },
        most=3,
        always={
            "maxSkew": st.sampled_from([1, 2, 2**31 - 1]),
            "topologyKey": st.sampled_from(["kubernetes.io/hostname", "topology.kubernetes.io/zone"]),
            "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
        },
    ),
    max_size=3,
    unique_by=lambda one: (one["topologyKey"], one["whenUnsatisfiable"]),
)

_METRICS: Final = _some(
    {"source": st.sampled_from(["Pods", "External"]), "matchLabels": _LABELS},
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


def _service() -> SearchStrategy[KubeObject]:
    kinds = st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"])
    return _some({"type": kinds, "annotations": _ANNOTATIONS}, most=2)


_VALUE_SOURCES: Final = st.sampled_from(
    [
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"fieldRef": {"fieldPath": "metadata.labels['team']", "apiVersion": "v1"}},
        {"secretKeyRef": {"name": "s", "key": "k", "optional": True}},
        {"secretKeyRef": {"name": "s", "key": "k", "optional": False}},
        {"configMapKeyRef": {"name": "c.d", "key": "k_1.txt"}},
        {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1024Ki"}},
        {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}},
    ]
)
_ENV: Final = st.lists(
    st.builds(
        lambda name, rest: {"name": name, **rest},
        st.sampled_from(["A", "TF_CPP_MIN_LOG_LEVEL", "HOME", "a.b-c", "_", "STORAGE_EMULATOR_HOST", "n" * 253]),
        st.just({}) | st.builds(lambda text: {"value": text}, _ANYTHING)
        | st.builds(lambda source: {"valueFrom": source}, _VALUE_SOURCES),
    ),
    max_size=3,
    unique_by=lambda one: one["name"],
)  # fmt: skip

_VOLUME_SOURCES: Final[SearchStrategy[KubeObject]] = st.sampled_from(
    [
        {"emptyDir": {}},
        {"emptyDir": {"medium": "", "sizeLimit": "1024Mi"}},
        {"emptyDir": {"medium": "Memory", "sizeLimit": 1048576}},
        {"persistentVolumeClaim": {"claimName": "cache", "readOnly": False}},
        {"configMap": {"name": "c", "items": [{"key": "k", "path": "a/b", "mode": 292}], "optional": False}},
        {"configMap": {"name": "c", "defaultMode": 0}},
        {"secret": {"secretName": "s", "optional": True, "items": []}},
        {"hostPath": {"path": "/srv", "type": ""}},
        {"nfs": {"server": "nfs.example", "path": "/x", "readOnly": False}},
        {"csi": {"driver": "gcsfuse.csi.storage.gke.io", "volumeAttributes": {"bucketName": "b", "m": ""}}},
        {"csi": {"driver": "d.example", "readOnly": True}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 600, "audience": ""}}]}},
        {"image": {"reference": "registry/lora:1", "pullPolicy": "IfNotPresent"}},
        {
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1024Mi"}},
                    }
                }
            }
        },
    ]
)


@st.composite
def _volumes(draw: DrawFn) -> tuple[list[KubeObject], list[KubeObject]]:
    """Volumes, and mounts of them."""
    names = draw(st.lists(st.sampled_from(["cache", "lora", "9", "v" * 63]), max_size=3, unique=True))
    volumes = [{"name": name, **draw(_VOLUME_SOURCES)} for name in names]
    paths = st.sampled_from(["/cache", "/a b/c", "/cache/", "/ü", f"/{'x' * 500}", "/dev/shm"])
    mounts = []
    for path in draw(st.lists(paths, max_size=3, unique=True)) if names else []:
        more: Fields = {"subPath": st.sampled_from(["", "a/b", "ü"]), "readOnly": st.booleans()}
        mounts.append({"name": draw(st.sampled_from(names)), "mountPath": path, **draw(_some(more, most=2))})
    return volumes, mounts


@st.composite
def _overrides(draw: DrawFn) -> KubeObject:
    args = st.lists(
        st.sampled_from(["--num_load_threads=4", "--port=1", "x", "--a=$(HOME)", "--ü=€", "--", f"--x={'y' * 4000}"]),
        max_size=3,
    )
    overrides = draw(_some({"labels": _LABELS, "annotations": _ANNOTATIONS, "env": _ENV, "args": args}, most=4))
    if draw(st.booleans()):
        overrides["volumes"], overrides["volumeMounts"] = draw(_volumes())
    return overrides


_OVERRIDES: Final = _overrides()
_RESOURCES: Final = _resources()
_TOLERATIONS: Final = st.lists(_tolerations(), max_size=3)
_DRIVER_CHECKS: Final = st.sampled_from(["Enforce", "Warn", "Off"])


@st.composite
def _gpus(draw: DrawFn) -> KubeObject:
    gpu = draw(_some({"count": st.integers(0, 16), "driverCheck": _DRIVER_CHECKS}, most=2))
    if gpu.get("count") != 0 and draw(st.booleans()):
        gpu["accelerator"] = draw(st.sampled_from(["nvidia-l4", "NVIDIA-A100-SXM4-80GB", "a" * 63]))
    return gpu


_COMPONENT: Final[Fields] = {
    "gpu": _gpus(),
    "nodeSelector": _LABELS,
    "tolerations": _TOLERATIONS,
    "affinity": _some(
        {"nodeAffinity": _NODE_AFFINITIES, "podAffinity": _POD_AFFINITIES, "podAntiAffinity": _POD_AFFINITIES}, most=3
    ),
    "topologySpreadConstraints": _SPREADS,
    "runtimeClassName": _names(),
    "priorityClassName": _names(),
    "resources": _RESOURCES,
    "replicas": st.sampled_from([0, 1, 2, 1000]),
    "autoscaling": _autoscaling(),
    "restTimeoutSeconds": st.sampled_from([1, 120, 86400]),
    "batching": _some(
        {
            "maxBatchSize": st.sampled_from([1, 1024]),
            "batchTimeoutMicros": st.sampled_from([0, 60_000_000]),
            "maxEnqueuedBatches": st.sampled_from([1, 100_000]),
            "numBatchThreads": st.sampled_from([1, 256]),
        },
        most=4,
    ),
    "server": _some(
        {"image": _IMAGES, "gpuMemoryPercent": st.integers(1, 100), "warmUp": st.booleans()}, most=3
    ),
    "service": _service(),
    "overrides": _OVERRIDES,
}  # fmt: skip

_FOLDERS: Final = st.sampled_from(["gs://bucket/exported", "gs://b", "file:///srv/models/out/", f"gs://b/{'x' * 850}"])


def _export() -> SearchStrategy[KubeObject]:
    return _some(
        {
            "image": _IMAGES,
            "resources": _RESOURCES,
            "nodeSelector": _LABELS,
            "tolerations": _TOLERATIONS,
            "retries": st.sampled_from([0, 3, 20]),
            "serviceAccountName": _names(),
        },
        most=3,
        always={"to": _FOLDERS},
    )


_HOSTS: Final = st.sampled_from(["sd.example.com", "*.example.com", "localhost", "a.b", f"{'h' * 63}.example"])


@st.composite
def _gateways(draw: DrawFn) -> KubeObject:
    gateway = draw(
        _some(
            {
                "enabled": st.booleans(),
                "replicas": st.sampled_from([0, 1, 2, 100]),
                "image": _IMAGES,
                "resources": _RESOURCES,
                "service": _service(),
                "overrides": _OVERRIDES,
            },
            most=4,
        )
    )
    way = draw(st.sampled_from(["", "ingress", "route"]))
    if way:
        gateway[way] = draw(_INGRESSES if way == "ingress" else _ROUTES)
    return gateway


_INGRESSES: Final = _some(
    {"className": _names(), "tlsSecretName": _names(), "annotations": _ANNOTATIONS}, most=3, always={"host": _HOSTS}
)
_ROUTES: Final = st.fixed_dictionaries(
    {
        "parentRefs": st.lists(
            _some({"namespace": _label_of(20), "sectionName": _names()}, most=2, always={"name": _names()}),
            min_size=1,
            max_size=2,
        ),
        "hostnames": st.lists(_HOSTS, min_size=1, max_size=2, unique=True),
    }
)

_PEERS: Final = st.lists(
    _some({"podSelector": _SELECTORS}, most=1, always={"namespaceSelector": _SELECTORS})
    | _some({}, most=0, always={"podSelector": _SELECTORS})
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
    "swap": st.sampled_from([{}, {"strategy": "Surge"}, {"strategy": "Drain"}]),
    "export": _export(),
    "gateway": _gateways(),
    "networkPolicy": _some({"peers": _PEERS}, most=1),
    "monitoring": _some(
        {
            "podMonitor": _some(
                {"interval": st.sampled_from(["30s", "1m30s", "500ms", "1h"]), "labels": _LABELS}, most=2
            )
        },
        most=1,
    ),
    "storage": _some({"serviceAccountName": _names(), "secretName": _names()}, most=2),
    "imagePullSecrets": st.lists(st.builds(lambda name: {"name": name}, _names()), max_size=2, unique_by=str),
    "sharing": st.builds(
        lambda namespaces: {} if namespaces is None else {"namespaces": namespaces},
        st.none() | st.lists(_label_of(20), max_size=3, unique=True),
    ),
}
