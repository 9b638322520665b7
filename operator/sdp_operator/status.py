"""The status of a pipeline: a pure function of what is asked for and what was observed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sdp_operator.api.v1alpha1 import ComponentSpec, ComponentStatus, Condition, Pipeline, PipelineStatus, Serving
from sdp_operator.conditions import Verdict, condition
from sdp_operator.desired.service import endpoints
from sdp_operator.pods import Problem, Replica
from sdp_operator.reasons import IN_PROGRESS, Reason
from sdp_serving.contract.components import Component

READY: Final = "Ready"
MODELS_READY: Final = "ModelsReady"


@dataclass(frozen=True)
class Observed:
    """What was seen of one component.

    Attributes:
        revision: what the wanted pods carry as their revision; None when no pods may be made.
        refused: why the wanted children are not there.
        pods_refused: why its Deployment can't make pods, in Kubernetes' words.
        replicas: its living pods.
    """

    revision: str | None
    refused: Problem | None
    pods_refused: str | None
    replicas: Sequence[Replica]

    @property
    def current(self) -> Sequence[Replica]:
        """The pods that are as wanted."""
        return [replica for replica in self.replicas if replica.revision == self.revision]

    @property
    def ready(self) -> int:
        """How many pods are as wanted and ready."""
        return sum(replica.serving is not None for replica in self.current)

    @property
    def serving(self) -> Serving | None:
        """The model that answers: the one that is wanted as soon as one replica serves it, else the one before."""
        for replicas in (self.current, self.replicas):
            models = [replica.serving for replica in replicas if replica.serving is not None]
            if models:
                return max(models, key=lambda model: model.version or 0)
        return None


def summarise(pipeline: Pipeline, observed: Mapping[Component, Observed], now: datetime) -> PipelineStatus:
    """What is to be said of the pipeline at `now`.

    Ready tells whether what is asked for is served. A swap that fails makes it False, while the previous model serves
    on and the message says so.
    """
    specs = pipeline.spec.components
    verdicts = {component: _verdict(spec, observed[component]) for component, spec in specs.items()}
    models = _sum_up(verdicts)
    named = {
        READY: models,
        MODELS_READY: models,
        **{component_condition(component): verdict for component, verdict in verdicts.items()},
    }
    return PipelineStatus.model_validate(
        {
            "observed_generation": pipeline.generation,
            "conditions": [condition(kind, verdict, pipeline, now) for kind, verdict in named.items()],
            "gpus": sum(spec.least_replicas * spec.gpus_per_replica for spec in specs.values()),
            **{
                component.field: _component(pipeline, component, spec, observed[component])
                for component, spec in specs.items()
            },
        }
    )


def component_condition(component: Component) -> str:
    """The type of the component's condition, such as TextEncoderReady."""
    return f"{component.field[0].upper()}{component.field[1:]}Ready"


def transitions(previous: Mapping[str, Any], current: PipelineStatus) -> Sequence[Condition]:
    """The conditions that are worth an Event: those with another status or reason. ModelsReady says what Ready says."""
    before = {one["type"]: (one["status"], one["reason"]) for one in previous.get("conditions", [])}
    return [
        one
        for one in current.conditions
        if one.type != MODELS_READY and before.get(one.type) != (one.status, one.reason)
    ]


def _verdict(spec: ComponentSpec, observed: Observed) -> Verdict:
    if observed.refused is not None:
        return _not_ready(observed.refused, observed)
    if spec.replicas == 0:
        return Verdict(False, Reason.SCALED_TO_ZERO, "replicas is 0: raise it to serve the model")
    if observed.ready >= spec.replicas:
        return Verdict(True, Reason.SERVING, f"{_name(observed.serving)} is served by {_replicas(spec, observed)}")
    return _not_ready(_main_problem(spec, observed), observed)


def _main_problem(spec: ComponentSpec, observed: Observed) -> Problem:
    """The problem to tell of: one that lasts, before one that passes by itself."""
    problems = [replica.problem for replica in observed.current if replica.problem is not None]
    lasting = [problem for problem in problems if problem.reason not in IN_PROGRESS]
    if lasting:
        return lasting[0]
    if observed.pods_refused is not None:
        said = observed.pods_refused
        return Problem(Reason.PODS_REFUSED, f"no pod can be made ({said}): have the namespace's administrator allow it")
    if problems:
        return Problem(problems[0].reason, f"{problems[0].message}; {_replicas(spec, observed)} ready")
    return Problem(Reason.STARTING, f"the replicas are being started; {_replicas(spec, observed)} ready")


def _not_ready(problem: Problem, observed: Observed) -> Verdict:
    still = f"; meanwhile {_name(observed.serving)} is served" if observed.serving is not None else ""
    return Verdict(False, problem.reason, f"{problem.message}{still}")


def _sum_up(verdicts: Mapping[Component, Verdict]) -> Verdict:
    unready = [(component, verdict) for component, verdict in verdicts.items() if not verdict.holds]
    if not unready:
        return Verdict(True, Reason.ALL_SERVING, _list(f"{component.field}" for component in verdicts))
    lasting = [(component, verdict) for component, verdict in unready if verdict.reason not in IN_PROGRESS]
    component, verdict = (lasting or unready)[0]
    return Verdict(False, verdict.reason, f"{component.field}: {verdict.message}")


def _component(pipeline: Pipeline, component: Component, spec: ComponentSpec, observed: Observed) -> ComponentStatus:
    return ComponentStatus(
        model=spec.source,
        serving=observed.serving,
        replicas=spec.replicas,
        ready_replicas=observed.ready,
        endpoints=endpoints(pipeline, component),
    )


def _replicas(spec: ComponentSpec, observed: Observed) -> str:
    return f"{observed.ready} of {spec.replicas} replicas"


def _name(serving: Serving | None) -> str:
    if serving is None:
        return "the model"
    return serving.name if serving.version is None else f"{serving.name} (version {serving.version})"


def _list(names: Iterable[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} and {last} serve" if head else f"{last} serves"
