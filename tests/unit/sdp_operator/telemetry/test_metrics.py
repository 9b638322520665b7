from datetime import UTC, datetime
from importlib.metadata import version

from prometheus_client.parser import text_string_to_metric_families

from sdp_operator.api.v1alpha1 import SwapRecord
from sdp_operator.telemetry.metrics import Metrics, PipelineState
from sdp_operator.work_queue import Result


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    families = text_string_to_metric_families(metrics.render().decode())
    samples = [one for family in families for one in family.samples]
    found = [one.value for one in samples if one.name == f"sdpipeline_operator_{name}" and one.labels == labels]
    return found[0] if found else None


def test_every_result_of_a_reconcile_is_there_before_the_first() -> None:
    metrics = Metrics()
    assert [value(metrics, "reconciles_total", result=result) for result in Result] == [0, 0, 0, 0]


def test_reconciles_are_counted_by_result_and_timed() -> None:
    metrics = Metrics()
    metrics.worked(Result.REFUSED, 0.2)
    metrics.retrying()
    metrics.queue_changed(waiting=3, working=2)
    assert value(metrics, "reconciles_total", result="refused") == 1
    assert value(metrics, "reconcile_duration_seconds_sum") == 0.2
    assert value(metrics, "retries_total") == 1
    assert value(metrics, "queue_depth") == 3
    assert value(metrics, "queue_in_work") == 2


def test_requests_are_counted_by_verb_kind_and_code() -> None:
    metrics = Metrics()
    metrics.api_request("PATCH", "Deployment", 409)
    metrics.api_request("get", "Pod", None)
    assert value(metrics, "api_requests_total", verb="patch", kind="Deployment", code="409") == 1
    assert value(metrics, "api_requests_total", verb="get", kind="Pod", code="error") == 1


def test_each_pipeline_counts_once_however_its_state_changes() -> None:
    metrics = Metrics()
    for key, state in [
        ("a", PipelineState.PROGRESSING),
        ("b", PipelineState.STALLED),
        ("a", PipelineState.READY),
        ("a", PipelineState.READY),
        ("b", None),
        ("c", None),
    ]:
        metrics.pipeline_is(key, state)
    assert [value(metrics, "pipelines", state=state) for state in PipelineState] == [1, 0, 0]


def test_a_swap_is_counted_by_component_and_result() -> None:
    metrics = Metrics()
    swap = SwapRecord.model_validate(
        {"component": "decoder", "from": "", "to": "gs://a", "started": datetime.now(UTC), "result": "Succeeded"}
    )
    metrics.swap(swap)
    metrics.swap(swap.model_copy(update={"seconds": 7}))
    assert value(metrics, "swaps_total", component="decoder", result="succeeded") == 2
    assert value(metrics, "swap_duration_seconds_sum") == 7
    assert value(metrics, "swap_duration_seconds_count") == 1


def test_it_tells_its_version_and_whether_it_leads() -> None:
    metrics = Metrics()
    assert value(metrics, "build_info", version=version("sdpipeline")) == 1
    assert value(metrics, "leader") == 0
    metrics.leads(True)
    assert value(metrics, "leader") == 1
