"""Pods that an upgrade of the operator leaves alone, and pods that come back.

A newer operator may build another pod template of the same spec: its images, flags and defaults are newer. Rolling them
out would load every model again, so a Deployment notes what its template was made of and the template itself, and keeps
it until the spec or the rollout changes. It notes those of the rollout before too: pods of that one which still run are
taken as they are when it comes back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sdp_operator.api.v1alpha1 import GROUP, ComponentSpec, Pipeline
from sdp_operator.desired.digest import digest
from sdp_operator.desired.revision import is_whole
from sdp_operator.desired.source import Baked, Mounted, Pulled, Rollout, Source
from sdp_operator.objects import KubeObject
from sdp_operator.swap.state import ROLLOUT

INPUTS: Final = f"{GROUP}/inputs"
"""Annotation: a digest of what the user asked for, as far as it shapes the pods."""

TEMPLATE: Final = f"{GROUP}/template"
"""Annotation: the pod template as it was applied."""

PREVIOUS_INPUTS: Final = f"{GROUP}/previous-inputs"
PREVIOUS_TEMPLATE: Final = f"{GROUP}/previous-template"
"""Annotations: the same of the rollout before."""

_MAX_TEMPLATE: Final = 64 * 1024
"""All annotations of an object have 256 KiB. Pods of a template beyond this are made anew by an upgrade."""

_NOT_IN_PODS: Final[dict[str, Any]] = {
    # The source says it, once weights have been exported.
    **dict.fromkeys(("model", "weights", "image", "from_"), True),
    **dict.fromkeys(("replicas", "autoscaling", "service", "canary"), True),
    "gpu": {"driver_check"},
}
_OF_THE_PIPELINE: Final = {"stable_diffusion", "storage", "cache", "image_pull_secrets"}


def notes(pipeline: Pipeline, spec: ComponentSpec, rollout: Rollout, template: KubeObject) -> dict[str, str]:
    """The annotations of a Deployment with this pod template."""
    written = _written(template)
    return {
        INPUTS: _inputs(pipeline, spec, {"rollout": rollout.name, "source": _shape(rollout.source)}),
        **({TEMPLATE: written} if len(written.encode()) <= _MAX_TEMPLATE else {}),
    }


def inputs_before_rollouts(pipeline: Pipeline, spec: ComponentSpec, source: Source) -> str:
    """What INPUTS was while operators knew no rollouts, and each model had pods of its own."""
    asked = {"image": source.image} if isinstance(source, Baked) else {"model": str(source.uri)}
    return _inputs(pipeline, spec, {"source": asked})


def asked_of_pods(pipeline: Pipeline, spec: ComponentSpec) -> str:
    """A digest of what the user asked for of the component's pods, whatever model they serve."""
    return _inputs(pipeline, spec, {})


def keep_template(wanted: KubeObject, live: KubeObject | None, *, before_rollouts: str | None = None) -> KubeObject:
    """The wanted Deployment, with a pod template that is there already if that was made of the same.

    Args:
        wanted: the Deployment.
        live: the one that is there.
        before_rollouts: what the INPUTS of an older operator's Deployment are if it was made of the same; None where no
            older one made any.
    """
    noted = {} if live is None else live["metadata"].get("annotations") or {}
    labels = wanted["spec"]["selector"]["matchLabels"]
    current = _read(noted, INPUTS, TEMPLATE, labels)
    previous = _read(noted, PREVIOUS_INPUTS, PREVIOUS_TEMPLATE, labels)
    same = {wanted["metadata"]["annotations"][INPUTS], before_rollouts}
    if current is not None and current.inputs in same:
        return _with(wanted, current, previous)
    if current is None or current.rollout == _rollout(wanted["spec"]["template"]):
        return _with(wanted, None, previous)
    if previous is not None and previous.inputs in same:
        return _with(wanted, previous, current)
    return _with(wanted, None, current)


@dataclass(frozen=True)
class _Made:
    """A pod template, and the digest of what it was made of."""

    inputs: str
    template: KubeObject

    @property
    def rollout(self) -> str | None:
        """The rollout that it is for; None for one of an older operator."""
        return _rollout(self.template)


def _rollout(template: KubeObject) -> str | None:
    name: str | None = template["metadata"].get("annotations", {}).get(ROLLOUT)
    return name


def _with(wanted: KubeObject, made: _Made | None, previous: _Made | None) -> KubeObject:
    """The wanted Deployment with another template, and with a note of the previous one."""
    annotations = dict(wanted["metadata"]["annotations"])
    spec = wanted["spec"]
    if made is not None:
        annotations |= {INPUTS: made.inputs, TEMPLATE: _written(made.template)}
        spec = {**spec, "template": made.template}
    if previous is not None:
        annotations |= {PREVIOUS_INPUTS: previous.inputs, PREVIOUS_TEMPLATE: _written(previous.template)}
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}, "spec": spec}


def _inputs(pipeline: Pipeline, spec: ComponentSpec, source: KubeObject) -> str:
    # Without defaults, since the API server fills in those of fields that a newer version has added. The default of a
    # field of the pods must therefore never change.
    return digest(
        {
            **source,
            "component": spec.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_IN_PODS),
            "pipeline": pipeline.spec.model_dump(mode="json", exclude_defaults=True, include=_OF_THE_PIPELINE),
        }
    )


def _shape(source: Source) -> KubeObject:
    """What of the source the pods are made of."""
    match source:
        case Pulled(uri):
            return {"scheme": uri.scheme}
        case Mounted(uri):
            return {"model": str(uri)}
        case Baked(image):
            return {"image": image}


def _written(template: KubeObject) -> str:
    return json.dumps(template, sort_keys=True, separators=(",", ":"))


def _read(noted: Mapping[str, str], inputs: str, template: str, labels: Mapping[str, str]) -> _Made | None:
    """What is noted under these keys; None for one that is damaged or of pods that the Deployment would not find."""
    try:
        read: KubeObject = json.loads(noted.get(template, ""))
        usable = labels.items() <= read["metadata"]["labels"].items() and is_whole(read)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return _Made(noted[inputs], read) if usable and inputs in noted else None
