"""Components that several pipelines share, on a real API server."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace
from sdp_serving.contract.components import Component

pytestmark = pytest.mark.usefixtures("operator")

DECODER = Component.DECODER
FIRST, SECOND, MISSING = "gs://b/first", "gs://b/second", "gs://missing/model"


@pytest.fixture
def elsewhere(pipelines: PipelineClient, namespace: Namespace) -> Iterator[PipelineClient]:
    """Pipelines of another namespace."""
    other = Namespace(namespace.cluster, f"{namespace.name}-2")
    namespace.cluster.kubectl("create", "namespace", other.name)
    yield PipelineClient(other)
    namespace.cluster.kubectl("delete", "namespace", other.name, "--wait=false")


def test_sharers_follow_their_owner_through_its_whole_life(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    _share(pipelines, "one", "owner")
    _share(pipelines, "two", "owner")
    assert "does not exist: create it" in _wait(pipelines, "one", "SharedPipelineMissing")["message"]

    pipelines.apply({"decoder": {"model": FIRST}}, name="owner")
    kubelet.serve(DECODER, FIRST)
    for name in ("one", "two"):
        ready = _wait(pipelines, name, "AllServing")
        assert ready["status"] == "True"
        said, owners = (pipelines.get(name=who)["status"]["decoder"] for who in (name, "owner"))
        assert said == {**owners, "model": "owner"}
        assert said["endpoints"]["grpc"] == f"owner-decoder.{namespace.name}.svc:8500"
        assert pipelines.get(name=name)["status"]["gpus"] == 0
    for kind in ("deployments", "services", "configmaps"):
        assert {name for name in pipelines.names(kind) if name.startswith(("one", "two"))} == set()
    assert _users(pipelines) == [f"{namespace.name}/one", f"{namespace.name}/two"]

    pipelines.apply({"decoder": {"model": MISSING}}, name="owner")
    assert (
        f"in the pipeline {namespace.name}/owner: nothing is there"
        in _wait(pipelines, "one", "ModelNotFound")["message"]
    )

    pipelines.apply({"decoder": {"model": SECOND}}, name="owner")
    _wait(pipelines, "one", "AllServing")
    assert pipelines.get(name="one")["status"]["decoder"]["serving"]["model"] == SECOND
    assert "swaps" not in pipelines.get(name="one")["status"], "it is the owner's swap"

    namespace.kubectl("delete", "sdpipeline", "two", "--wait=false")
    eventually(lambda: _users(pipelines) == [f"{namespace.name}/one"], "the user that went is no longer listed")
    namespace.kubectl("delete", "sdpipeline", "owner", "--wait=false")
    assert _wait(pipelines, "one", "SharedPipelineMissing")["status"] == "False"


def test_another_namespace_shares_only_where_the_owner_allows_it(
    pipelines: PipelineClient, elsewhere: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    owner = {"decoder": {"model": FIRST}}
    pipelines.apply(owner, name="owner")
    kubelet.serve(DECODER, FIRST)
    _share(elsewhere, "guest", "owner", namespace=namespace.name)
    message = _wait(elsewhere, "guest", "SharingNotAllowed")["message"]
    assert f"or is not shared with this namespace: have its owner create it, or add {namespace.name}-2 to" in message
    assert _users(pipelines) == []

    pipelines.apply({**owner, "sharing": {"namespaces": [f"{namespace.name}-2"]}}, name="owner")
    _wait(elsewhere, "guest", "AllServing")
    assert elsewhere.get(name="guest")["status"]["decoder"]["model"] == f"{namespace.name}/owner"
    eventually(lambda: _users(pipelines) == [f"{namespace.name}-2/guest"], "the guest is listed")

    pipelines.apply(owner, name="owner")
    _wait(elsewhere, "guest", "SharingNotAllowed")
    eventually(lambda: _users(pipelines) == [], "the guest is no longer listed")


def test_what_is_shared_is_not_shared_on_and_a_missing_component_is_told(pipelines: PipelineClient) -> None:
    _share(pipelines, "middle", "owner")
    _share(pipelines, "end", "middle")
    assert "is itself shared from" in _wait(pipelines, "end", "SharedComponentMissing")["message"]
    pipelines.apply({"textEncoder": {"model": FIRST}}, name="owner")
    assert "has no decoder: add it there" in _wait(pipelines, "middle", "SharedComponentMissing")["message"]


def test_a_component_goes_from_a_model_of_its_own_to_a_shared_one_and_back(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    pipelines.apply({"decoder": {"model": FIRST}}, name="owner")
    kubelet.serve(DECODER, FIRST)
    pipelines.apply({"decoder": {"model": SECOND}}, name="sd")
    kubelet.serve(DECODER, SECOND)
    _wait(pipelines, "sd", "AllServing")
    _share(pipelines, "sd", "owner")
    eventually(lambda: pipelines.names("deployments") == ["owner-decoder"], "the Deployment of its own is gone")
    eventually(lambda: pipelines.names("services") == ["owner-decoder"], "the Service of its own is gone")
    _wait(pipelines, "sd", "AllServing")
    _share(pipelines, "sd", None, model=SECOND)
    eventually(lambda: pipelines.names("services") == ["owner-decoder", "sd-decoder"], "they are back")
    kubelet.serve(DECODER, SECOND)
    _wait(pipelines, "sd", "AllServing")
    told = [(swap["from"], swap["to"], swap["result"]) for swap in pipelines.get()["status"]["swaps"]]
    assert [swap[1:] for swap in told] == [(SECOND, "Succeeded"), ("owner", "Succeeded")]


def test_a_component_that_is_left_out_is_nobodys_concern(pipelines: PipelineClient, kubelet: Kubelet) -> None:
    pipelines.apply({"decoder": {"model": FIRST}})
    kubelet.serve(DECODER, FIRST)
    _wait(pipelines, "sd", "AllServing")
    kinds = {one["type"] for one in pipelines.get()["status"]["conditions"]}
    assert kinds == {"Ready", "ModelsReady", "DecoderReady", "Stalled"}


def test_an_image_that_holds_its_model_is_served_without_a_puller(pipelines: PipelineClient) -> None:
    pipelines.apply({"decoder": {"image": "registry/decoder:1"}})
    eventually(lambda: pipelines.names("deployments"), "the Deployment is there")
    pod = pipelines.get("deployments", "sd-decoder")["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    assert pod["containers"][0]["image"] == "registry/decoder:1"


def _share(
    pipelines: PipelineClient, name: str, owner: str | None, *, namespace: str | None = None, model: str | None = None
) -> None:
    named = {} if namespace is None else {"namespace": namespace}
    # What is null is taken away, as kubectl edit would.
    from_ = None if owner is None else {"pipeline": owner, **named}
    pipelines.apply({"decoder": {"from": from_, "model": model}}, name=name)


def _wait(pipelines: PipelineClient, name: str, reason: str) -> dict[str, Any]:
    return pipelines.wait_for("Ready", reason=reason, name=name)


def _users(pipelines: PipelineClient) -> list[str]:
    users: list[str] = pipelines.get(name="owner").get("status", {}).get("usedBy", [])
    return users
