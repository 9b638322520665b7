"""What the gateways are told of a pipeline's models, over the lives of these."""

from typing import Any

import pytest
from tests.support.pipelines import NOW, pipeline, pulled
from tests.support.swap_life import Life

from sdp_operator.api.v1alpha1 import Canary as CanarySpec
from sdp_operator.api.v1alpha1 import ComponentStatus
from sdp_operator.desired.gateway.routed import routes
from sdp_operator.desired.parts import ComponentPart
from sdp_operator.live import LiveChildren
from sdp_operator.objects import Key
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.sharing import Shared, Unshared
from sdp_operator.swap.canary import CanaryProgress, CanaryState
from sdp_operator.swap.state import ServingModel, SwapState
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.routes import Canary, RoutedComponent, RoutedModel, RoutedSwap, Routes
from sdp_serving.contract.swap import ModelNumber

UNET = Component.DIFFUSION_MODEL
A, B, CORRUPT = "gs://good/a", "gs://good/b", "gs://corrupt/a"


class ToldLife(Life):
    """A component of which the gateways are told at each look; what they are told is kept where it changes."""

    def __init__(self, **seen: Any) -> None:
        self.history: list[RoutedComponent] = []
        super().__init__(A, **seen)

    def look(self) -> None:
        super().look()
        now = self.routed
        if self.history[-1:] != [now]:
            self.history.append(now)

    @property
    def routed(self) -> RoutedComponent:
        return _told(ComponentPart(models=self.state, progress=self.progress)).components[UNET]

    @property
    def steps(self) -> list[str | None]:
        return [None if one.swap is None else one.swap.step for one in self.history]


def test_a_model_that_serves_is_told_of_with_its_number_its_version_and_its_digest() -> None:
    life = ToldLife()
    life.live(30)

    found = life.state.serving.found
    assert found is not None
    assert life.routed == RoutedComponent(
        serving=RoutedModel(
            uri=found.uri, version=found.version, digest=found.source_digest, number=life.state.serving.number
        ),
        replicas=1,
    )


@pytest.mark.parametrize("strategy", ["InPlace", "Surge", "Drain"])
def test_during_a_swap_both_models_are_known_by_their_numbers_and_the_one_before_serves_to_its_end(
    strategy: Any,
) -> None:
    life = ToldLife(strategy=strategy)
    life.live(30)
    before = life.routed.serving
    assert before is not None
    life.history.clear()
    life.ask(B)
    life.live(120)

    *on_the_way, swapped = life.history
    after = swapped.serving
    assert after is not None
    assert after.uri.startswith(B)
    assert (swapped.others, swapped.swap) == ((), None)
    assert on_the_way
    for told in on_the_way:
        assert told.serving == before
        assert told.swap is not None
        assert told.swap.candidate.startswith(B)
        assert told.answered(before.number) == before
    assert on_the_way[-1].answered(after.number) == after


def test_what_is_told_changes_with_each_step_of_a_swap_and_not_with_each_look() -> None:
    life = ToldLife(strategy="InPlace")
    life.live(30)
    life.history.clear()
    life.ask(B)
    life.live(600)

    steps = [step for step, next_ in zip(life.steps, [*life.steps[1:], "end"], strict=True) if step != next_]
    assert steps[-1] is None
    assert len(steps) == len(set(steps)), "no step is told of twice"
    assert len(life.history) <= len(steps) + 2, "a model becomes known within a step"


def test_a_model_that_was_found_bad_is_told_of_with_what_to_do_while_it_is_asked_for() -> None:
    life = ToldLife(strategy="InPlace")
    life.live(30)
    before = life.routed.serving
    life.ask(CORRUPT)
    life.live(60)

    assert life.routed.serving == before
    assert life.routed.others == ()
    swap = life.routed.swap
    assert swap is not None
    assert (swap.step, swap.candidate, swap.message) == ("RolledBack", CORRUPT, life.message)


def test_a_canary_is_told_of_beside_the_model_that_serves() -> None:
    life = ToldLife()
    life.ask(A, canary=B)
    life.live(60)
    candidate = life.state.candidate
    assert candidate is not None
    served = Canary(version=candidate.number, percent=10, model=B)
    progress = CanaryProgress(asked=CanarySpec(model=B, percent=10), state=CanaryState.SERVING, served=served)

    told = _told(ComponentPart(models=life.state, progress=life.progress, canary=progress))

    assert told.canaries == {UNET: served}
    model = told.components[UNET].answered(candidate.number)
    assert model is not None
    assert model.uri.startswith(B)
    assert model.digest is not None
    assert told.components[UNET].swap is None


def test_a_model_of_an_image_has_no_number_and_one_on_a_claim_has_its_version() -> None:
    found = pulled(UNET, "pvc://claim/unet/1700000000000")

    image = _told(_at_rest("registry.example.com/unet:1", None)).components[UNET].serving
    claim = _told(_at_rest("pvc://claim/unet", found)).components[UNET].serving

    assert image == RoutedModel(uri="registry.example.com/unet:1")
    assert claim is not None
    assert (claim.uri, claim.number) == (found.uri, found.version)


def test_a_component_of_another_pipeline_is_told_of_as_that_ones_status_has_it() -> None:
    status = {
        "model": "gs://b/unet/2",
        "serving": {"name": "unet/1", "version": 1, "digest": "sha256:1", "number": 90, "model": "gs://b/unet/1"},
        "replicas": 3,
        "readyReplicas": 3,
    }

    def told(swap: dict[str, str]) -> RoutedComponent:
        shared = Shared(Key("art", "other"), ComponentStatus.model_validate({**status, "swap": swap}), None)
        return _told(ComponentPart(shared=shared)).components[UNET]

    serving = RoutedModel(uri="gs://b/unet/1", version=1, digest="sha256:1", number=90)
    rolling = RoutedSwap(step="Rolling", candidate="gs://b/unet/2", strategy="Surge")
    assert told({"strategy": "Surge", "step": "Rolling"}) == RoutedComponent(serving=serving, swap=rolling, replicas=3)
    assert told({"strategy": "Surge", "step": "Done"}) == RoutedComponent(serving=serving, replicas=3)


def test_of_a_component_that_is_not_known_nothing_is_claimed() -> None:
    problem = Problem(Reason.STARTING, "it has not said yet")

    assert _told(ComponentPart(shared=Shared(Key("art", "other"), None, problem))).components[UNET] == RoutedComponent()
    assert _told(ComponentPart(shared=Unshared(problem))).components[UNET] == RoutedComponent()
    assert _told(ComponentPart()).components[UNET] == RoutedComponent(replicas=1)


def test_the_gateways_are_told_whose_they_are() -> None:
    told = _told(ComponentPart())
    assert (told.pipeline, told.namespace) == ("sd", "art")


def _told(part: ComponentPart) -> Routes:
    parent = pipeline({"diffusionModel": {"model": A}, "gateway": {}})
    return routes(parent, {UNET: part}, LiveChildren())


def _at_rest(source: str, found: Pulled | None) -> ComponentPart:
    serving = ServingModel(number=ModelNumber(90), source=source, found=found, since=NOW, settled=NOW)
    return ComponentPart(models=SwapState(rollout="90", serving=serving))
