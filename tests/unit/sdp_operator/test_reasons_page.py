"""The page of all reasons has all of them, and no other."""

import re
from pathlib import Path

from sdp_operator.exports.state import ExportReason
from sdp_operator.gpus.verdict import GpuReason
from sdp_operator.reasons import Reason
from sdp_serving.contract.report import PullFailure

PAGE = Path(__file__).parents[3] / "docs" / "reasons.md"


def test_whoever_looks_a_reason_up_finds_it() -> None:
    firsts = "".join(line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `"))
    known = {str(one) for reasons in (Reason, GpuReason, ExportReason, PullFailure) for one in reasons}
    assert set(re.findall(r"`(\w+)`", firsts)) == known
