import os
from pathlib import Path
from typing import Any

import pytest

from sdp_serving.client.errors import KubectlError, PipelineNotFoundError, PipelineNotReadyError
from sdp_serving.client.kubectl import Kubectl, Service, find_pipeline, only, require_serving
from sdp_serving.client.origins import Origin
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary


def pipeline(name: str = "sd", ready: str | None = "True", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Other", "status": "True"}]
    if ready is not None:
        conditions.append({"type": "Ready", "status": ready, "reason": "ModelNotFound", "message": "there is no model"})
    fields = {"textEncoder": {}, "diffusionModel": {}, "decoder": {}, **spec}
    return {
        "metadata": {"name": name},
        "spec": {field: value for field, value in fields.items() if value is not None},
        "status": {"conditions": conditions},
    }


def test_a_ready_pipeline_with_all_components_will_do() -> None:
    require_serving(pipeline())


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pipeline(ready="False"), r"sd is not Ready \(ModelNotFound\): there is no model"),
        (pipeline(ready="Unknown"), "is not Ready"),
        (pipeline(ready=None), "no status yet: check that the operator runs"),
        ({"metadata": {"name": "sd"}, "spec": pipeline()["spec"]}, "no status yet"),
        (pipeline(decoder=None), "has no decoder"),
        (pipeline(decoder=None, textEncoder=None), "has no text-encoder and no decoder"),
    ],
)
def test_what_keeps_a_pipeline_from_serving_is_told(found: dict[str, Any], words: str) -> None:
    with pytest.raises(PipelineNotReadyError, match=words):
        require_serving(found)


def test_a_pipeline_whose_previous_models_serve_on_will_do_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    found = pipeline(ready="False")
    found["status"] |= {field: {"serving": {"name": "sd-tiny/base"}} for field in found["spec"]}
    require_serving(found)
    assert "Warning: the pipeline sd is not Ready (ModelNotFound): there is no model." in caplog.text


def test_a_shared_component_is_found_where_its_owner_serves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pipeline("striped")
    hosts = {"textEncoder": "plain-text-encoder.team", "diffusionModel": "striped-diffusion-model.art"}
    for field, host in {**hosts, "decoder": "plain-decoder.team"}.items():
        found["status"][field] = {"endpoints": {"grpc": f"{host}.svc:8500"}}
    monkeypatch.setattr(Kubectl, "get", lambda *_: found)
    services = find_pipeline(Kubectl(), "striped").services
    assert services[Component.TEXT_ENCODER] == Service("plain-text-encoder", "team")
    assert services[Component.DIFFUSION_MODEL].host == "striped-diffusion-model.art.svc"
    assert services[Component.DECODER].namespace == "team"


def test_a_canary_is_found_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pipeline()
    for field in found["spec"]:
        found["status"][field] = {"endpoints": {"grpc": f"sd-{field.lower()}.art.svc:8500"}}
    monkeypatch.setattr(Kubectl, "get", lambda *_: found)
    assert find_pipeline(Kubectl(), "sd").canary is None

    found["status"]["diffusionModel"]["canary"] = {"model": "gs://b/unet", "percent": 10, "state": "Proving"}
    assert find_pipeline(Kubectl(), "sd").canary is None

    canary = {"model": "gs://b/unet", "percent": 10, "state": "Serving", "version": 7}
    found["status"]["diffusionModel"]["canary"] = canary
    assert find_pipeline(Kubectl(), "sd").canary == Canary.model_validate(canary)

    alone = {"model": "gs://b/unet", "percent": 10, "state": "Serving", "host": "sd-canary.art.svc"}
    found["status"]["diffusionModel"]["canary"] = alone
    assert find_pipeline(Kubectl(), "sd").canary == Canary.model_validate(alone)


def test_the_only_pipeline_is_chosen() -> None:
    assert only([pipeline("mine")])["metadata"]["name"] == "mine"


def test_none_and_several_to_choose_from_are_told() -> None:
    with pytest.raises(PipelineNotFoundError, match="has no pipeline"):
        only([])
    with pytest.raises(PipelineNotFoundError, match=r"several pipelines \(a, b\): choose one with --pipeline"):
        only([pipeline("b"), pipeline("a")])


def test_a_missing_kubectl_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KubectlError, match="kubectl is not on the PATH"):
        Kubectl().get("pods")


def program(folder: Path, script: str) -> None:
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_context_and_namespace_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, """printf '{"said": "%s"}' "$*" """)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert Kubectl("ctx", "ns").get("thing") == {"said": "--context=ctx --namespace=ns get thing -o json"}
    assert Kubectl().get("thing") == {"said": "get thing -o json"}


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ('Error from server (NotFound): x "sd" not found', PipelineNotFoundError, "there is no such pipeline"),
        ('error: the server doesn\'t have a resource type "x"', KubectlError, "install sdpipeline's operator"),
        ("The connection to the server was refused", KubectlError, "connection to the server was refused"),
    ],
)
def test_what_kubectl_says_becomes_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "said").write_text(said)
    program(tmp_path, f"cat {tmp_path}/said >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(error, match=words):
        Kubectl().get("sd")


def test_where_models_came_from_and_which_optional_ones_serve_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pipeline(imageEncoder={})
    for component in Component:
        found["status"][component.field] = {
            "endpoints": {"grpc": f"sd-{component}.art.svc:8500"},
            "serving": {"model": f"gs://b/{component}", "digest": "sha256:x"},
        }
    del found["status"]["decoder"]["serving"]["digest"]
    monkeypatch.setattr(Kubectl, "get", lambda *_: found)

    everything = find_pipeline(Kubectl(), "sd")
    assert everything.services.keys() == set(Component)
    assert everything.origins[Component.DECODER] == Origin("gs://b/decoder", None)
    assert everything.origins[Component.TEXT_ENCODER].digest == "sha256:x"

    del found["status"]["imageEncoder"]["serving"]
    assert Component.IMAGE_ENCODER not in find_pipeline(Kubectl(), "sd").services


def test_a_component_that_is_elsewhere_need_not_be_in_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pipeline(textEncoder=None)
    for component in (Component.DIFFUSION_MODEL, Component.DECODER):
        found["status"][component.field] = {"endpoints": {"grpc": f"sd-{component}.art.svc:8500"}}
    monkeypatch.setattr(Kubectl, "get", lambda *_: found)
    services = find_pipeline(Kubectl(), "sd", elsewhere={Component.TEXT_ENCODER}).services
    assert services.keys() == {Component.DIFFUSION_MODEL, Component.DECODER}
