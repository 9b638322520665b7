"""What Kubernetes checks of its own types beyond their schemas, as far as it can be checked cheaply.

The schemas that Kubernetes publishes name fields and their types only; the rest it checks when a child is applied,
which is later than a user expects to hear of it. Rules are for types that occur in lists of limited length: the API
server bounds what all of them together may cost.
"""

from collections.abc import Mapping
from typing import Any, Final

from sdp_operator.api.v1alpha1.base import LABEL_KEY, MAX_LABEL_KEY, matching, rules

_QUANTITY: Final[Mapping[str, Any]] = {
    "x-kubernetes-int-or-string": True,
    "maxLength": 64,
    **rules(
        (
            "isQuantity(string(self)) && string(self).matches('[0-9]')"
            " && !quantity(string(self)).isLessThan(quantity('0'))",
            "this must be a quantity that is not negative: write one such as 500m or 8Gi",
        )
    ),
}

_FIELDS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "V1LabelSelectorRequirement": {"operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}},
    "V1NodeSelectorRequirement": {"operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]}},
    "V1NodeSelector": {"nodeSelectorTerms": {"minItems": 1}},
    "V1PreferredSchedulingTerm": {"weight": {"minimum": 1, "maximum": 100}},
    "V1WeightedPodAffinityTerm": {"weight": {"minimum": 1, "maximum": 100}},
    "V1PodAffinityTerm": {"topologyKey": {"minLength": 1, "maxLength": MAX_LABEL_KEY}},
    "V1TopologySpreadConstraint": {
        "maxSkew": {"minimum": 1, "maximum": 2**31 - 1},
        "minDomains": {"minimum": 1, "maximum": 2**31 - 1},
        "topologyKey": {
            "minLength": 1,
            "maxLength": MAX_LABEL_KEY,
            **matching(LABEL_KEY, "topologyKey is the label of nodes: write one such as topology.kubernetes.io/zone"),
        },
        "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
        "nodeAffinityPolicy": {"enum": ["Honor", "Ignore"]},
        "nodeTaintsPolicy": {"enum": ["Honor", "Ignore"]},
    },
    "V1ConfigMapVolumeSource": {"defaultMode": {"minimum": 0, "maximum": 0o777}},
    "V1SecretVolumeSource": {"defaultMode": {"minimum": 0, "maximum": 0o777}},
    "V1KeyToPath": {"key": {"minLength": 1}, "path": {"minLength": 1}, "mode": {"minimum": 0, "maximum": 0o777}},
    "V1EmptyDirVolumeSource": {"medium": {"enum": ["", "Memory"]}, "sizeLimit": _QUANTITY},
    "V1ResourceFieldSelector": {"divisor": _QUANTITY},
    "V1PersistentVolumeClaimVolumeSource": {"claimName": {"minLength": 1}},
    "V1CSIVolumeSource": {"driver": {"minLength": 1, "maxLength": 63}},
    "V1SecretKeySelector": {"key": {"minLength": 1}, "name": {"minLength": 1}},
    "V1ConfigMapKeySelector": {"key": {"minLength": 1}, "name": {"minLength": 1}},
    "V1IPBlock": {
        "cidr": {
            "maxLength": 64,
            **rules(
                (
                    r"self.matches(r'^(([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}|[0-9a-fA-F:]+[0-9a-fA-F:.]*/[0-9]{1,3})$')",
                    "cidr is a range of addresses: write one such as 10.0.0.0/8",
                )
            ),
        }
    },
}

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "V1ConfigMapVolumeSource": ("name",),
    "V1SecretVolumeSource": ("secretName",),
    "V1SecretKeySelector": ("key", "name"),
    "V1ConfigMapKeySelector": ("key", "name"),
}

_RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "V1TopologySpreadConstraint": rules(
        (
            "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
            "minDomains is for whenUnsatisfiable: DoNotSchedule only: set it, or remove minDomains",
        )
    ),
    "V1NetworkPolicyPeer": rules(
        (
            "has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))",
            "a peer is told by ipBlock or by selectors: set either ipBlock, or podSelector and namespaceSelector",
        )
    ),
    "V1EnvVarSource": rules(
        (
            "[has(self.configMapKeyRef), has(self.secretKeyRef), has(self.fieldRef), has(self.resourceFieldRef)]"
            ".filter(given, given).size() == 1",
            "a value is taken from one place: set exactly one of secretKeyRef, configMapKeyRef, fieldRef and"
            " resourceFieldRef",
        )
    ),
}


def sharpened(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of the type of that name, with what Kubernetes checks besides."""
    fields, required = _FIELDS.get(name, {}), _REQUIRED.get(name, ())
    properties = {field: _about(about, fields.get(field, {})) for field, about in schema.get("properties", {}).items()}
    return {
        **schema,
        **({"properties": properties} if properties else {}),
        **({"required": sorted({*schema.get("required", ()), *required})} if required else {}),
        **_RULES.get(name, {}),
    }


def _about(about: Mapping[str, Any], sharper: Mapping[str, Any]) -> dict[str, Any]:
    # The client takes quantities for texts.
    return dict(sharper) if "x-kubernetes-int-or-string" in sharper else {**about, **sharper}
