"""What `sdpipeline` says and does about pipelines that an operator runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.support.kubelet import Kubelet
from tests.support.operator_process import service_account_kubeconfig
from tests.support.pipeline_client import EXAMPLE, PipelineClient
from tests.support.pulling import artifact, upload

from devcluster.pytest_plugin import Namespace
from sdp_serving.client.cli import main
from sdp_serving.contract.components import Component

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

pytestmark = pytest.mark.usefixtures("operator")

UNET = Component.DIFFUSION_MODEL
FIRST = "gs://good/first"
SECOND = "gs://good/second"


@pytest.fixture(autouse=True)
def _kubectl(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(namespace.cluster.kubectl_program).parent), prepend=":")


def test_a_swap_is_planned_with_its_strategy_and_what_becomes_of_the_pods_and_nothing_changes(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace, bucket: "Bucket"
) -> None:
    old = upload(bucket, artifact(), prefix="old")
    new = upload(bucket, artifact(shard=b"longer weights " * 1000), prefix="new")
    pipelines.apply(_spec(old))
    pod = kubelet.serve(UNET, old)
    pipelines.wait_for("Ready", reason="AllServing")
    before = pipelines.get()

    shown = _run(namespace, "plan", "-", stdin=_file(_spec(new)))
    told = _run(namespace, "plan", "-", "-o", "json", stdin=_file(_spec(new)))
    rolls = {**_spec(new), "swap": {"strategy": "Surge"}}
    surge = _run(namespace, "plan", "-", "-o", "json", stdin=_file(rolls))

    assert (shown.exit_code, told.exit_code, surge.exit_code) == (0, 0, 0), shown.output
    assert f"diffusionModel.model: {old} -> {new}" in " ".join(shown.stdout.split())
    assert "InPlace, since no memory limit is set" in shown.stdout
    assert "none restarts" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100
    [component] = json.loads(told.stdout)["pipelines"][0]["components"]
    assert component["action"] == "Swap"
    assert component["swap"] == {"strategy": "InPlace", "reason": "no memory limit is set"}
    assert component["pods"]["restart"] == []
    assert component["signatures"] == []
    assert component["memory"]["newBytes"] > component["memory"]["runningBytes"] > 0
    [component] = json.loads(surge.stdout)["pipelines"][0]["components"]
    assert component["swap"]["strategy"] == "Surge"
    assert component["pods"]["restart"] == [pod]
    assert pipelines.get() == before


@pytest.mark.parametrize("by", ["APIServer", "Operator"])
def test_a_change_that_would_be_refused_is_told_by_exit_code_2_and_the_refusers_words(
    by: str, pipelines: PipelineClient, namespace: Namespace, bucket: "Bucket"
) -> None:
    decoder = upload(bucket, artifact(component=Component.DECODER))
    spec, said = {
        "APIServer": ({"diffusionModel": {"model": "s3://b/x"}}, "model must be the URI of an exported model"),
        "Operator": (_spec(decoder), "is a decoder, asked for as diffusion-model"),
    }[by]

    shown = _run(namespace, "plan", "-", stdin=_file(spec))
    told = _run(namespace, "plan", "-", "-o", "json", stdin=_file(spec))

    assert (shown.exit_code, told.exit_code) == (2, 2), shown.output
    assert said in " ".join(shown.stdout.split())
    [refusal] = json.loads(told.stdout)["pipelines"][0]["refusals"]
    assert refusal["by"] == by
    assert said in refusal["message"]
    assert pipelines.names("stablediffusionpipelines") == []


def test_whoever_may_edit_a_namespace_can_plan_there_and_is_told_what_stays_hidden(
    namespace: Namespace, tmp_path: Path
) -> None:
    namespace.kubectl("create", "serviceaccount", "ann")
    namespace.kubectl("create", "rolebinding", "ann", "--clusterrole=edit", f"--serviceaccount={namespace.name}:ann")
    kubeconfig = service_account_kubeconfig(namespace.cluster, tmp_path, namespace=namespace.name, account="ann")
    spec = {"diffusionModel": {"model": "file:///srv/of/a/node", "gpu": {"count": 1}}}

    told = CliRunner().invoke(
        main,
        ["plan", "-", "-o", "json", f"--kubeconfig={kubeconfig}", f"--namespace={namespace.name}"],
        input=_file(spec),
    )

    assert told.exit_code == 0, told.output
    plan = json.loads(told.stdout)
    assert plan["notes"] == [
        "the operator's Deployment can't be read with your rights, so that its defaults are taken to be in force"
    ]
    [planned] = plan["pipelines"]
    assert planned["notes"][0].startswith("which GPUs are free is unknown, for you lack a right: nodes is forbidden")
    [component] = planned["components"]
    assert component["model"]["why"] == "unknown from here: it lies on the nodes"
    assert component["gpus"]["message"] == "1 GPU more; how many are free can't be seen with your rights"


def test_undo_edits_the_one_field_back_and_history_tells_of_it(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    pipelines.apply(_spec(FIRST))
    kubelet.serve(UNET, FIRST)
    pipelines.wait_for("Ready", reason="AllServing")
    nothing = _run(namespace, "undo", "sd")
    assert (nothing.exit_code, nothing.stderr) == (
        1,
        "Error: there is nothing to undo: no swap of sd is known; see `sdpipeline history sd`.\n",
    )
    pipelines.apply(_spec(SECOND))
    pipelines.wait_for("Ready", reason="AllServing")

    refused = _run(namespace, "undo", "sd", stdin="n\n")
    assert (refused.exit_code, pipelines.get()["spec"]["diffusionModel"]["model"]) == (1, SECOND)
    undone = _run(namespace, "undo", "sd", "--yes")

    assert undone.exit_code == 0, undone.output
    assert undone.stdout.startswith(f"sd: diffusionModel.model\n  from {SECOND}\n  to   {FIRST}\n")
    pipelines.wait_for("Ready", reason="AllServing")
    assert pipelines.get()["spec"]["diffusionModel"]["model"] == FIRST
    history = json.loads(_run(namespace, "history", "sd", "-o", "json").stdout)
    assert [(one["from"], one["to"], one["result"]) for one in history["swaps"]] == [
        (SECOND, FIRST, "Succeeded"),
        (FIRST, SECOND, "Succeeded"),
    ]
    assert [line.split()[1] for line in _run(namespace, "history", "sd").stdout.splitlines()] == [
        "COMPONENT", "diffusionModel", SECOND, FIRST, "diffusionModel", FIRST, SECOND,
    ]  # fmt: skip


def _spec(model: str) -> dict[str, Any]:
    return {"diffusionModel": {"model": model}}


def _file(spec: dict[str, Any]) -> str:
    head = {key: EXAMPLE[key] for key in ("apiVersion", "kind")}
    return yaml.safe_dump({**head, "metadata": {"name": "sd"}, "spec": spec})


def _run(namespace: Namespace, *arguments: str, stdin: str | None = None) -> Result:
    choice = [f"--namespace={namespace.name}", f"--kubeconfig={namespace.cluster.kubeconfig}"]
    return CliRunner().invoke(main, [*arguments, *choice], input=stdin)
