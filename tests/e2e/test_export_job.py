"""An export as a Job of the user's own."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo.models import folder
from tests.support.eventually import eventually

from devcluster.pytest_plugin import Namespace

_EXAMPLE = Path(__file__).parents[2] / "examples" / "06-export-job" / "local.yaml"
_EXPORT_SECONDS = 240.0


@pytest.mark.usefixtures("with_exporter")
def test_a_job_says_what_it_has_made(node_namespace: Namespace, tmp_path: Path) -> None:
    job = yaml.safe_load(_EXAMPLE.read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["args"] = [
        "sd-tiny",
        "--component=decoder",
        f"--to={folder('job')}",
        "--result-file=/dev/termination-log",
    ]
    written = tmp_path / "job.yaml"
    written.write_text(yaml.safe_dump(job))

    node_namespace.kubectl("apply", f"--filename={written}")
    eventually(partial(_end, node_namespace), "the Job has ended", seconds=_EXPORT_SECONDS)

    ended = _end(node_namespace)
    assert ended is not None
    assert ended["exitCode"] == 0, ended
    (made,) = json.loads(ended["message"])["models"]
    assert made["component"] == "decoder"
    assert made["uri"].startswith(f"{folder('job')}/decoder/")
    log = [json.loads(line) for line in node_namespace.kubectl("logs", "job/export-sd-tiny").splitlines()[:-1]]
    assert (log[-1]["stage"], log[-1]["digest"]) in {("exported", made["digest"]), ("unchanged", made["digest"])}


def _end(namespace: Namespace) -> dict[str, Any] | None:
    pods = json.loads(namespace.kubectl("get", "pods", "--selector=job-name=export-sd-tiny", "--output=json"))["items"]
    states = [status["state"] for pod in pods for status in pod.get("status", {}).get("containerStatuses", [])]
    return next((state["terminated"] for state in states if "terminated" in state), None)
