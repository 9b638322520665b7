import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure, read_report
from sdp_serving.puller.report import LIMIT, termination_message

texts = st.text(max_size=30) | st.builds(lambda text, times: text * times, st.text(max_size=9), st.integers(0, 3000))


def pulled(weights: str) -> Pulled:
    return Pulled(
        component=Component.DECODER,
        uri="gs://bucket/decoder/1",
        version=1,
        source_digest="sha256:0",
        weights=weights,
        width=96,
        sd_version="tiny",
        size_bytes=1,
        seconds=0.5,
    )


@given(texts)
def test_a_report_of_any_length_fits_and_can_be_read(text: str) -> None:
    for report in (NotPulled(reason=PullFailure.CORRUPT, message=text), pulled(text)):
        message = termination_message(report)
        read = read_report(message.decode())
        assert len(message) <= LIMIT
        assert type(read) is type(report)
        if len(report.model_dump_json().encode()) <= LIMIT:
            assert read == report


@pytest.mark.parametrize("text", ["x" * 5000, "\n" * 5000, "\x01" * 5000, "é" * 5000])
def test_only_as_much_is_cut_as_must_be(text: str) -> None:
    message = termination_message(NotPulled(reason=PullFailure.CORRUPT, message=text))
    assert LIMIT - 12 < len(message) <= LIMIT
