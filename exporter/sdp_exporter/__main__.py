"""`python -m sdp_exporter` is `sdpipeline export`, for images that hold nothing else of `sdpipeline`."""

import signal
import sys
from types import FrameType

from sdp_exporter.cli import main


def _end(number: int, _frame: FrameType | None) -> None:
    # An exception, so that half a copy is cleared away.
    sys.exit(128 + number)


if __name__ == "__main__":
    # As a container's first process it would otherwise ignore the signal until the grace period ends.
    signal.signal(signal.SIGTERM, _end)
    main(prog_name="python -m sdp_exporter")
