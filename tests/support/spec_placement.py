"""Where pods of a valid spec can run: tolerations, affinities and how they are spread."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from tests.support.spec_values import SELECTORS, dns_labels, some

from sdp_operator.objects import KubeObject

_LARGEST: Final = 2**53 - 1  # kubectl takes larger ones for floating point numbers when it makes a patch.


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
        seconds = draw(st.sampled_from([None, 0, 1, -1, _LARGEST]))
        toleration = {**toleration, "effect": "NoExecute"} | ({} if seconds is None else {"tolerationSeconds": seconds})
    return dict(toleration)


TOLERATIONS: Final = st.lists(_tolerations(), max_size=3)

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


_NODE_AFFINITIES: Final = some(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": st.fixed_dictionaries(
            {"nodeSelectorTerms": st.lists(_NODE_TERMS, min_size=1, max_size=2)}
        ),
        "preferredDuringSchedulingIgnoredDuringExecution": _weighted("preference", _NODE_TERMS),
    },
    most=2,
)
_POD_TERMS: Final = some(
    {
        "labelSelector": SELECTORS,
        "namespaceSelector": SELECTORS,
        "namespaces": st.lists(dns_labels(20), max_size=2),
    },
    most=3,
    always={"topologyKey": st.sampled_from(["kubernetes.io/hostname", "zone"])},
)
_POD_AFFINITIES: Final = some(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": st.lists(_POD_TERMS, max_size=2),
        "preferredDuringSchedulingIgnoredDuringExecution": _weighted("podAffinityTerm", _POD_TERMS),
    },
    most=2,
)

SPREADS: Final = st.lists(
    some(
        {
            "labelSelector": SELECTORS,
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

AFFINITIES: Final = some(
    {"nodeAffinity": _NODE_AFFINITIES, "podAffinity": _POD_AFFINITIES, "podAntiAffinity": _POD_AFFINITIES}, most=3
)
