"""The client against the stand-in server, with small models that the exporter wrote."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from tests.support.standin import StandIn, standin
from tests.support.toy_models import IMAGE_SIZE, toy_source

import sdp_serving
from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_serving.client.connection import Protocol, Route, connect
from sdp_serving.client.errors import (
    NoCanaryError,
    PipelineNotReadyError,
    PortForwardError,
    RequestRefusedError,
    ServerTimeoutError,
    ServerUnreachableError,
)
from sdp_serving.client.grpc_transport import GrpcTransport
from sdp_serving.client.pipeline import Pipeline
from sdp_serving.client.rest_transport import RestTransport
from sdp_serving.client.transport import Address
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import DRAWING, Component
from sdp_serving.contract.routes import Variant

SERVING = Path(sdp_serving.__file__).parents[1]
# Small enough that the toy models' images are neither black nor white all over.
SCALES = {Component.TEXT_ENCODER: "1e-5", Component.DIFFUSION_MODEL: "0.5", Component.DECODER: "0.3"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    folder = tmp_path_factory.mktemp("client")
    config = []
    for component, scale in SCALES.items():
        weights = folder / f"{component}.txt"
        weights.write_text(scale)
        uri = ModelUri.parse(f"file://{folder}/storage/{component}")
        with TerminalObserver(Console(quiet=True)) as observer:
            export([Request(toy_source(component, weights), uri)], clock=lambda: datetime.now(UTC), observer=observer)
        base = folder / "storage" / component
        config.append(f'config {{ name: "{component}" base_path: "{base}" model_platform: "tensorflow" }}')
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(config)} }}")
    with standin(folder, f"--model_config_file={folder}/models.config", "--num_load_threads=2") as running:
        running.wait_until_serving()
        yield running


Open = Callable[..., Pipeline]


@pytest.fixture
def open_pipeline(server: StandIn) -> Iterator[Open]:
    """Opens a pipeline on the stand-in by a protocol."""
    opened: list[GrpcTransport | RestTransport] = []

    def open_one(protocol: Protocol, port: int | None = None, timeout: float = 60) -> Pipeline:
        ports = {Protocol.GRPC: server.grpc_port, Protocol.REST: server.rest_port}
        make = GrpcTransport if protocol is Protocol.GRPC else RestTransport
        addresses = {component: Address("127.0.0.1", port or ports[protocol]) for component in DRAWING}
        opened.append(make(addresses, timeout=timeout))
        return Pipeline(opened[-1])

    yield open_one
    for transport in opened:
        transport.close()


def test_both_transports_make_the_same_images_of_the_same_models(open_pipeline: Open) -> None:
    made = [
        open_pipeline(protocol).generate("a small red circle", images=3, steps=4, seed=7, guidance_scale=2)
        for protocol in Protocol
    ]

    assert made[0].images.shape == (3, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert len(np.unique(made[0].images)) > 2
    assert np.array_equal(made[0].images, made[1].images)
    assert made[0].versions == made[1].versions
    assert min(made[0].versions.values()) > 0


def test_the_seed_makes_the_same_images_again_and_another_one_others(open_pipeline: Open) -> None:
    pipeline = open_pipeline(Protocol.GRPC)
    first = pipeline.generate("a red circle", images=2, steps=2)

    again = pipeline.generate("a red circle", images=2, steps=2, seed=first.seed)
    other = pipeline.generate("a red circle", images=2, steps=2, seed=first.seed + 1)

    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_request_that_the_model_refuses_is_told_in_its_words(open_pipeline: Open, protocol: Protocol) -> None:
    with pytest.raises(
        RequestRefusedError, match=r"the diffusion-model at .* refused the request .*num_steps is 0[^{]*$"
    ):
        open_pipeline(protocol).generate("x", steps=0, seed=1)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_that_is_not_there_is_told(open_pipeline: Open, protocol: Protocol) -> None:
    with pytest.raises(ServerUnreachableError, match=r"the text-encoder at 127\.0\.0\.1:9 cannot be reached"):
        open_pipeline(protocol, port=9).generate("x")


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_that_takes_too_long_is_told(open_pipeline: Open, protocol: Protocol) -> None:
    with pytest.raises(ServerTimeoutError, match="no answer within 1e-05 s"):
        open_pipeline(protocol, timeout=1e-5).generate("x")


class Cluster:
    """A kubectl whose cluster has one pipeline, and that forwards to the stand-in's own ports."""

    def __init__(self, folder: Path, server: StandIn) -> None:
        self.folder = folder
        self.path = f"{folder}:{os.environ['PATH']}"
        self.log = folder / "log"
        self.has(ready="True")
        self.forwards("sleep 60 & trap 'kill $!' TERM; wait")
        program = folder / "kubectl"
        program.write_text(
            f"""#!/bin/sh
echo "$*" >> {self.log}
case "$*" in
  *port-forward*:8500) echo "Forwarding from 127.0.0.1:{server.grpc_port} -> 8500"; . {folder}/forward ;;
  *port-forward*:8501) echo "Forwarding from 127.0.0.1:{server.rest_port} -> 8501"; . {folder}/forward ;;
  *get*" sd "*) cat {folder}/pipeline ;;
  *get*) printf '{{"items": [%s]}}' "$(cat {folder}/pipeline)" ;;
esac
"""
        )
        program.chmod(0o755)

    def has(self, ready: str, canary: Mapping[str, Any] | None = None) -> None:
        condition = {"type": "Ready", "status": ready, "reason": "Loading", "message": "the decoder is loading"}
        answers: dict[str, Any] = {
            component.field: {"endpoints": {"grpc": f"sd-{component}.ns.svc:8500"}} for component in DRAWING
        }
        if canary is not None:
            answers["diffusionModel"]["canary"] = {"model": "gs://b/unet", "percent": 100, **canary}
        pipeline = {
            "metadata": {"name": "sd"},
            "spec": {component.field: {} for component in DRAWING},
            "status": {"conditions": [condition], **answers},
        }
        (self.folder / "pipeline").write_text(json.dumps(pipeline))

    def forwards(self, script: str) -> None:
        (self.folder / "forward").write_text(script)


@pytest.fixture
def cluster(tmp_path: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster(tmp_path, server)
    monkeypatch.setenv("PATH", cluster.path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return cluster


@pytest.mark.parametrize("protocol", Protocol)
def test_a_pipeline_is_found_by_itself_and_forwarded_to(cluster: Cluster, protocol: Protocol) -> None:
    with connect(namespace="ns", protocol=protocol) as pipeline:
        assert pipeline.generate("x", steps=1).images.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 3)

    asked = cluster.log.read_text()
    for component in DRAWING:
        assert f"--namespace=ns port-forward --address=127.0.0.1 service/sd-{component} " in asked


@pytest.mark.parametrize("protocol", Protocol)
def test_a_canary_is_asked_by_its_version_and_fails_nobody_when_it_is_gone(
    cluster: Cluster, server: StandIn, protocol: Protocol
) -> None:
    [there] = map(int, server.states("diffusion-model"))
    for version, variant in ((there, Variant.CANARY), (there + 1, Variant.STABLE)):
        cluster.has(ready="True", canary={"version": version})
        with connect("sd", namespace="ns", protocol=protocol) as pipeline:
            made = pipeline.generate("x", steps=1)
        assert (made.variant, made.versions[Component.DIFFUSION_MODEL]) == (variant, there)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_canary_with_a_server_of_its_own_is_forwarded_to_as_well(
    cluster: Cluster, server: StandIn, protocol: Protocol
) -> None:
    [there] = map(int, server.states("diffusion-model"))
    cluster.has(ready="True", canary={"host": "sd-canary.ns.svc"})
    with connect("sd", namespace="ns", protocol=protocol) as pipeline:
        made = pipeline.generate("x", steps=1)
    assert (made.variant, made.versions[Component.DIFFUSION_MODEL]) == (Variant.CANARY, there)
    assert "--namespace=ns port-forward --address=127.0.0.1 service/sd-canary " in cluster.log.read_text()


def test_a_canary_that_is_not_there_cannot_be_asked_for(cluster: Cluster) -> None:
    for route in Route:
        with (
            pytest.raises(NoCanaryError, match=r"sd serves no canary: see its spec\.diffusionModel\.canary"),
            connect("sd", namespace="ns", route=route, variant=Variant.CANARY),
        ):
            pass


def test_a_pipeline_that_is_not_ready_says_why(cluster: Cluster) -> None:
    cluster.has(ready="False")
    with pytest.raises(PipelineNotReadyError, match="the decoder is loading"), connect("sd"):
        pass


def test_a_port_forward_that_does_not_start_says_why(cluster: Cluster) -> None:
    (cluster.folder / "kubectl").write_text(
        f"#!/bin/sh\ncase \"$*\" in *get*) cat {cluster.folder}/pipeline;; *) echo 'error: no pods' >&2; exit 1;; esac"
    )
    with pytest.raises(PortForwardError, match=r"did not start \(error: no pods\)"), connect("sd"):
        pass


def test_a_port_forward_that_ended_explains_an_unreachable_server(cluster: Cluster) -> None:
    (cluster.folder / "kubectl").write_text(
        f"""#!/bin/sh
case "$*" in
  *get*) cat {cluster.folder}/pipeline;;
  *) echo 'Forwarding from 127.0.0.1:9 -> 8500'; echo 'error: lost connection to pod' >&2; exit 1;;
esac"""
    )
    with (
        pytest.raises(PortForwardError, match=r"ended \(error: lost connection to pod\)"),
        connect("sd") as pipeline,
    ):
        pipeline.generate("x")


def test_a_direct_route_asks_no_kubectl_and_takes_the_services_names(cluster: Cluster) -> None:
    with (
        pytest.raises(ServerUnreachableError, match=r"the text-encoder at sd-text-encoder\.ns\.svc:8500"),
        connect("sd", namespace="ns", route=Route.DIRECT, timeout=20) as pipeline,
    ):
        pipeline.generate("x")
    assert not cluster.log.exists()


def run(*arguments: str, path: str) -> "subprocess.CompletedProcess[str]":
    program = "from sdp_serving.client.cli import main; main(prog_name='sdpipeline')"
    environment = {**os.environ, "PYTHONPATH": str(SERVING), "PATH": path}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_generate_writes_a_grid_and_says_where_and_how(cluster: Cluster, tmp_path: Path) -> None:
    output = tmp_path / "circles.png"

    done = run(
        "generate", "a red circle", "-n", "4", "--seed", "1", "--steps", "2", "-o", str(output), path=cluster.path
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}\n"
    assert "seed 1, 2 steps, guidance scale 3" in done.stderr
    assert "denoising" in done.stderr
    with Image.open(output) as image:
        assert image.size == (2 * IMAGE_SIZE, 2 * IMAGE_SIZE)
        assert (image.info["prompt"], image.info["seed"], image.info["steps"]) == ("a red circle", "1", "2")


def test_generate_ends_with_one_sentence(cluster: Cluster, tmp_path: Path) -> None:
    cluster.has(ready="False")

    done = run("generate", "x", "-o", str(tmp_path / "x.png"), path=cluster.path)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == ("Error: the pipeline sd is not Ready (Loading): the decoder is loading.")
    assert not (tmp_path / "x.png").exists()
