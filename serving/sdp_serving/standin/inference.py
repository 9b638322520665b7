"""One predict request, whichever way it came: lend the model, read the inputs, run, count."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from sdp_serving.standin.errors import Code, ServingError
from sdp_serving.standin.manager import ModelManager
from sdp_serving.standin.metrics import Metrics
from sdp_serving.standin.servable import Servable
from sdp_serving.standin.signature import DEFAULT_SIGNATURE, Signature

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ModelSpec:
    """Which model a request means: the version, the one with the label, or else the newest available."""

    name: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Prediction:
    """The outputs, and which version and signature they are of."""

    version: int
    signature_name: str
    outputs: Arrays


class Inference:
    """Answers predict requests from the models that the manager holds."""

    def __init__(self, manager: ModelManager[Servable], metrics: Metrics) -> None:
        self._manager = manager
        self._metrics = metrics

    def predict(
        self,
        spec: ModelSpec,
        signature_name: str,
        read_inputs: Callable[[Signature], Arrays],
        *,
        wanted: Collection[str] = (),
        timeout_ms: int,
        entrypoint: str,
    ) -> Prediction:
        """Run a model.

        Args:
            spec: the model.
            signature_name: its function; the default one when empty.
            read_inputs: makes the inputs once the signature is known.
            wanted: the outputs to compute; all when empty.
            timeout_ms: milliseconds after which to give up; 0 for never.
            entrypoint: `REST` or `GRPC`, for the metrics.

        Raises:
            ServingError: there is no such model, the request does not fit it, or the time was over.
        """
        started = time.monotonic()
        code = Code.UNKNOWN
        try:
            with self._manager.lease(spec.name, spec.version, spec.label) as lease:
                signature = lease.servable.signature(signature_name)
                inputs = read_inputs(signature)
                outputs = signature.chosen_outputs(wanted)
                results = lease.servable.run(signature, inputs, outputs, timeout_ms)
            code = Code.OK
            return Prediction(lease.version, signature_name or DEFAULT_SIGNATURE, results)
        except ServingError as error:
            code = error.code
            raise
        finally:
            self._metrics.count(spec.name, entrypoint, code, time.monotonic() - started)
