"""`tensorflow_model_server` as the stand-in's image has it."""

import logging
import signal
import sys

from sdp_serving.standin.errors import ServingError
from sdp_serving.standin.flags import UnusableFlagsError, parse, usage, without_effect
from sdp_serving.standin.tensorflow_start import start_lean

_log = logging.getLogger("sdp_serving.standin")


def main() -> None:
    """Serve as the command line says; end with a status that is not zero when that cannot be done."""
    if sys.argv[1:] == ["--help"]:
        print(usage("tensorflow_model_server"))  # noqa: T201 - what was asked for
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", stream=sys.stderr)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    # The real server handles no signal: SIGINT kills it, and SIGTERM too unless it is a container's first process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        flags = parse(sys.argv[1:])
    except UnusableFlagsError as error:
        sys.exit(f"{error}\n{usage('tensorflow_model_server')}")
    _log.warning(
        "This is sdpipeline's stand-in for TensorFlow Serving, for tests and local clusters: it runs on the CPU and is "
        "slow. Serve with the image tensorflow/serving elsewhere."
    )
    for flag in without_effect(flags):
        _log.warning("%s has no effect in the stand-in", flag)
    start_lean()
    from sdp_serving.standin.server import run  # only now: it imports TensorFlow

    try:
        run(flags)
    except ServingError as error:
        sys.exit(f"Failed to start server. Error: {error}")


if __name__ == "__main__":
    main()
