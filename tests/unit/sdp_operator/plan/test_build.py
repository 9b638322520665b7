from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.pipelines import NOW, pipeline, pod, pulled, ready, resource

from sdp_operator.desired.children import desired
from sdp_operator.gpus.facts import node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.holders import GpuHolder
from sdp_operator.live import LiveChildren, object_key
from sdp_operator.plan.build import plan_pipeline
from sdp_operator.plan.result import Change, ComponentPlan, PipelinePlan
from sdp_operator.plan.sight import Known, Looked, Sight, Unfit, Unknown
from sdp_operator.settings import Settings
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.signatures import Signature, signatures

UNET, TEXT = Component.DIFFUSION_MODEL, Component.TEXT_ENCODER
OLD, NEW = "gs://b/old", "gs://b/new"
MIB = 1 << 20
SETTINGS = Settings()


def test_what_stays_as_it_is_goes_through_nothing() -> None:
    planned = _plan(_spec(), _spec())
    assert (planned.action, planned.components, planned.changes, planned.refusals) == ("Nothing", (), (), ())


@pytest.mark.parametrize(
    ("change", "strategy", "reason", "restarts", "interruption"),
    [
        ({}, "InPlace", "no memory limit is set", 0, "none expected: the running model answers until the new one"),
        (
            {"swap": {"strategy": "Surge"}},
            "Surge",
            "swap.strategy says so",
            1,
            "none expected: the running pods answer until the new ones are ready",
        ),
        ({"swap": {"strategy": "Drain"}}, "Drain", "swap.strategy says so", 1, "requests fail while the model loads"),
        (
            {"swap": {"strategy": "Drain"}, "gateway": {"holdSeconds": 60}},
            "Drain",
            "swap.strategy says so",
            1,
            "while the model loads: requests through the gateway wait (up to 60 s), all others fail",
        ),
    ],
)
def test_a_swap_tells_its_way_the_pods_and_what_requests_meet(
    change: dict[str, Any], strategy: str, reason: str, restarts: int, interruption: str
) -> None:
    one = _only(_plan({**_spec(), **change}, {**_spec(NEW), **change}))
    assert one.action == "Swap"
    assert one.changes == (Change(field="diffusionModel.model", before=OLD, after=NEW),)
    assert one.swap is not None
    assert (one.swap.strategy, one.swap.reason) == (strategy, reason)
    assert len(one.pods.restart) == restarts
    assert one.interruption.startswith(interruption)


def test_a_swap_to_another_kind_of_place_rolls_as_the_operator_would() -> None:
    one = _only(_plan(_spec(), {"diffusionModel": {"image": "unet:2"}}, models={UNET: Unknown("an image holds it")}))
    assert one.swap is not None
    assert (one.swap.strategy, one.swap.reason) == (
        "Surge", "an image is part of its pods, and no GPU is asked for",
    )  # fmt: skip
    assert one.pods.restart == ("sd-diffusion-model-0",)
    assert one.memory is not None
    assert one.memory.new_bytes is None


def test_memory_decides_and_is_told() -> None:
    limited: dict[str, Any] = {"resources": {"limits": {"memory": "2Gi"}}}
    models = {UNET: _known(UNET, NEW, size=1024 * MIB)}
    one = _only(_plan(_spec(**limited), _spec(NEW, **limited), models=models))
    assert one.swap is not None
    assert one.swap.reason == "both models need 2.5 GiB of memory, and the server has 2.0 GiB, and no GPU is asked for"
    assert one.memory is not None
    assert (one.memory.running_bytes, one.memory.new_bytes, one.memory.limit) == (30 * MIB, 1024 * MIB, "2Gi")
    assert not one.memory.together


@pytest.mark.parametrize(
    ("gpus_of_the_node", "free", "message"),
    [
        (3, 2, "1 GPU more; 2 free on nodes that match"),
        (1, 0, "1 GPU more, and 0 free on nodes that match: new pods wait until there are enough"),
        (None, None, "1 GPU more; how many are free can't be seen with your rights"),
    ],
)
def test_gpus_that_a_change_takes_are_held_against_those_that_are_free(
    gpus_of_the_node: int | None, free: int | None, message: str
) -> None:
    fleet = None if gpus_of_the_node is None else _fleet(gpus_of_the_node)
    about: dict[str, Any] = {"gpu": {"count": 1}}
    surge = {"swap": {"strategy": "Surge"}}
    one = _only(_plan({**_spec(**about), **surge}, {**_spec(NEW, **about), **surge}, fleet=fleet))
    assert one.gpus is not None
    assert (one.gpus.per_replica, one.gpus.held, one.gpus.needed, one.gpus.free) == (1, 1, 1, free)
    assert one.gpus.message == message


def test_another_field_of_the_pods_restarts_them_without_a_swap() -> None:
    one = _only(_plan(_spec(), _spec(restTimeoutSeconds=7)))
    assert (one.action, one.model, one.memory, one.signatures) == ("Change", None, None, None)
    assert one.pods.restart == ("sd-diffusion-model-0",)
    assert one.pods.why == "what changes is part of the pods"
    assert one.swap is not None
    assert one.swap.strategy == "Surge"


def test_a_field_of_the_pipeline_that_is_part_of_the_pods_restarts_them() -> None:
    planned = _plan(_spec(), {**_spec(), "storage": {"serviceAccountName": "reader"}})
    assert [one.field for one in planned.changes] == ["storage"]
    assert _only(planned).action == "Restart"
    assert _only(planned).pods.restart == ("sd-diffusion-model-0",)


@pytest.mark.parametrize(
    ("replicas", "start", "end", "interruption"),
    [(3, 2, 0, "none"), (0, 0, 1, "requests fail, since no replica is left")],
)
def test_another_number_of_replicas_restarts_none(replicas: int, start: int, end: int, interruption: str) -> None:
    one = _only(_plan(_spec(), _spec(replicas=replicas)))
    assert (one.pods.restart, one.pods.start, one.pods.end) == ((), start, end)
    assert (one.swap, one.interruption) == (None, interruption)


def test_components_come_and_go() -> None:
    after = {"textEncoder": {"model": "gs://b/text", "replicas": 2}}
    planned = _plan(_spec(), after, models={TEXT: _known(TEXT, "gs://b/text")})
    added, removed = planned.components
    assert (added.component, added.action, added.pods.start) == ("textEncoder", "Add", 2)
    assert added.changes == (Change(field="textEncoder.model", after="gs://b/text"),)
    assert (removed.component, removed.action, removed.pods.end) == ("diffusionModel", "Remove", 1)


def test_a_pipeline_that_is_not_there_would_be_created() -> None:
    planned = _plan(None, _spec())
    assert (planned.action, planned.changes) == ("Create", ())
    assert _only(planned).action == "Add"


def test_what_clients_find_different_is_told() -> None:
    offered = {str(name): one for name, one in signatures(UNET, width=96, image_size=64).items()}
    less = {"serving_default": offered["serving_default"]}
    lost = _only(_plan(_spec(), _spec(NEW), models={UNET: _known(UNET, NEW, offers=less)}, offers=offered))
    assert lost.signatures == ("the signature sample is missing",)
    won = _only(_plan(_spec(), _spec(NEW), models={UNET: _known(UNET, NEW, offers=offered)}, offers=less))
    assert won.signatures == ("the signature sample is new",)
    same = _only(_plan(_spec(), _spec(NEW), models={UNET: _known(UNET, NEW, offers=offered)}, offers=offered))
    assert same.signatures == ()
    unknown = _only(_plan(_spec(), _spec(NEW), models={UNET: _known(UNET, NEW)}, offers=offered))
    assert unknown.signatures is None


@pytest.mark.parametrize(
    ("after", "models", "reason", "said"),
    [
        (
            {"diffusionModel": {"model": NEW}},
            {UNET: Unfit(NEW, PullFailure.WRONG_COMPONENT, "it is a decoder")},
            "WrongComponent",
            "it is a decoder",
        ),
        (
            {"diffusionModel": {"model": NEW}, "textEncoder": {"model": "gs://b/t"}},
            {},
            "WrongStableDiffusion",
            "textEncoder is made for a context 1024 wide, and that of diffusionModel for a context 64 wide",
        ),
        (
            {"diffusionModel": {"model": "file:///srv/m"}},
            {},
            "FilesForbidden",
            "names a folder of a node, which this operator refuses",
        ),
        (
            {"diffusionModel": {"from": {"pipeline": "nobody"}}},
            {},
            "SharedPipelineMissing",
            "the pipeline art/nobody, which the diffusionModel comes from, does not exist",
        ),
    ],
)
def test_what_the_operator_would_refuse_is_told_in_its_words(
    after: dict[str, Any], models: dict[Component, Looked], reason: str, said: str
) -> None:
    wide = _known(TEXT, "gs://b/t", width=1024)
    planned = _plan(_spec(), after, models={UNET: _known(UNET, NEW), TEXT: wide, **models})
    assert (planned.refusals[0].by, planned.refusals[0].reason) == ("Operator", reason)
    assert said in planned.refusals[0].message


def test_a_canary_is_judged_too() -> None:
    after = _spec(canary={"model": NEW, "percent": 5})
    planned = _plan(_spec(), after, canary=Unfit(NEW, PullFailure.WRONG_COMPONENT, "it is a decoder"))
    assert [one.message for one in planned.refusals] == ["its canary can't be served: it is a decoder"]
    one = _only(planned)
    assert (one.action, one.pods.restart, one.interruption) == ("Change", (), "none")


@pytest.mark.parametrize(
    ("limit", "start", "why"),
    [
        ("64Gi", 0, None),
        ("1Gi", 1, "both models need 1.1 GiB of memory, and the server has 1.0 GiB"),
    ],
)
def test_a_canary_is_planned_with_the_replica_that_it_gets_of_its_own(limit: str, start: int, why: str | None) -> None:
    before = _spec(resources={"limits": {"memory": limit}})
    after = _with_canary(before)
    planned = _plan(before, after, models={UNET: _known(UNET, OLD)}, canary=_known(UNET, NEW))
    one = _only(planned)
    assert (one.pods.start, one.pods.restart, one.interruption) == (start, (), "none")
    said = f"diffusionModel.canary: it gets a replica of its own, since {why}"
    assert planned.notes == (() if why is None else (said,))


def test_the_gpu_of_a_canary_is_planned_with_it() -> None:
    before = {**_spec(gpu={"count": 2}), "swap": {"strategy": "Surge"}}
    one = _only(_plan(before, _with_canary(before), models={UNET: _known(UNET, OLD)}, canary=_known(UNET, NEW)))
    assert one.gpus is not None
    assert (one.gpus.held, one.gpus.needed) == (2, 2)


def test_the_gpu_of_a_canary_serves_for_its_promotion() -> None:
    after = {**_spec(NEW, gpu={"count": 1}), "swap": {"strategy": "Surge"}}
    before = _with_canary({**_spec(gpu={"count": 1}), "swap": {"strategy": "Surge"}})
    one = _only(_plan(before, after, has_own_canary=True))
    assert one.gpus is not None
    assert (one.gpus.needed, one.pods.end) == (0, 1)


def _with_canary(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec, "diffusionModel": {**spec["diffusionModel"], "canary": {"model": NEW, "percent": 5}}}


def test_what_settings_that_are_not_known_forbid_is_not_known() -> None:
    after = {"diffusionModel": {"model": "file:///srv/m"}}
    models = {UNET: Unknown("unknown from here: it lies on the nodes", "file:///srv/m")}
    assert _plan(_spec(), after, models=models).refusals
    assert not _plan(_spec(), after, models=models, settings=None).refusals


def test_a_namespace_that_the_operator_does_not_serve_is_told() -> None:
    assert _plan(_spec(), _spec(NEW), settings=Settings(namespaces=("elsewhere",))).notes == (
        "the operator does not serve the namespace art, so that nothing would come of it",
    )


def _spec(model: str = OLD, **about: Any) -> dict[str, Any]:
    return {"diffusionModel": {"model": model, **about}}


def _known(
    component: Component,
    uri: str,
    *,
    size: int = 31 * MIB,
    width: int = 64,
    offers: Mapping[str, Signature] | None = None,
) -> Known:
    model = pulled(component, uri).model_copy(update={"size_bytes": size, "width": width})
    return Known(model, offers)


def _fleet(gpus: int) -> Fleet:
    amounts = {"nvidia.com/gpu": str(gpus)}
    node = {"metadata": {"name": "n"}, "status": {"capacity": amounts, "allocatable": amounts}}
    return Fleet.of([node_facts(node)], [GpuHolder("art", "sd-diffusion-model-0", "n", 1)])


def _plan(
    before: dict[str, Any] | None,
    after: dict[str, Any],
    *,
    models: Mapping[Component, Looked] | None = None,
    offers: Mapping[str, Signature] | None = None,
    fleet: Fleet | None = None,
    settings: Settings | None = SETTINGS,
    canary: Looked | None = None,
    has_own_canary: bool = False,
) -> PipelinePlan:
    """The plan for a diffusion model that one pod serves."""
    live, running = LiveChildren(), {}
    if before is not None:
        made = desired(pipeline(before), World(), SETTINGS, NOW).components[UNET]
        deployment = made.deployment
        assert deployment is not None
        served = pod(deployment, name="sd-diffusion-model-0", status=ready(pulled(UNET, OLD)))
        served["spec"] = {**served["spec"], "nodeName": "n"}
        live = LiveChildren(
            objects={
                **{object_key(child): child for child in made.children},
                **({("Deployment", "sd-canary"): deployment} if has_own_canary else {}),
            },
            pods={served["metadata"]["name"]: served},
        )
        running = {UNET: _known(UNET, OLD, size=30 * MIB, offers=offers)}
    world, edited = World(live=live, fleet=fleet), pipeline(after)
    given = models or {UNET: _known(UNET, NEW)}
    sight = Sight(
        live=None if before is None else resource(before),
        body=resource(after),
        before=None if before is None else pipeline(before),
        after=edited,
        world=world,
        settings=settings or SETTINGS,
        is_told_settings=settings is not None,
        wanted=desired(edited, world, settings or SETTINGS, NOW),
        models={component: one for component, one in given.items() if component in edited.spec.components},
        running=running,
        canary=canary,
    )
    return plan_pipeline(sight, NOW)


def _only(planned: PipelinePlan) -> ComponentPlan:
    [one] = planned.components
    return one
