from datetime import UTC, datetime

import pytest

from sdp_operator.api.v1alpha1 import SwapRecord
from sdp_operator.cli.history import History, history_table
from sdp_operator.cli.plan_table import plan_table
from sdp_operator.cli.text import amount
from sdp_operator.plan.result import (
    Change,
    ComponentPlan,
    Gpus,
    Memory,
    ModelFacts,
    PipelinePlan,
    Plan,
    Pods,
    Refusal,
    UnknownModel,
    Way,
)

OLD = ModelFacts(
    uri="gs://b/old/1", name="sd/base", version=1, size_bytes=3 << 30, width=768, image_size=512, sd_version="1.5"
)
SWAP = ComponentPlan(
    component="diffusionModel",
    action="Swap",
    changes=(Change(field="diffusionModel.model", before="gs://b/old", after="gs://b/a[b]"),),
    pods=Pods(restart=("sd-diffusion-model-x",), why="the model comes with new pods"),
    swap=Way(strategy="Surge", reason="swap.strategy says so"),
    running=OLD,
    model=UnknownModel(uri="gs://b/a[b]", why="unknown from here"),
    gpus=Gpus(per_replica=1, held=1, needed=1, free=2, message="1 GPU more; 2 free on nodes that match"),
    memory=Memory(running_bytes=3 << 30, new_bytes=None, together=False, limit="16Gi"),
    interruption="none expected",
)


def test_a_plan_reads_well_without_colours() -> None:
    plan = Plan(
        pipelines=(
            PipelinePlan(
                name="sd",
                namespace="art",
                action="Change",
                refusals=(Refusal(by="Operator", component="decoder", reason="ModelCorrupt", message="it is damaged"),),
                components=(SWAP,),
                changes=(Change(field="swap.strategy", before="Auto", after="Surge"),),
                notes=("nodes are hidden",),
            ),
            PipelinePlan(name="other", namespace="art", action="Nothing"),
        ),
        notes=("not looked at: Secret key",),
    )
    assert plan_table(plan) == (
        "art/sd: would change, and would be refused\n"
        "\n"
        "refused           by the operator  decoder: it is damaged (ModelCorrupt)\n"
        "\n"
        "diffusionModel    change        diffusionModel.model: gs://b/old -> gs://b/a[b]\n"
        "                  pods          1 pod replaced (sd-diffusion-model-x), since the model comes with\n"
        "                                new pods\n"
        "                  strategy      Surge, since swap.strategy says so\n"
        "                  GPUs          1 GPU more; 2 free on nodes that match\n"
        "                  memory        by their files, 3.0 GiB -> unknown; the limit is 16Gi\n"
        "                  interruption  none expected\n"
        "                  running       sd/base, version 1: Stable Diffusion 1.5, width 768, 3.0 GiB\n"
        "                  new model     gs://b/a[b] (unknown from here)\n"
        "                  signatures    unknown from here\n"
        "\n"
        "pipeline          change        swap.strategy: Auto -> Surge\n"
        "\n"
        "Note: nodes are hidden.\n"
        "art/other: nothing would change\n"
        "\n"
        "Note: not looked at: Secret key.\n"
    )


def test_the_json_says_the_same() -> None:
    plan = Plan(pipelines=(PipelinePlan(name="sd", namespace="art", action="Change", components=(SWAP,)),))
    said = plan.model_dump(mode="json")
    assert said["refused"] is False
    [component] = said["pipelines"][0]["components"]
    assert component["running"]["sizeBytes"] == 3 << 30
    assert component["model"] == {"known": False, "uri": "gs://b/a[b]", "why": "unknown from here"}


def test_the_history_tells_each_swap_with_both_models_whole() -> None:
    started = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    long = f"gs://{'bucket' * 10}/{'folder' * 10}/1700000000000"
    swap = SwapRecord(
        component="decoder", source="gs://b/1", target=long, started=started, result="Succeeded", seconds=7
    )
    under_way = swap.model_copy(update={"result": "InProgress", "seconds": None})
    assert history_table(History(name="sd", namespace="art", swaps=(under_way, swap))) == (
        "WHEN                  COMPONENT  RESULT      SECONDS\n"
        "2026-11-23T04:00:00Z  decoder    InProgress\n"
        "  from gs://b/1\n"
        f"  to   {long}\n"
        "2026-11-23T04:00:00Z  decoder    Succeeded   7\n"
        "  from gs://b/1\n"
        f"  to   {long}\n"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "unknown"), (0, "0.0 KiB"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3.0 TiB")],
)
def test_amounts_are_said_in_the_unit_that_fits(size: int | None, text: str) -> None:
    assert amount(size) == text
