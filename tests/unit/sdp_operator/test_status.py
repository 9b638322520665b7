from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.pipelines import pipeline, resource

from sdp_operator.api.v1alpha1 import Canary, Condition, PipelineStatus, Serving
from sdp_operator.conditions import Verdict, invalid_status
from sdp_operator.gpus.verdict import GpuReason, GpuVerdict
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.observe import Observed
from sdp_operator.pods import Replica
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.status import summarise, transitions
from sdp_operator.swap.canary import CanaryProgress, CanaryState
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.routes import Canary as Served

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
BASE = Serving(name="base", version=17, model="gs://b/base")
STRIPED = Serving(name="striped", version=18, model="gs://b/striped")
NOTHING = Observed(revision="new")


def _replica(revision: str, serving: Serving | None, problem: Problem | None) -> Replica:
    return Replica(revision, serving, problem, node="node-1")


SERVED = replace(NOTHING, replicas=[_replica("new", STRIPED, None)])
NOT_FOUND = Problem("ModelNotFound", "gs://b/striped is not there: export it")
BUSY = GpuVerdict(GpuReason.GPUS_BUSY, "no free GPU: free one")
NO_NODE = GpuVerdict(GpuReason.NO_MATCHING_NODE, "no node has a GPU: add one")
PULLING = Problem("Pulling", "the model is being pulled")
SPEC = {"textEncoder": {"model": "gs://b/t"}, "diffusionModel": {"model": "gs://b/striped"}}


def test_a_pipeline_whose_components_all_serve_is_ready() -> None:
    status = _summarise(SERVED, text_encoder=SERVED)
    assert _told(status) == [
        ("Ready", "True", "AllServing", "textEncoder and diffusionModel serve"),
        ("ModelsReady", "True", "AllServing", "textEncoder and diffusionModel serve"),
        ("TextEncoderReady", "True", "Serving", "striped (version 18) is served by 1 of 1 replicas"),
        ("DiffusionModelReady", "True", "Serving", "striped (version 18) is served by 1 of 1 replicas"),
        ("Stalled", "False", "Progressing", "nothing stands still"),
    ]
    assert status.diffusion_model is not None
    assert status.diffusion_model.serving == STRIPED
    assert status.diffusion_model.endpoints is not None
    assert status.diffusion_model.endpoints.grpc == "sd-diffusion-model.art.svc:8500"
    assert status.decoder is None


def test_a_model_that_is_not_there_is_told_with_its_uri_while_the_previous_one_serves() -> None:
    observed = replace(NOTHING, replicas=[_replica("old", BASE, None), _replica("new", None, NOT_FOUND)])
    status = _summarise(observed, text_encoder=SERVED)
    ready = _condition(status, "Ready")
    assert (ready.status, ready.reason) == ("False", "ModelNotFound")
    assert ready.message == (
        "diffusionModel: gs://b/striped is not there: export it; meanwhile base (version 17) is served"
    )
    assert _condition(status, "TextEncoderReady").status == "True"
    assert status.diffusion_model is not None
    assert status.diffusion_model.serving == BASE
    assert status.diffusion_model.ready_replicas == 0


def test_the_model_that_is_wanted_is_told_of_as_soon_as_one_replica_serves_it() -> None:
    observed = replace(NOTHING, replicas=[_replica("old", BASE, None), _replica("new", STRIPED, None)])
    status = _summarise(observed, text_encoder=SERVED)
    assert status.diffusion_model is not None
    assert status.diffusion_model.serving == STRIPED


@pytest.mark.parametrize(
    ("observed", "reason", "message"),
    [
        (NOTHING, "Starting", "the replica is being started"),
        (replace(NOTHING, wanted_replicas=2), "Starting", "replicas are being started (0 of 2 replicas ready)"),
        (
            replace(NOTHING, replicas=[_replica("new", None, PULLING)]),
            "Pulling",
            "being pulled (0 of 1 replicas ready)",
        ),
        (replace(NOTHING, refused=Problem("NameTaken", "taken: rename it")), "NameTaken", "taken: rename it"),
        (replace(NOTHING, pods_refused="exceeded quota"), "PodsRefused", "no pod can be made (exceeded quota)"),
        (
            replace(NOTHING, replicas=[_replica("new", None, PULLING), _replica("new", None, NOT_FOUND)]),
            "ModelNotFound",
            "is not there",
        ),
        (replace(NOTHING, replicas=[_replica("old", None, NOT_FOUND)]), "Starting", "being started"),
    ],
)
def test_a_component_that_does_not_serve_says_why(observed: Observed, reason: str, message: str) -> None:
    condition = _condition(_summarise(observed, text_encoder=SERVED), "DiffusionModelReady")
    assert (condition.status, condition.reason) == ("False", reason)
    assert message in condition.message


def test_a_problem_that_lasts_is_told_before_one_that_passes() -> None:
    failed = replace(NOTHING, replicas=[_replica("new", None, NOT_FOUND)])
    assert _condition(_summarise(failed, text_encoder=NOTHING), "Ready").reason == "ModelNotFound"


def test_a_gateway_that_needs_mending_is_told_before_models_that_are_on_their_way() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d"}, "gateway": {}})
    for reason, told in (("ImageUnavailable", "gateway: its words"), ("Starting", "decoder: the replica is being")):
        gateway = Verdict("False", reason, "its words")
        ready = _condition(summarise(parent, {Component.DECODER: NOTHING}, gateway, World(), NOW), "Ready")
        assert ready.reason == reason
        assert ready.message.startswith(told)
    lasting = replace(NOTHING, replicas=[_replica("new", None, NOT_FOUND)])
    gateway = Verdict("False", "ImageUnavailable", "its words")
    status = summarise(parent, {Component.DECODER: lasting}, gateway, World(), NOW)
    assert _condition(status, "Ready").reason == "ModelNotFound"


@pytest.mark.parametrize(
    ("reason", "url"),
    [("GatewayServing", "http://sd.example.com"), ("Starting", "http://sd.example.com"), ("KindUnknown", None)],
)
def test_the_url_is_that_of_the_gateway_unless_nothing_can_lead_there(reason: str, url: str | None) -> None:
    route = {"parentRefs": [{"name": "public"}], "hostnames": ["sd.example.com"]}
    parent = pipeline({"decoder": {"model": "gs://b/d"}, "gateway": {"route": route}})
    gateway = Verdict("True" if reason == "GatewayServing" else "False", reason, "its words")
    assert summarise(parent, {Component.DECODER: NOTHING}, gateway, World(), NOW).url == url


def test_an_autoscaler_without_its_metric_is_told_and_leaves_the_pipeline_ready() -> None:
    model = {"model": "gs://b/d", "autoscaling": {"maxReplicas": 2}, "resources": {"requests": {"cpu": 1}}}
    parent = pipeline({"decoder": model})
    told = [
        {"type": "AbleToScale", "status": "True"},
        {"type": "ScalingActive", "status": "False", "message": "no API"},
    ]
    live = LiveChildren({("HorizontalPodAutoscaler", "sd-decoder"): {"status": {"conditions": told}}})
    observed = {Component.DECODER: SERVED}
    first = summarise(parent, observed, None, World(live=live), NOW)
    assert _condition(first, "AutoscalingReady").reason == "Starting"
    later = parent.model_copy(update={"status": first.dump()})
    then = summarise(later, observed, None, World(live=live), NOW + timedelta(minutes=2))
    said = _condition(then, "AutoscalingReady")
    assert (said.status, said.reason) == ("False", "MetricUnavailable")
    assert said.message.startswith("decoder: the autoscaler can't read its metric")
    assert _condition(then, "Ready").status == "True"
    assert _condition(then, "Stalled").status == "False"


def test_pod_monitors_that_the_cluster_does_not_know_are_told() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d"}, "monitoring": {"podMonitor": {}}})
    for unknown, told in ((set(), ("True", "Monitored")), ({"PodMonitor"}, ("False", "KindUnknown"))):
        world = World(unknown_kinds=frozenset(unknown))
        status = summarise(parent, {Component.DECODER: SERVED}, None, world, NOW)
        said = _condition(status, "MonitoringReady")
        assert (said.status, said.reason) == told
        assert _condition(status, "Ready").status == "True"


def test_a_component_without_replicas_is_not_ready() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d", "replicas": 0}})
    status = summarise(parent, {Component.DECODER: replace(NOTHING, wanted_replicas=0)}, None, World(), NOW)
    assert _condition(status, "Ready").reason == "ScaledToZero"


def test_gpus_are_those_of_all_replicas() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d", "replicas": 3, "gpu": {"count": 2}}})
    assert summarise(parent, {Component.DECODER: replace(NOTHING, wanted_replicas=3)}, None, World(), NOW).gpus == 6


def test_the_time_of_transition_moves_only_with_the_status() -> None:
    first = _summarise(NOTHING, text_encoder=SERVED)
    later = NOW + timedelta(hours=1)
    still = replace(NOTHING, replicas=[_replica("new", None, PULLING)])
    second = _summarise(still, text_encoder=SERVED, previous=first.dump(), now=later)
    third = _summarise(SERVED, text_encoder=SERVED, previous=second.dump(), now=later)
    times = [_condition(status, "Ready").last_transition_time for status in (first, second, third)]
    assert times == [NOW, NOW, later]


def test_nothing_new_gives_the_same_status() -> None:
    first = _summarise(SERVED, text_encoder=SERVED).dump()
    again = _summarise(SERVED, text_encoder=SERVED, previous=first, now=NOW + timedelta(hours=1))
    assert again.dump() == first
    assert transitions(first, again.dump()) == []


def test_an_event_tells_of_each_condition_that_changed() -> None:
    before = _summarise(NOTHING, text_encoder=SERVED)
    after = _summarise(SERVED, text_encoder=SERVED, previous=before.dump())
    assert [one.type for one in transitions(before.dump(), after.dump())] == ["Ready", "DiffusionModelReady"]


@pytest.mark.parametrize(("seconds", "told"), [(2, []), (60, ["Ready", "DiffusionModelReady"])])
def test_a_failure_of_the_api_server_that_the_next_try_mends_is_no_news(seconds: int, told: list[str]) -> None:
    before = _summarise(SERVED, text_encoder=SERVED).dump()
    failing = replace(SERVED, refused=Problem(Reason.API_FAILING, "the webhook failed; it is being tried again"))
    during = _summarise(failing, text_encoder=SERVED, previous=before)
    assert (_condition(during, "Ready").status, _condition(during, "Stalled").status) == ("False", "False")
    assert transitions(before, during.dump()) == []
    later = NOW + timedelta(seconds=seconds)
    after = _summarise(SERVED, text_encoder=SERVED, previous=during.dump(), now=later)
    assert [one.type for one in transitions(during.dump(), after.dump())] == told


def test_what_ready_says_of_a_component_is_not_told_again() -> None:
    first = _summarise(NOTHING, text_encoder=SERVED)
    assert [one.type for one in transitions({}, first.dump())] == ["Ready", "TextEncoderReady"]
    busy = _summarise(replace(NOTHING, gpus=BUSY), text_encoder=SERVED, previous=first.dump())
    assert [one.type for one in transitions(first.dump(), busy.dump())] == ["Ready"]


def test_two_components_with_the_same_problem_are_both_told() -> None:
    killed = replace(NOTHING, replicas=[_replica("new", None, Problem("OutOfMemory", "raise the limit"))])
    first = _summarise(NOTHING, text_encoder=NOTHING)
    second = _summarise(killed, text_encoder=killed, previous=first.dump())
    assert [one.type for one in transitions(first.dump(), second.dump())] == ["Ready", "DiffusionModelReady"]


def test_the_steps_to_a_served_model_are_no_news() -> None:
    starting = _summarise(NOTHING, text_encoder=SERVED)
    pulling = replace(NOTHING, replicas=[_replica("new", None, PULLING)])
    after = _summarise(pulling, text_encoder=SERVED, previous=starting.dump())
    assert transitions(starting.dump(), after.dump()) == []


def test_a_replica_without_a_node_waits_for_what_the_gpu_check_says() -> None:
    waiting = Replica("new", None, Problem("Unschedulable", "0/3 nodes are available"), node=None)
    for replicas in ([], [waiting]):
        ready = _condition(
            _summarise(replace(NOTHING, replicas=replicas, gpus=BUSY), text_encoder=SERVED), "DiffusionModelReady"
        )
        assert (ready.reason, ready.message) == (BUSY.reason, BUSY.message)


def test_the_gpu_check_says_nothing_of_a_replica_that_has_a_node() -> None:
    pulling = replace(NOTHING, replicas=[_replica("new", None, PULLING)], gpus=BUSY)
    assert _condition(_summarise(pulling, text_encoder=SERVED), "Ready").reason == "Pulling"


def test_a_swap_for_which_no_gpu_is_free_beside_the_running_replica_says_how_to_do_without() -> None:
    waiting = Replica("new", None, Problem("Unschedulable", "1 Insufficient nvidia.com/gpu: free a GPU"), node=None)
    free = GpuVerdict(GpuReason.GPUS_AVAILABLE, "there are GPUs")
    swapping = replace(NOTHING, replicas=[_replica("old", BASE, None), waiting], gpus=free)
    assert "set swap.strategy to Drain" in _condition(_summarise(swapping, text_encoder=SERVED), "Ready").message
    first = replace(NOTHING, replicas=[waiting], gpus=free)
    assert "Drain" not in _condition(_summarise(first, text_encoder=SERVED), "Ready").message


def test_what_is_wrong_is_not_repeated_by_every_condition() -> None:
    status = _summarise(replace(NOTHING, gpus=BUSY), text_encoder=SERVED)
    saying = [one.type for one in status.conditions if BUSY.message in one.message]
    assert saying == ["Ready", "DiffusionModelReady", "GPUsReady"]
    models = _condition(status, "ModelsReady")
    assert (models.reason, models.message) == (
        BUSY.reason, "diffusionModel does not serve what is asked for; textEncoder serves",
    )  # fmt: skip


def test_whether_a_pipeline_is_stalled_that_waits_for_a_node_is_unknown_where_the_cluster_may_grow() -> None:
    for verdict, stalled in ((BUSY, "True"), (NO_NODE, "Unknown")):
        status = _summarise(replace(NOTHING, gpus=verdict), text_encoder=SERVED)
        assert _condition(status, "Stalled").status == stalled


def test_a_canary_is_told_of_until_it_serves_and_then_by_its_version() -> None:
    asked = Canary(model="gs://b/c", percent=10)
    about = {"model": "gs://b/c", "percent": 10}
    corrupt = Problem(PullFailure.LOAD_FAILED, "it is corrupt")
    refused = CanaryProgress(asked, CanaryState.REFUSED, corrupt)
    served = CanaryProgress(asked, CanaryState.SERVING, served=Served(version=7, percent=10, model="gs://b/c"))
    for canary, said in (
        (refused, {"state": "Refused", "reason": "LoadFailed", "message": "it is corrupt"}),
        (served, {"state": "Serving", "version": 7}),
    ):
        status = _summarise(replace(SERVED, canary=canary), text_encoder=SERVED)
        assert status.dump()["diffusionModel"]["canary"] == {**about, **said}
        assert _condition(status, "Ready").status == "True"


def test_a_canary_with_a_replica_of_its_own_says_why_and_where_it_answers_and_takes_gpus() -> None:
    asked = Canary(model="gs://b/c", percent=10)
    served = Served(host="sd-canary.art.svc", percent=10, model="gs://b/c")
    canary = CanaryProgress(asked, CanaryState.SERVING, served=served, alone="the server has 1 GiB")
    observed = replace(SERVED, canary=canary, beside=SERVED)
    parent = pipeline({"diffusionModel": {"model": "gs://b/striped", "gpu": {"count": 2}}})
    status = summarise(parent, {Component.DIFFUSION_MODEL: observed}, None, World(), NOW).dump()
    assert status["diffusionModel"]["canary"] == {
        "model": "gs://b/c",
        "percent": 10,
        "state": "Serving",
        "message": "it has a replica of its own, since the server has 1 GiB",
        "host": "sd-canary.art.svc",
    }
    assert status["gpus"] == 4
    assert status["diffusionModel"]["replicas"] == 1


@pytest.mark.parametrize(
    ("beside", "state", "reason", "message"),
    [
        (replace(NOTHING, gpus=BUSY), "Waiting", "GPUsBusy", "no free GPU: free one"),
        (replace(NOTHING, replicas=[_replica("new", None, PULLING)]), "Fetching", "Pulling", "the model is being"),
        (replace(NOTHING, pods_refused="exceeded quota: gpus"), "Waiting", "PodsRefused", "exceeded quota"),
        (replace(NOTHING, refused=Problem(Reason.NAME_TAKEN, "taken")), "Waiting", "NameTaken", "taken"),
        (NOTHING, "Waiting", "Starting", "the replica is being started"),
        (replace(NOTHING, wanted_replicas=0), "Waiting", "ScaledToZero", "replicas is 0"),
    ],
)
def test_a_canary_whose_own_replica_is_not_ready_says_why_as_any_replica_would(
    beside: Observed, state: str, reason: str, message: str
) -> None:
    canary = CanaryProgress(Canary(model="gs://b/c", percent=10), CanaryState.WAITING, alone="there is no room")
    status = _summarise(replace(SERVED, canary=canary, beside=beside), text_encoder=SERVED)
    said = status.dump()["diffusionModel"]["canary"]
    assert (said["state"], said["reason"]) == (state, reason)
    assert message in said["message"]
    assert _condition(status, "Ready").status == "True"


def test_a_spec_that_cannot_be_read_leaves_the_rest_of_the_status() -> None:
    before = _summarise(SERVED, text_encoder=SERVED).dump()
    body = resource({"decoder": {}}, status=before, generation=2)
    status = invalid_status(body, "spec.decoder: nonsense", NOW)
    assert status["conditions"][0]["reason"] == "InvalidSpec"
    assert status["observedGeneration"] == 2
    assert {one["type"] for one in status["conditions"]} == {one["type"] for one in before["conditions"]}
    assert status["diffusionModel"] == before["diffusionModel"]
    assert invalid_status({**body, "status": status}, "spec.decoder: nonsense", NOW + timedelta(1)) == status


def _summarise(
    diffusion_model: Observed, *, text_encoder: Observed, previous: KubeObject | None = None, now: datetime = NOW
) -> PipelineStatus:
    observed = {Component.TEXT_ENCODER: text_encoder, Component.DIFFUSION_MODEL: diffusion_model}
    return summarise(pipeline(SPEC, status=previous), observed, None, World(), now)


def _condition(status: PipelineStatus, kind: str) -> Condition:
    return next(one for one in status.conditions if one.type == kind)


def _told(status: PipelineStatus) -> list[tuple[str, str, str, str]]:
    return [(one.type, one.status, one.reason, one.message) for one in status.conditions]
