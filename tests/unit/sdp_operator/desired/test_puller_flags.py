"""What the operator's pods tell the puller, held against the puller's own command line."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.desired.puller import pullers
from sdp_operator.desired.source import Rollout, source_of
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component
from sdp_serving.puller.__main__ import main

EVERYTHING: KubeObject = {
    "stableDiffusion": {"version": "1.5", "height": 512, "width": 768},
    "cache": {"claimName": "cache"},
    "storage": {"secretName": "key"},
}


@pytest.mark.parametrize("uri", ["gs://b/m", "https://host/m/17", "pvc://claim/m", "file:///srv/m"])
@pytest.mark.parametrize("of_the_pipeline", [{}, EVERYTHING])
def test_the_puller_takes_what_it_is_told(uri: str, of_the_pipeline: KubeObject) -> None:
    parent = pipeline({"decoder": {"model": uri, "batching": {}}, **of_the_pipeline})
    spec = parent.spec.components[Component.DECODER]
    settings = Settings(local_files_root=PurePosixPath("/srv"))
    for container in pullers(parent, Component.DECODER, spec, Rollout("7", source_of(uri), "Surge"), settings):
        command, *args = container["args"]
        read: dict[str, Any] = main.commands[command].make_context(command, args).params
        assert read["rollout"] == "7"
        assert read["desired"] == Path("/etc/sdpipeline/desired.json")
        assert read["component"] == "decoder"
        assert read["batching"]
