"""A process that measures one thing with TensorFlow, and prints it as JSON."""

import json
import sys
import time
from typing import Any, Final

from benchmarks.exporter.plan import FULL, QUICK, Plan
from benchmarks.exporter.timing import timed
from benchmarks.exporter.ways import WAYS, Exported
from sdp_serving.contract.sampling import Sampler

_PRODUCTS: Final = 5


def main() -> None:
    """Read the job from the command line: see `run.py`."""
    job = json.loads(sys.argv[1])
    plan = QUICK if job["quick"] else FULL
    found = _draw(job, plan) if job["way"] is not None else _machine(plan)
    # KerasCV and TensorFlow print too: the last line is the answer.
    print(f"\n{json.dumps(found)}", flush=True)  # noqa: T201  # What the parent process reads.


def _draw(job: dict[str, Any], plan: Plan) -> dict[str, Any]:
    # Loads TensorFlow.
    from benchmarks.exporter import drawing

    way = next(each for each in WAYS if each.title == job["way"])
    if isinstance(way.what, Exported):
        draw = drawing.exported(way.what, plan, job["size"])
    elif way.what == "seed":
        draw = drawing.seeds(plan, job["size"])
    else:
        draw = drawing.kerascvs(plan, job["size"])
    return timed(lambda steps, sampler: draw(steps, Sampler(sampler)), steps=plan.steps, pictures=job["pictures"])


def _machine(plan: Plan) -> dict[str, Any]:
    import tensorflow as tf

    from benchmarks.exporter.networks import operations

    def product(dtype: tf.DType) -> float:
        matrix = tf.cast(tf.random.normal([plan.product, plan.product]), dtype)
        multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
        multiply().numpy()
        start = time.perf_counter()
        for _ in range(_PRODUCTS):
            multiply().numpy()
        return 2 * plan.product**3 * _PRODUCTS / (time.perf_counter() - start)

    return {
        "products": {dtype.name: product(dtype) for dtype in (tf.float32, tf.bfloat16)},
        "operations": {size: operations(plan, size) for size in plan.sizes},
    }


if __name__ == "__main__":
    main()
