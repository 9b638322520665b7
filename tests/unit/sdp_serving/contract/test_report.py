import pytest

from sdp_serving.contract.report import NotPulled, PullFailure, read_report


def test_a_report_can_be_read_back() -> None:
    report = NotPulled(reason=PullFailure.CORRUPT, message="it is damaged")
    assert read_report(report.model_dump_json()) == report


def test_a_newer_report_with_more_in_it_can_be_read() -> None:
    text = '{"outcome": "failed", "reason": "ModelCorrupt", "message": "m", "more": 1}'
    assert read_report(text) == NotPulled(reason=PullFailure.CORRUPT, message="m")


@pytest.mark.parametrize("text", ["", "Killed", "{}", '{"outcome": "other"}', '{"outcome": "failed", "mess'])
def test_anything_else_is_no_report(text: str) -> None:
    assert read_report(text) is None
