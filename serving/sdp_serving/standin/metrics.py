"""Counts of requests in Prometheus's text format, under the names that TensorFlow Serving gives them."""

import re
import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate
from typing import Final

from sdp_serving.standin.errors import Code

# Microseconds; TensorFlow Serving's own buckets.
_BOUNDS: Final = tuple(10 * 1.8**power for power in range(33))
_ENABLED: Final = re.compile(r"prometheus_config\s*:?\s*\{[^}]*\benable\s*:\s*true\b", re.DOTALL)
_PATH: Final = re.compile(r"prometheus_config\s*:?\s*\{[^}]*\bpath\s*:\s*[\"']([^\"']+)[\"']", re.DOTALL)
_DEFAULT_PATH: Final = "/monitoring/prometheus/metrics"


def metrics_path(monitoring_config: str) -> str | None:
    """Where a MonitoringConfig in text format wants the metrics; None when it does not enable them."""
    if _ENABLED.search(monitoring_config) is None:
        return None
    match = _PATH.search(monitoring_config)
    return match[1] if match else _DEFAULT_PATH


class Metrics:
    """What was counted since the start. Any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._buckets: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        self._microseconds: Counter[tuple[str, str]] = Counter()

    def count(self, model: str, entrypoint: str, code: Code, seconds: float) -> None:
        """Count one predict request.

        Args:
            model: the model's name.
            entrypoint: `REST` or `GRPC`.
            code: how it ended.
            seconds: how long it took.
        """
        with self._lock:
            self._requests[model, code.name] += 1
            if code is Code.OK:
                microseconds = round(seconds * 1e6)
                self._buckets[model, entrypoint][bisect_left(_BOUNDS, microseconds)] += 1
                self._microseconds[model, entrypoint] += microseconds

    def render(self) -> str:
        """The metrics as text."""
        with self._lock:
            lines = ["# TYPE :tensorflow:serving:request_count counter"]
            lines += [
                f':tensorflow:serving:request_count{{model_name="{model}",status="{status}"}} {count}'
                for (model, status), count in sorted(self._requests.items())
            ]
            lines.append("# TYPE :tensorflow:serving:request_latency histogram")
            for (model, entrypoint), buckets in sorted(self._buckets.items()):
                labels = f'model_name="{model}",API="predict",entrypoint="{entrypoint}"'
                name = ":tensorflow:serving:request_latency"
                bounds = [*(f"{bound:g}" for bound in _BOUNDS), "+Inf"]
                lines += [
                    f'{name}_bucket{{{labels},le="{bound}"}} {count}'
                    for bound, count in zip(bounds, accumulate(buckets), strict=True)
                ]
                lines.append(f"{name}_sum{{{labels}}} {self._microseconds[model, entrypoint]}")
                lines.append(f"{name}_count{{{labels}}} {sum(buckets)}")
        return "\n".join(lines) + "\n"
