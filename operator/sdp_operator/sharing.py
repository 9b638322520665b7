"""Components that one pipeline runs and others use too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdp_operator.api.v1alpha1 import ComponentStatus, Pipeline, SharedComponent
from sdp_operator.conditions import component_condition
from sdp_operator.errors import InvalidPipelineError
from sdp_operator.objects import Key, KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_serving.contract.components import Component


@dataclass(frozen=True)
class Shared:
    """A component of another pipeline that may be used, as its owner has it.

    Attributes:
        owner: the pipeline that runs it.
        status: what the owner's status says of it; None when it says nothing yet.
        problem: why it is not ready; None when it is.
        message: what the owner says of it when it is ready.
    """

    owner: Key
    status: ComponentStatus | None
    problem: Problem | None
    message: str = ""


@dataclass(frozen=True)
class Unshared:
    """A component of another pipeline that there is not, or that may not be used: nobody is told where it answers.

    Attributes:
        problem: why.
    """

    problem: Problem


def reference(shared: SharedComponent, pipeline_namespace: str) -> Key:
    """The pipeline that a component is shared from."""
    return Key(shared.namespace or pipeline_namespace, shared.pipeline)


def references(spec: Mapping[str, Any], namespace: str) -> Mapping[Component, Key]:
    """The pipelines that a raw spec refers to: as it is stored, which need not be valid."""
    found = {}
    for component in Component:
        shared = (spec.get(component.field) or {}).get("from") or {}
        if "pipeline" in shared:
            found[component] = Key(shared.get("namespace") or namespace, shared["pipeline"])
    return found


def users_of(pipeline: Pipeline, referring: Iterable[Key]) -> Sequence[str]:
    """Of the pipelines that refer to this one, those that may share its components."""
    allowed = {pipeline.namespace, *pipeline.spec.sharing.namespaces}
    return [str(user) for user in referring if user.namespace in allowed and user != pipeline.key]


def share(
    pipeline: Pipeline,
    component: Component,
    shared: SharedComponent,
    owner: KubeObject | None,
    *,
    served: Sequence[str],
) -> Shared | Unshared:
    """The component as the pipeline that it is shared from has it.

    Args:
        pipeline: the pipeline that shares the component.
        component: the component.
        shared: where it comes from.
        owner: the custom resource there; None where none is to be seen.
        served: the namespaces that the operator sees; all when empty.
    """
    ref = reference(shared, pipeline.namespace)
    if served and ref.namespace not in served:
        return Unshared(_out_of_sight(ref))
    read = _usable(pipeline, component, ref, owner)
    if isinstance(read, Problem):
        return Unshared(read)
    status = read.status
    condition = next(
        (one for one in status.get("conditions", []) if one["type"] == component_condition(component)), None
    )
    said = _component_status(status.get(component.field))
    if condition is None or said is None:
        waiting = f"the pipeline {ref} has not said yet what became of its {component.field}"
        return Shared(ref, said, Problem(Reason.STARTING, waiting))
    if condition["status"] == "True":
        return Shared(ref, said, None, condition["message"])
    return Shared(ref, said, Problem(condition["reason"], f"in the pipeline {ref}: {condition['message']}"))


def _out_of_sight(ref: Key) -> Problem:
    message = (
        f"the operator does not serve the namespace {ref.namespace}, where the pipeline {ref} is to be: have its"
        " administrator add it, or name a pipeline in another namespace"
    )
    return Problem(Reason.SHARED_PIPELINE_MISSING, message)


def _usable(pipeline: Pipeline, component: Component, ref: Key, owner: KubeObject | None) -> Pipeline | Problem:
    """The owner, where it has the component and shares it; else what is wrong."""
    if ref == pipeline.key:
        message = (
            f"the {component.field} is to come from this pipeline itself: name another pipeline, or set another source"
        )
        return Problem(Reason.SHARED_COMPONENT_MISSING, message)
    if ref.namespace != pipeline.namespace and not _is_shared_with(pipeline.namespace, owner):
        return _not_shared(pipeline, ref)
    if owner is None or "deletionTimestamp" in owner["metadata"]:
        message = (
            f"the pipeline {ref}, which the {component.field} comes from, does not exist: create it, or name another"
            " source"
        )
        return Problem(Reason.SHARED_PIPELINE_MISSING, message)
    try:
        read = Pipeline.parse(owner)
    except InvalidPipelineError:
        return Problem(Reason.SHARED_PIPELINE_MISSING, f"the spec of the pipeline {ref} can't be read: correct it")
    theirs = read.spec.components.get(component)
    if theirs is None:
        message = f"the pipeline {ref} has no {component.field}: add it there, or name another source"
        return Problem(Reason.SHARED_COMPONENT_MISSING, message)
    if theirs.from_ is not None:
        further = reference(theirs.from_, ref.namespace)
        message = f"the {component.field} of the pipeline {ref} is itself shared from {further}: name that one instead"
        return Problem(Reason.SHARED_COMPONENT_MISSING, message)
    return read


def _is_shared_with(namespace: str, owner: KubeObject | None) -> bool:
    try:
        return owner is not None and namespace in Pipeline.parse(owner).spec.sharing.namespaces
    except InvalidPipelineError:
        return False


def _not_shared(pipeline: Pipeline, ref: Key) -> Problem:
    """The same sentence whether it exists or not: that is its own namespace's affair."""
    message = (
        f"the pipeline {ref} does not exist, or is not shared with this namespace: have its owner create it, or add"
        f" {pipeline.namespace} to its spec.sharing.namespaces"
    )
    return Problem(Reason.SHARING_NOT_ALLOWED, message)


def _component_status(raw: object) -> ComponentStatus | None:
    try:
        return ComponentStatus.model_validate(raw)
    except ValueError:
        return None
