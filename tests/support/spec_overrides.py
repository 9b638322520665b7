"""What the owner of a valid spec can add to its pods."""

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from tests.support.spec_values import ANNOTATIONS, ANYTHING, LABELS, Fields, some

from sdp_operator.objects import KubeObject

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
        st.just({}) | st.builds(lambda text: {"value": text}, ANYTHING)
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
    names = draw(st.lists(st.sampled_from(["cache", "lora", "9", "v" * 63]), min_size=1, unique=True))
    volumes = [{"name": name, **draw(_VOLUME_SOURCES)} for name in names]
    paths = st.sampled_from(["/cache", "/a b/c", "/cache/", "/ü", f"/{'x' * 500}", "/dev/shm"])
    mounts = []
    for path in draw(st.lists(paths, max_size=3, unique=True)):
        more: Fields = {"subPath": st.sampled_from(["", "a/b", "ü"]), "readOnly": st.booleans()}
        mounts.append({"name": draw(st.sampled_from(names)), "mountPath": path, **draw(some(more, most=2))})
    return volumes, mounts


@st.composite
def _overrides(draw: DrawFn) -> KubeObject:
    args = st.lists(
        st.sampled_from(["--num_load_threads=4", "--port=1", "x", "--a=$(HOME)", "--ü=€", "--", f"--x={'y' * 4000}"]),
        max_size=3,
    )
    overrides = draw(some({"labels": LABELS, "annotations": ANNOTATIONS, "env": _ENV, "args": args}, most=4))
    if draw(st.booleans()):
        overrides["volumes"], overrides["volumeMounts"] = draw(_volumes())
    return overrides


OVERRIDES: Final = _overrides()
