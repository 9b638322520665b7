"""Why the operator would not serve what is asked for."""

from collections.abc import Iterator, Mapping

from sdp_operator.plan.result import Refusal
from sdp_operator.plan.sight import Known, Looked, Sight, Unfit
from sdp_operator.reasons import Reason
from sdp_operator.sharing import Unshared
from sdp_operator.swap.agreement import disagreement
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled, PullFailure


def refusals(sight: Sight) -> Iterator[Refusal]:
    """Why the operator would not serve what the spec asks for, component by component."""
    for component, part in sight.wanted.components.items():
        problem = part.shared.problem if isinstance(part.shared, Unshared) else part.problem
        # Where the operator's settings are not known, neither is what they forbid.
        is_forbidden = problem is not None and problem.reason == Reason.FILES_FORBIDDEN and sight.is_told_settings
        if problem is not None and (is_forbidden or part.shared is not None):
            yield _refusal(component, problem.reason, problem.message)
            continue
        looked = sight.models.get(component)
        if isinstance(looked, Unfit):
            yield _refusal(component, looked.reason, looked.message)
        elif isinstance(looked, Known):
            others = {other: _known(sight.models, other) for other in sight.models if other is not component}
            if (said := disagreement(component, looked.model, others)) is not None:
                yield _refusal(component, PullFailure.WRONG_STABLE_DIFFUSION, said)
    if isinstance(sight.canary, Unfit):
        said = f"its canary can't be served: {sight.canary.message}"
        yield _refusal(Component.DIFFUSION_MODEL, sight.canary.reason, said)


def _refusal(component: Component, reason: str, message: str) -> Refusal:
    return Refusal(by="Operator", component=component.field, reason=reason, message=message)


def _known(models: Mapping[Component, Looked], component: Component) -> Pulled | None:
    found = models.get(component)
    return found.model if isinstance(found, Known) else None
