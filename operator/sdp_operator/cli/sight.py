"""All that a plan is computed from, read from the cluster and from storage."""

from dataclasses import replace
from datetime import datetime

from sdp_operator.api.v1alpha1 import ComponentStatus, Pipeline
from sdp_operator.cli.kubectl import Kubectl
from sdp_operator.cli.look import look
from sdp_operator.cli.models import look_at
from sdp_operator.cli.operator_settings import default_settings
from sdp_operator.desired.children import desired
from sdp_operator.errors import InvalidPipelineError
from sdp_operator.objects import KubeObject
from sdp_operator.plan.sight import Known, Looked, Sight, Unfit, Unknown
from sdp_operator.plan.source import asked_source, demands, uri_of
from sdp_operator.settings import Settings
from sdp_operator.swap.look import remembered
from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure


def take_sight(
    kubectl: Kubectl, live: KubeObject | None, body: KubeObject, told: Settings | None, now: datetime
) -> tuple[Sight, list[str]]:
    """What was seen, and what could not be, in sentences.

    Args:
        kubectl: how the cluster is reached.
        live: the custom resource as it is; None when there is none.
        body: the custom resource as it would be.
        told: the operator's settings; None where they are not known.
        now: the time.

    Raises:
        InvalidPipelineError: the resource as it would be is not one that the operator understands.
        CommandError: the cluster does not answer.
    """
    after, settings = Pipeline.parse(body), told or default_settings()
    world, notes = look(kubectl, after, body)
    sight = Sight(
        live=live,
        body=body,
        before=_read(live),
        after=after,
        world=world,
        settings=settings,
        is_told_settings=told is not None,
        wanted=desired(after, world, settings, now),
    )
    models = {one: found for one in after.spec.components if (found := _asked(sight, one)) is not None}
    running = {one: found for one in Component if (found := _running(sight, one)) is not None}
    return replace(sight, models=models, running=running, canary=_canary(sight)), notes


def _read(live: KubeObject | None) -> Pipeline | None:
    try:
        return None if live is None else Pipeline.parse(live)
    except InvalidPipelineError:
        return None


def _asked(sight: Sight, component: Component) -> Looked | None:
    """The model that is asked for; None for one of another pipeline."""
    source = asked_source(sight.after, component)
    if source is None:
        return None
    uri = uri_of(source)
    if uri is None:
        return Unknown("unknown from here: an image holds it")
    found = look_at(uri, component, sight.settings, demands=demands(sight.after, component, sight.settings))
    is_to_come = sight.after.spec.components[component].weights is not None
    if is_to_come and isinstance(found, Unfit) and found.reason is PullFailure.MODEL_NOT_FOUND:
        return Unknown("not known before it has been exported", str(uri))
    return found


def _canary(sight: Sight) -> Looked | None:
    """The canary's model; None where there is to be no canary."""
    spec, component = sight.after.spec.diffusion_model, Component.DIFFUSION_MODEL
    if spec is None or spec.canary is None:
        return None
    wanted = demands(sight.after, component, sight.settings)
    return look_at(ModelUri.parse(spec.canary.model), component, sight.settings, demands=wanted)


def _running(sight: Sight, component: Component) -> Looked | None:
    """The model that answers now; None where none does."""
    state = remembered(sight.after, component, sight.world.live)
    known = None if state is None else state.serving.found
    uri = known.uri if known is not None else _serving_uri(sight, component)
    if uri is None:
        return None
    try:
        found = look_at(ModelUri.parse(uri), component, sight.settings)
    except UnusableUriError:
        return Unknown("unknown from here: an image holds it")
    if isinstance(found, Known):
        return found
    if known is not None:
        return Known(known)
    return found if isinstance(found, Unknown) else Unknown(found.message, uri)


def _serving_uri(sight: Sight, component: Component) -> str | None:
    try:
        status = ComponentStatus.model_validate(sight.after.status.get(component.field))
    except ValueError:
        return None
    return None if status.serving is None else status.serving.model
