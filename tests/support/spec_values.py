"""Values that fields of a valid spec can have: names, labels, texts, images, quantities."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sdp_operator.objects import KubeObject

Fields = Mapping[str, SearchStrategy[Any]]

_LOWER: Final = "abcxyz"
_DIGITS: Final = "0129"


@st.composite
def some(draw: DrawFn, fields: Fields, *, most: int, always: Fields | None = None) -> KubeObject:
    """A few of the fields: all of them at once would make each spec a giant, and no smaller one would be found."""
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=most, unique=True)) if fields else []
    return {name: draw(strategy) for name, strategy in (always or {}).items()} | {
        name: draw(fields[name]) for name in chosen
    }


def dns_labels(most: int) -> SearchStrategy[str]:
    """A DNS label."""
    inner = st.text(f"{_LOWER}{_DIGITS}-", max_size=most)
    return inner.map(lambda text: text.strip("-") or "x") | st.just("x" * most)


def object_names() -> SearchStrategy[str]:
    """Names of objects that others make."""
    parts = st.lists(dns_labels(20), min_size=1, max_size=3).map(".".join)
    return st.sampled_from(["models", "key-1", "a.b.c", "9", "x" * 63]) | parts


_LABEL_KEYS: Final = st.sampled_from(
    ["team", "example.com/team", "a", "A.b_c-d", "9", f"{'p' * 63}.example/{'n' * 63}", "app", "x-y.z/Q",
     "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "sdpipeline.dev/revision"]
)  # fmt: skip
_LABEL_VALUES: Final = st.sampled_from(["", "art", "A.b_c-d", "9", "v" * 63, "true", "null", "1e3"])
ANYTHING: Final = st.text(max_size=20) | st.sampled_from(["", "{}", "a: b", "ü\n\t€", "x" * 4096, "$(HOME)", "'\"\\"])


def _maps(keys: SearchStrategy[str], values: SearchStrategy[str]) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(keys, values, max_size=3)


LABELS: Final = _maps(_LABEL_KEYS, _LABEL_VALUES)
ANNOTATIONS: Final = _maps(
    st.sampled_from(["example.com/note", "team", "A.b_c-d", "sdpipeline.dev/config", "sdpipeline.dev/applied"]),
    ANYTHING,
)
IMAGES: Final = st.sampled_from(
    ["i", "registry/serving:own", f"registry.example:5000/a/b@sha256:{'0' * 64}", "tensorflow/serving:2.20.0-gpu",
     f"r/{'x' * 400}"]
)  # fmt: skip

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


RESOURCES: Final = _resources()

SELECTORS: Final = some(
    {
        "matchLabels": LABELS,
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
