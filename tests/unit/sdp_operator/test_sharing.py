from collections.abc import Sequence

import pytest
from tests.support.pipelines import NOW, pipeline, resource

from sdp_operator.api.v1alpha1 import ComponentStatus, Pipeline, Serving
from sdp_operator.conditions import Verdict
from sdp_operator.desired.children import desired
from sdp_operator.desired.parts import Desired
from sdp_operator.objects import Key, KubeObject
from sdp_operator.observe import observe
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.sharing import Shared, Unshared, references, share, users_of
from sdp_operator.status import summarise
from sdp_operator.world import World
from sdp_serving.contract.components import Component

DECODER = Component.DECODER
MODEL = "gs://b/d"
FROM_MUSIC = {"from": {"pipeline": "owner", "namespace": "music"}}
SERVED = {
    "model": MODEL,
    "serving": {"name": "d", "model": MODEL},
    "replicas": 2,
    "readyReplicas": 2,
    "endpoints": {"grpc": "owner-decoder.art.svc:8500", "rest": "http://owner-decoder.art.svc:8501/v1/models/decoder"},
    "nodes": ["node-1"],
}


def test_what_a_raw_spec_refers_to_is_found_whatever_else_it_holds() -> None:
    spec = {
        "decoder": {"from": {"pipeline": "a"}},
        "textEncoder": {"from": {"pipeline": "b", "namespace": "music"}},
        "diffusionModel": {"model": "not even a URI"},
        "imageEncoder": None,
        "colour": "red",
    }
    assert references(spec, "art") == {DECODER: Key("art", "a"), Component.TEXT_ENCODER: Key("music", "b")}
    assert references({"decoder": {"from": {}}}, "art") == {}


def test_a_shared_component_is_as_its_owner_says() -> None:
    shared = _share(_owner(status=_said("True", Reason.SERVING, "d is served by 2 of 2 replicas")))
    assert shared.problem is None
    assert isinstance(shared, Shared)
    assert shared.message == "d is served by 2 of 2 replicas"
    assert shared.status == ComponentStatus.model_validate(SERVED)


def test_what_the_owner_lacks_the_sharer_lacks_for_the_same_reason() -> None:
    shared = _share(_owner(status=_said("False", "ModelNotFound", "it is not there: export it")))
    assert shared.problem is not None
    assert shared.problem.reason == "ModelNotFound"
    assert shared.problem.message == "in the pipeline art/owner: it is not there: export it"


@pytest.mark.parametrize("status", [{}, {"conditions": []}, {"decoder": SERVED}, {"decoder": {"odd": 1}}])
def test_an_owner_that_has_not_said_anything_yet_is_waited_for(status: KubeObject) -> None:
    shared = _share(_owner(status=status))
    assert shared.problem is not None
    assert shared.problem.reason == Reason.STARTING


@pytest.mark.parametrize(
    ("owner", "reason", "sentence"),
    [
        (None, Reason.SHARED_PIPELINE_MISSING, "does not exist: create it"),
        ({"textEncoder": {"model": MODEL}}, Reason.SHARED_COMPONENT_MISSING, "has no decoder: add it there"),
        (
            {"decoder": {"from": {"pipeline": "third"}}},
            Reason.SHARED_COMPONENT_MISSING,
            "is itself shared from art/third: name that one instead",
        ),
        ({"decoder": {"model": "ftp://x"}}, Reason.SHARED_PIPELINE_MISSING, "can't be read: correct it"),
    ],
)
def test_a_component_that_cannot_be_shared_says_why(owner: KubeObject | None, reason: Reason, sentence: str) -> None:
    shared = _share(None if owner is None else resource(owner, name="owner"))
    assert shared.problem is not None
    assert shared.problem.reason == reason
    assert sentence in shared.problem.message
    assert isinstance(shared, Unshared)


def test_a_component_cannot_come_from_the_pipeline_itself() -> None:
    owner = pipeline({"decoder": {"from": {"pipeline": "sd", "namespace": "art"}}})
    from_ = owner.spec.components[DECODER].from_
    assert from_ is not None
    shared = share(owner, DECODER, from_, resource({"decoder": {"from": {"pipeline": "sd"}}}), served=())
    assert isinstance(shared, Unshared)
    assert shared.problem == Problem(
        Reason.SHARED_COMPONENT_MISSING,
        "the decoder is to come from this pipeline itself: name another pipeline, or set another source",
    )


def test_an_owner_that_is_being_deleted_is_gone() -> None:
    owner = _owner(status=_said("True", Reason.SERVING, "served"))
    owner["metadata"]["deletionTimestamp"] = "2026-11-23T04:00:00Z"
    shared = _share(owner)
    assert shared.problem is not None
    assert shared.problem.reason == Reason.SHARED_PIPELINE_MISSING


@pytest.mark.parametrize(("namespaces", "allowed"), [([], False), (["dance"], False), (["dance", "music"], True)])
def test_another_namespace_may_share_only_where_it_is_named(namespaces: list[str], allowed: bool) -> None:
    owner = _owner(sharing={"namespaces": namespaces}, status=_said("True", Reason.SERVING, "served"))
    sharer = pipeline({"decoder": {"from": {"pipeline": "owner", "namespace": "art"}}})
    sharer = sharer.model_copy(update={"namespace": "music"})
    from_ = sharer.spec.components[DECODER].from_
    assert from_ is not None
    shared = share(sharer, DECODER, from_, owner, served=())
    if allowed:
        assert shared.problem is None
    else:
        assert shared.problem is not None
        assert shared.problem.reason == Reason.SHARING_NOT_ALLOWED
        assert "or add music to its spec.sharing.namespaces" in shared.problem.message


def test_nobody_learns_from_another_namespace_which_pipelines_there_are() -> None:
    parent = pipeline({"decoder": FROM_MUSIC})
    from_ = parent.spec.components[DECODER].from_
    assert from_ is not None
    there: list[KubeObject] = [
        {"decoder": {"model": MODEL}},
        {"textEncoder": {"model": MODEL}},
        {"decoder": {"model": "ftp://x"}, "sharing": {"namespaces": ["art"]}},
    ]
    owners = [None, *(resource(spec, name="owner") for spec in there)]
    first, *others = [share(parent, DECODER, from_, owner, served=()) for owner in owners]
    assert first == Unshared(
        Problem(
            Reason.SHARING_NOT_ALLOWED,
            "the pipeline music/owner does not exist, or is not shared with this namespace: have its owner create it,"
            " or add art to its spec.sharing.namespaces",
        )
    )
    assert others == [first] * 3


def test_an_owner_in_a_namespace_that_the_operator_does_not_serve_is_not_said_to_be_missing() -> None:
    parent = pipeline({"decoder": {"from": {"pipeline": "owner", "namespace": "music"}}})
    from_ = parent.spec.components[DECODER].from_
    assert from_ is not None
    problem = share(parent, DECODER, from_, None, served=("art", "dance")).problem
    assert problem is not None
    assert problem.reason == Reason.SHARED_PIPELINE_MISSING
    assert problem.message == (
        "the operator does not serve the namespace music, where the pipeline music/owner is to be: have its"
        " administrator add it, or name a pipeline in another namespace"
    )


def test_only_pipelines_that_may_share_count_as_users() -> None:
    parent = pipeline({"decoder": {"model": MODEL}, "sharing": {"namespaces": ["music"]}})
    there = [Key("art", "a"), Key("dance", "b"), Key("music", "c"), parent.key]
    assert users_of(parent, there) == ["art/a", "music/c"]


def test_the_sharers_status_is_the_owners_and_asks_for_no_gpu() -> None:
    owner = _owner(status=_said("True", Reason.SERVING, "d is served by 2 of 2 replicas"))
    parent = pipeline({"decoder": {"from": {"pipeline": "owner"}}})
    world = World(owners={DECODER: owner})
    wanted = desired(parent, world, Settings(), NOW)
    assert wanted.parts["decoder"].children == ()
    status = summarise(parent, observe(parent, wanted, world, {}, "label"), None, world, NOW)
    assert status.gpus == 0
    assert status.decoder is not None
    assert status.decoder.model == "owner"
    assert status.decoder.serving == Serving(name="d", model=MODEL)
    assert status.decoder.endpoints is not None
    assert status.decoder.endpoints.grpc == "owner-decoder.art.svc:8500"
    said = next(one for one in status.conditions if one.type == "DecoderReady")
    assert (said.status, said.message) == ("True", "d is served by 2 of 2 replicas of the pipeline art/owner")


def test_a_pipeline_that_may_not_share_is_not_told_where_the_component_answers() -> None:
    parent, wanted, world = _with_gateway({"decoder": FROM_MUSIC, "textEncoder": {"model": "gs://b/t"}})
    status = summarise(parent, observe(parent, wanted, world, {}, "label"), None, world, NOW)
    assert status.decoder is not None
    assert status.decoder.model == "music/owner"
    assert status.decoder.endpoints is None
    assert "endpoints" not in status.dump()["decoder"]


@pytest.mark.parametrize(("allowed", "components"), [([], ["text-encoder"]), (["art"], ["text-encoder", "decoder"])])
def test_a_gateway_leads_only_to_what_is_shared(allowed: list[str], components: list[str]) -> None:
    _, wanted, _ = _with_gateway({"decoder": FROM_MUSIC, "textEncoder": {"model": "gs://b/t"}}, allowed)
    assert wanted.gateway is not None
    flags = wanted.gateway.children[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [flag.split("=")[1] for flag in flags if flag.startswith("--component=")] == components
    assert ("owner-decoder.music" in str(wanted.gateway)) is bool(allowed)


def test_a_gateway_to_nothing_that_is_shared_is_not_run() -> None:
    _, wanted, _ = _with_gateway({"decoder": FROM_MUSIC})
    assert wanted.gateway is not None
    assert [child["kind"] for child in wanted.gateway.children] == ["ConfigMap", "Service"]
    assert wanted.gateway.withheld == (), "one that runs would still lead there"
    assert wanted.gateway.problem is not None
    assert wanted.gateway.problem.reason == Reason.SHARING_NOT_ALLOWED


def _with_gateway(spec: KubeObject, allowed: Sequence[str] = ()) -> tuple[Pipeline, Desired, World]:
    owner = resource({"decoder": {"model": MODEL}, "sharing": {"namespaces": list(allowed)}}, name="owner")
    owner["metadata"]["namespace"] = "music"
    parent, world = pipeline({**spec, "gateway": {}}), World(owners={DECODER: owner})
    return parent, desired(parent, world, Settings(), NOW), world


def _share(owner: KubeObject | None) -> Shared | Unshared:
    parent = pipeline({"decoder": {"from": {"pipeline": "owner"}}})
    from_ = parent.spec.components[DECODER].from_
    assert from_ is not None
    return share(parent, DECODER, from_, owner, served=())


def _owner(*, status: KubeObject, **spec: object) -> KubeObject:
    return resource({"decoder": {"model": MODEL}, **spec}, name="owner", status=status)


def _said(status: str, reason: str, message: str) -> KubeObject:
    verdict = Verdict("True" if status == "True" else "False", reason, message)
    condition = {"type": "DecoderReady", "status": verdict.status, "reason": verdict.reason, "message": verdict.message}
    return {"conditions": [condition], "decoder": SERVED}
