"""A pipeline whose diffusion model has a canary with a replica of its own, as the cluster would hold it."""

from datetime import timedelta

from tests.support.pipelines import NOW, pod, pulled, ready

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.children import desired
from sdp_operator.desired.models_config_map import models_config_map
from sdp_operator.drift import stamped
from sdp_operator.live import LiveChildren, object_key
from sdp_operator.settings import Settings
from sdp_operator.swap.state import CandidateModel, Choice, ServingModel, SwapState, write_state
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import ModelNumber

UNET = Component.DIFFUSION_MODEL
ALONE = Choice(strategy="Surge", reason="the GPUs' memory holds one model")


def with_own_canary(parent: Pipeline, settings: Settings) -> LiveChildren:
    """What is there: what is remembered, the pods of the model that serves, and no more of the canary yet."""
    spec = parent.spec.diffusion_model
    assert spec is not None
    assert spec.model is not None
    assert spec.canary is not None
    before = NOW - timedelta(hours=1)
    state = SwapState(
        rollout="9",
        serving=ServingModel(
            number=ModelNumber(9), source=spec.model, found=pulled(UNET, spec.model), since=before, settled=before
        ),
        candidate=CandidateModel(
            number=ModelNumber(8), source=spec.canary.model, choice=ALONE, since=before, step_since=before
        ),
    )
    remembered = models_config_map(parent, UNET, state.desired(), write_state(state))
    live = LiveChildren(objects={object_key(remembered): remembered})
    deployment = desired(parent, World(live=live), settings, NOW).components[UNET].deployment
    assert deployment is not None
    serving = pod(deployment, name="stable", status=ready(pulled(UNET, spec.model)))
    objects = {**live.objects, object_key(deployment): stamped(deployment)}
    return LiveChildren(objects=objects, pods={"stable": serving})
