from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sdp_operator.api.v1alpha1 import Autoscaling
from sdp_operator.autoscaler_status import METRICS_COME, autoscaler_verdict
from sdp_operator.conditions import Verdict

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LONG_AGO = NOW - METRICS_COME
BY_CPU = {"maxReplicas": 2}
BY_METRIC = {"maxReplicas": 2, "metric": {"name": "queue_length", "averageValue": "3"}}
DEAF = {"AbleToScale": "True", "ScalingActive": "False"}
STUCK = {"AbleToScale": "False"}


def test_an_autoscaler_that_works_is_ready_from_the_start() -> None:
    verdict = _verdict(BY_CPU, {"AbleToScale": "True", "ScalingActive": "True"}, since=None)
    assert (verdict.status, verdict.reason) == ("True", "Autoscaling")


@pytest.mark.parametrize(
    ("autoscaling", "said", "reason", "words"),
    [
        (BY_CPU, DEAF, "MetricUnavailable", "(ScalingActive is False): install metrics-server"),
        (BY_METRIC, DEAF, "MetricUnavailable", "have an adapter such as prometheus-adapter serve queue_length"),
        (BY_CPU, STUCK, "AutoscalerFailing", "(AbleToScale is False): see the HorizontalPodAutoscaler"),
    ],
)
def test_an_autoscaler_that_does_not_work_says_why(
    autoscaling: dict[str, Any], said: dict[str, str], reason: str, words: str
) -> None:
    verdict = _verdict(autoscaling, said)
    assert (verdict.status, verdict.reason) == ("False", reason)
    assert words in verdict.message


@pytest.mark.parametrize(
    ("said", "since"),
    [(None, LONG_AGO), ({}, LONG_AGO), (DEAF, None), (STUCK, NOW), (DEAF, LONG_AGO + timedelta(seconds=1))],
)
def test_replicas_that_are_new_may_be_without_metrics(said: dict[str, str] | None, since: datetime | None) -> None:
    verdict = _verdict(BY_CPU, said, since)
    assert (verdict.status, verdict.reason) == ("Unknown", "Starting")


def _verdict(autoscaling: dict[str, Any], said: dict[str, str] | None, since: datetime | None = LONG_AGO) -> Verdict:
    conditions = [
        {"type": kind, "status": status, "message": f"{kind} is {status}"} for kind, status in (said or {}).items()
    ]
    autoscaler = None if said is None else {"status": {"conditions": conditions}}
    return autoscaler_verdict(Autoscaling.model_validate(autoscaling), autoscaler, since, NOW)
