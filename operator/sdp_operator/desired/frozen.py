"""Pods that an upgrade of the operator leaves alone.

A newer operator may build another pod template of the same spec: its images, flags and defaults are newer. Rolling them
out would load every model again, so a Deployment notes what its template was made of and the template itself, and keeps
it until the spec changes.
"""

import json
from typing import Any, Final

from sdp_operator.api.v1alpha1 import GROUP, ComponentSpec, Pipeline
from sdp_operator.desired.digest import digest
from sdp_operator.desired.revision import is_whole
from sdp_operator.desired.source import Pulled, Source
from sdp_operator.objects import KubeObject

INPUTS: Final = f"{GROUP}/inputs"
"""Annotation: a digest of what the user asked for, as far as it shapes the pods."""

TEMPLATE: Final = f"{GROUP}/template"
"""Annotation: the pod template as it was applied."""

_MAX_TEMPLATE: Final = 64 * 1024
"""All annotations of an object have 256 KiB. Pods of a template beyond this are made anew by an upgrade."""

_NOT_IN_PODS: Final[dict[str, Any]] = {
    # The source says it, once weights have been exported.
    **dict.fromkeys(("model", "weights", "image", "from_"), True),
    **dict.fromkeys(("replicas", "autoscaling", "service"), True),
    "gpu": {"driver_check"},
}
_OF_THE_PIPELINE: Final = {"stable_diffusion", "storage", "image_pull_secrets"}


def notes(pipeline: Pipeline, spec: ComponentSpec, source: Source, template: KubeObject) -> dict[str, str]:
    """The annotations of a Deployment with this pod template."""
    written = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return {
        INPUTS: _inputs(pipeline, spec, source),
        **({TEMPLATE: written} if len(written.encode()) <= _MAX_TEMPLATE else {}),
    }


def keep_template(wanted: KubeObject, live: KubeObject | None) -> KubeObject:
    """The wanted Deployment, with the live one's pod template if that was made of the same spec."""
    noted = {} if live is None else live["metadata"].get("annotations") or {}
    annotations = wanted["metadata"]["annotations"]
    if noted.get(INPUTS) != annotations[INPUTS]:
        return wanted
    template = _read(noted.get(TEMPLATE, ""), wanted["spec"]["selector"]["matchLabels"])
    if template is None:
        return wanted
    return {
        **wanted,
        "metadata": {**wanted["metadata"], "annotations": {**annotations, TEMPLATE: noted[TEMPLATE]}},
        "spec": {**wanted["spec"], "template": template},
    }


def _inputs(pipeline: Pipeline, spec: ComponentSpec, source: Source) -> str:
    # Without defaults, since the API server fills in those of fields that a newer version has added. The default of a
    # field must therefore never change.
    return digest(
        {
            "source": {"model": str(source.uri)} if isinstance(source, Pulled) else {"image": source.image},
            "component": spec.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_IN_PODS),
            "pipeline": pipeline.spec.model_dump(mode="json", exclude_defaults=True, include=_OF_THE_PIPELINE),
        }
    )


def _read(written: str, labels: dict[str, str]) -> KubeObject | None:
    """The template, or None for one that is damaged or of pods that the Deployment would not find."""
    try:
        template: KubeObject = json.loads(written)
        usable = labels.items() <= template["metadata"]["labels"].items() and is_whole(template)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return template if usable else None
