"""Every example can be applied as it stands, and the operator makes of it what the API server takes."""

import json
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.support.eventually import eventually
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace

pytestmark = pytest.mark.usefixtures("operator")

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
REFUSED = {"Refused", "InvalidSpec", "NameTaken", "PodsRefused"}


def test_every_example_has_a_readme_that_names_its_file() -> None:
    assert len(FILES) >= 5
    for file in FILES:
        assert str(file.relative_to(EXAMPLES.parent)) in (file.parent / "README.md").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_an_example_is_taken_as_it_stands(file: Path, namespace: Namespace, pipelines: PipelineClient) -> None:
    namespace.kubectl("apply", "--validate=strict", f"--filename={file}")
    for body in yaml.safe_load_all(file.read_text()):
        if body["kind"] != "StableDiffusionPipeline":
            continue
        name = body["metadata"]["name"]
        eventually(partial(pipelines.condition, "Ready", name=name), f"{name} says how it is")
        reasons = {one["reason"] for one in pipelines.get(name=name)["status"]["conditions"]}
        assert not reasons & REFUSED, json.dumps(pipelines.get(name=name)["status"], indent=1)
        assert pipelines.names("services")
