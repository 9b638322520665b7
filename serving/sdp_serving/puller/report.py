"""The puller's report as a termination message, of which Kubernetes keeps 4,096 bytes."""

from typing import Final

from sdp_serving.contract.report import NotPulled, Pulled

LIMIT: Final = 4096


def termination_message(report: Pulled | NotPulled) -> bytes:
    """The report as JSON of at most `LIMIT` bytes; the text in it that a person wrote is cut when it must be."""
    encoded = report.model_dump_json().encode()
    field = "message" if isinstance(report, NotPulled) else "weights"
    text: str = getattr(report, field)
    while len(encoded) > LIMIT and text:
        # Each character takes at least one byte, so this never cuts in vain.
        text = text[: -max(1, (len(encoded) - LIMIT) // 6)]
        encoded = report.model_copy(update={field: f"{text}…"}).model_dump_json().encode()
    return encoded
