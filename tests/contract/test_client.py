"""The client against the stand-in server, with toy models as the exporter writes them and as others may."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.standin import StandIn
from tests.support.toy_models import IMAGE_SIZE
from tests.support.toy_servers import METRICS, VERSION, ToyCluster, serving

import sdp_serving
from sdp_serving.client import (
    AsyncPipeline,
    Encoding,
    Generation,
    InvalidRequestError,
    NoCanaryError,
    NoLocalModelError,
    NotOfferedError,
    Pipeline,
    PipelineNotReadyError,
    PortForwardError,
    Progress,
    Protocol,
    RequestRefusedError,
    Route,
    ServerTimeoutError,
    ServerUnreachableError,
    connect,
)
from sdp_serving.client.connection import connection
from sdp_serving.client.transports import open_transport
from sdp_serving.contract.components import DRAWING, Component
from sdp_serving.contract.routes import Variant
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Call
from sdp_serving.generation.files import read_receipt

SERVING = Path(sdp_serving.__file__).parents[1]
PICTURE = np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)
MASK = np.zeros((24, 40), np.uint8)
MASK[:12] = 255
REQUESTS: dict[str, dict[str, Any]] = {
    "text": {},
    "choices": {"negative_prompt": "a blue star", "sampler": "dpm_solver_pp_2m", "schedule": "karras"},
    "ancestral": {"sampler": "euler_ancestral"},
    "image": {"image": PICTURE},
    "mask": {"image": PICTURE, "mask": MASK, "strength": 0.6, "sampler": "euler_ancestral"},
}


@pytest.fixture(scope="module")
def server(toys: Mapping[str, Mapping[Component, Path]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with serving(tmp_path_factory.mktemp("exported"), toys["exported"]) as running:
        yield running


@pytest.fixture(scope="module")
def plain_server(
    toys: Mapping[str, Mapping[Component, Path]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandIn]:
    with serving(tmp_path_factory.mktemp("plain"), toys["plain"]) as running:
        yield running


def at(server: StandIn, protocol: Protocol = Protocol.GRPC) -> dict[Component, str | Path]:
    """Where its components answer."""
    port = server.grpc_port if protocol is Protocol.GRPC else server.rest_port
    return dict.fromkeys(Component, f"127.0.0.1:{port}")


def opened(server: StandIn, protocol: Protocol = Protocol.GRPC) -> AbstractContextManager[Pipeline]:
    return connect(at=at(server, protocol), protocol=protocol, timeout=60)


def draw(pipeline: Pipeline, request: str = "text", **changes: Any) -> Generation:
    options: dict[str, Any] = {"images": 2, "steps": 4, "seed": 7, "guidance_scale": 2, **REQUESTS[request], **changes}
    return pipeline.generate("a small red circle", **options)


@pytest.fixture(scope="module")
def drawn(server: StandIn) -> Mapping[str, Generation]:
    """All kinds of request, over gRPC in one call."""
    with opened(server) as pipeline:
        return {request: draw(pipeline, request) for request in REQUESTS}


def same(one: Generation, other: Generation) -> bool:
    return bool(np.array_equal(one.images, other.images) and one.receipt == other.receipt)


def test_the_pictures_show_something(drawn: Mapping[str, Generation]) -> None:
    assert {one.images.shape for one in drawn.values()} == {(2, IMAGE_SIZE, IMAGE_SIZE, 3)}
    assert len({one.images.tobytes() for one in drawn.values()}) == len(drawn)
    assert all(len(np.unique(one.images)) > 2 for one in drawn.values())
    assert all(set(one.versions.values()) == {VERSION} for one in drawn.values())


@pytest.mark.parametrize("request_", REQUESTS)
def test_any_division_of_the_steps_gives_the_same_pictures(
    server: StandIn, drawn: Mapping[str, Generation], request_: str
) -> None:
    told = list[Progress]()
    with opened(server) as pipeline:
        divided = draw(pipeline, request_, on_progress=told.append)
        previews = [pipeline.preview(one) for one in told]
    assert same(divided, drawn[request_])
    shown = [one for one in previews if one is not None]
    assert len(shown) == told[-1].total
    assert {one.shape for one in shown} == {divided.images.shape}


@pytest.mark.parametrize("request_", REQUESTS)
def test_rest_gives_the_same_pictures(server: StandIn, drawn: Mapping[str, Generation], request_: str) -> None:
    with opened(server, Protocol.REST) as pipeline:
        assert same(draw(pipeline, request_), drawn[request_])


@pytest.mark.parametrize("protocol", Protocol)
def test_asyncio_gives_the_same_pictures(server: StandIn, drawn: Mapping[str, Generation], protocol: Protocol) -> None:
    async def on_progress(_: Progress) -> None:
        await asyncio.sleep(0)

    async def draw_all() -> list[Generation]:
        async with AsyncPipeline.connect(at=at(server, protocol), protocol=protocol) as pipeline:
            shared: dict[str, Any] = {"images": 2, "steps": 4, "seed": 7, "guidance_scale": 2}
            return await asyncio.gather(
                *(
                    pipeline.generate("a small red circle", on_progress=on_progress, **shared, **REQUESTS[request])
                    for request in ("text", "mask")
                )
            )

    text, mask = asyncio.run(draw_all())
    assert same(text, drawn["text"])
    assert same(mask, drawn["mask"])


def test_local_models_give_the_same_pictures(
    server: StandIn, toys: Mapping[str, Mapping[Component, Path]], drawn: Mapping[str, Generation]
) -> None:
    # As in a user's own rooms: the text encoder on the device, the rest far away; and all of it here.
    for local in ({Component.TEXT_ENCODER}, set(Component)):
        folders = {component: toys["exported"][component] for component in local}
        with connect(at={**at(server), **folders}) as pipeline:
            made = draw(pipeline, "mask")
        assert np.array_equal(made.images, drawn["mask"].images)
        for component, model in made.receipt.models.items():
            told = (folders[component] / str(VERSION)).as_uri() if component in local else None
            assert (model.version, model.uri) == (VERSION, told)


def test_each_picture_is_the_one_that_its_seed_gives_alone(server: StandIn, plain_server: StandIn) -> None:
    for one in (server, plain_server):
        with opened(one) as pipeline:
            together = draw(pipeline, images=3, seed=7)
            alone = [draw(pipeline, images=1, seed=7 + index).images[0] for index in range(3)]
        assert np.array_equal(together.images, alone)
        assert len({pixels.tobytes() for pixels in alone}) == 3


@pytest.mark.parametrize("protocol", Protocol)
def test_models_of_others_draw_the_same_as_far_as_they_can(
    plain_server: StandIn, drawn: Mapping[str, Generation], protocol: Protocol
) -> None:
    with opened(plain_server, protocol) as pipeline:
        assert np.array_equal(draw(pipeline).images, drawn["text"].images)
        with pytest.raises(NotOfferedError, match="has one sampler and schedule only"):
            draw(pipeline, "choices")
        with pytest.raises(NotOfferedError, match="cannot start from a picture"):
            draw(pipeline, "image")


def test_servers_that_batch_draw_the_same(
    toys: Mapping[str, Mapping[Component, Path]], drawn: Mapping[str, Generation], tmp_path: Path
) -> None:
    with serving(tmp_path, toys["exported"], "--enable_batching") as batching:
        for protocol in Protocol:
            with opened(batching, protocol) as pipeline:
                assert same(draw(pipeline, "choices"), drawn["choices"])
                with pytest.raises(NotOfferedError, match="or remove `batching`"):
                    draw(pipeline, "image")


def test_the_decoders_own_files_hold_the_receipt(server: StandIn, drawn: Mapping[str, Generation]) -> None:
    with opened(server) as pipeline:
        small = draw(pipeline, encoding=Encoding.JPEG)
    for made, encoding in ((drawn["text"], Encoding.PNG), (small, Encoding.JPEG), (drawn["text"], Encoding.WEBP)):
        assert read_receipt(made.file(1, encoding)) == made.receipt.of_picture(1)


def test_an_error_in_telling_leaves_the_remaining_steps_undone(server: StandIn) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    def ranges() -> float:
        # Counted by the server itself.
        lines = server.get(METRICS).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if "request_count" in line and "diffusion-model" in line)

    with opened(server) as pipeline:
        before = ranges()
        with pytest.raises(KeyboardInterrupt):
            draw(pipeline, steps=20, on_progress=stop)
        assert ranges() - before == 3


def test_a_generation_that_is_cancelled_leaves_the_remaining_steps_undone(server: StandIn) -> None:
    told = list[Progress]()

    async def on_progress(progress: Progress) -> None:
        told.append(progress)
        await asyncio.sleep(0)

    async def cancel() -> None:
        async with AsyncPipeline.connect(at=at(server)) as pipeline:
            drawing = asyncio.create_task(pipeline.generate("x", steps=1000, on_progress=on_progress))
            while not any(one.step for one in told):
                await asyncio.sleep(0.001)
            drawing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await drawing

    asyncio.run(cancel())
    assert told[-1].step < told[-1].total


def test_no_tensorflow_is_needed_to_draw(server: StandIn) -> None:
    program = f"""
import sys
sys.modules.update(dict.fromkeys(("tensorflow", "keras")))  # Importing them is an error.
from sdp_serving.client import Component, connect
with connect(at=dict.fromkeys(Component, "127.0.0.1:{server.grpc_port}")) as pipeline:
    print(pipeline.generate("x", steps=1).images.shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(SERVING)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{(1, IMAGE_SIZE, IMAGE_SIZE, 3)}\n", done.stderr


def test_the_seed_is_a_new_one_unless_it_is_given(server: StandIn) -> None:
    with opened(server) as pipeline:
        seeds = {draw(pipeline, seed=None, steps=1).seed for _ in range(3)}
    assert len(seeds) > 1


@pytest.mark.parametrize("protocol", Protocol)
def test_a_request_that_the_model_refuses_is_told_in_its_words(server: StandIn, protocol: Protocol) -> None:
    latent = np.full((1, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4), np.inf, np.float32)
    scalars = {"num_steps": np.array(1, np.int32), "strength": np.array(1, np.float32)}
    texts = {"schedule": np.array(b"karras", dtype=object), "seeds": np.array([1], np.int64)}
    call = Call(Component.DIFFUSION_MODEL, SignatureName.PREPARE_LATENT, {"init_latent": latent, **scalars, **texts})
    with connection(None, {"at": at(server, protocol), "protocol": protocol}) as found:
        transport = open_transport(found)
        with pytest.raises(
            RequestRefusedError,
            match=r"the diffusion-model at .* refused the request .*: init_latent has values that are NaN or infinite$",
        ) as raised:
            transport.predict(call)
        transport.close()
    assert raised.value.is_clients_fault


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_that_is_not_there_is_told(server: StandIn, protocol: Protocol) -> None:
    nowhere: dict[Component, str | Path] = {**at(server, protocol), Component.DECODER: "127.0.0.1:9"}
    with (
        connect(at=nowhere, protocol=protocol) as pipeline,
        pytest.raises(ServerUnreachableError, match=r"the decoder at 127\.0\.0\.1:9 cannot be reached") as raised,
    ):
        draw(pipeline)
    assert raised.value.component is Component.DECODER


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_that_takes_too_long_is_told(server: StandIn, protocol: Protocol) -> None:
    with (
        connect(at=at(server, protocol), protocol=protocol, timeout=1e-5) as pipeline,
        pytest.raises(ServerTimeoutError, match="no answer within 1e-05 s"),
    ):
        draw(pipeline)


def test_what_is_no_address_and_no_model_is_told(server: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="'nowhere' is no address for the decoder: give host:port"):
        connect(at={**at(server), Component.DECODER: "nowhere"}).__enter__()
    with pytest.raises(NoLocalModelError, match="holds no SavedModel for the decoder"):
        connect(at={**at(server), Component.DECODER: tmp_path}).__enter__()


@pytest.fixture
def cluster(tmp_path: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> ToyCluster:
    cluster = ToyCluster(tmp_path, server)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return cluster


@pytest.mark.parametrize("protocol", Protocol)
def test_a_pipeline_is_found_by_itself_and_forwarded_to(cluster: ToyCluster, protocol: Protocol) -> None:
    with connect(namespace="ns", protocol=protocol) as pipeline:
        assert pipeline.generate("x", steps=1).images.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 3)

    asked = cluster.log.read_text()
    for component in DRAWING:
        assert f"--namespace=ns port-forward --address=127.0.0.1 service/sd-{component} " in asked


@pytest.mark.parametrize("protocol", Protocol)
def test_a_canary_is_asked_by_its_version_and_fails_nobody_when_it_is_gone(
    cluster: ToyCluster, server: StandIn, protocol: Protocol
) -> None:
    [there] = map(int, server.states("diffusion-model"))
    for version, variant in ((there, Variant.CANARY), (there + 1, Variant.STABLE)):
        cluster.has(ready="True", canary={"version": version})
        with connect("sd", namespace="ns", protocol=protocol) as pipeline:
            made = pipeline.generate("x", steps=1)
        assert (made.variant, made.versions[Component.DIFFUSION_MODEL]) == (variant, there)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_canary_with_a_server_of_its_own_is_forwarded_to_as_well(
    cluster: ToyCluster, server: StandIn, protocol: Protocol
) -> None:
    [there] = map(int, server.states("diffusion-model"))
    cluster.has(ready="True", canary={"host": "sd-canary.ns.svc"})
    with connect("sd", namespace="ns", protocol=protocol) as pipeline:
        made = pipeline.generate("x", steps=1)
    assert (made.variant, made.versions[Component.DIFFUSION_MODEL]) == (Variant.CANARY, there)
    assert "--namespace=ns port-forward --address=127.0.0.1 service/sd-canary " in cluster.log.read_text()


def test_a_canary_that_is_not_there_cannot_be_asked_for(cluster: ToyCluster) -> None:
    for route in Route:
        with (
            pytest.raises(NoCanaryError, match=r"sd serves no canary: see its spec\.diffusionModel\.canary"),
            connect("sd", namespace="ns", route=route, variant=Variant.CANARY),
        ):
            pass


def test_a_pipeline_that_is_not_ready_says_why(cluster: ToyCluster) -> None:
    cluster.has(ready="False")
    with pytest.raises(PipelineNotReadyError, match="the decoder is loading"), connect("sd"):
        pass


def test_a_port_forward_that_does_not_start_says_why(cluster: ToyCluster) -> None:
    cluster.answers(
        f"case \"$*\" in *get*) cat {cluster.folder}/pipeline;; *) echo 'error: no pods' >&2; exit 1;; esac"
    )
    with pytest.raises(PortForwardError, match=r"did not start \(error: no pods\)"), connect("sd"):
        pass


def test_a_port_forward_that_ended_explains_an_unreachable_server(cluster: ToyCluster) -> None:
    cluster.ends_forwards()
    with (
        pytest.raises(PortForwardError, match=r"ended \(error: lost connection to pod\)"),
        connect("sd") as pipeline,
    ):
        pipeline.generate("x")


def test_asyncio_finds_a_pipeline_and_explains_the_end_of_its_port_forward(cluster: ToyCluster) -> None:
    async def draw_by_name() -> Generation:
        async with AsyncPipeline.connect("sd", namespace="ns") as pipeline:
            return await pipeline.generate("x", steps=1)

    assert asyncio.run(draw_by_name()).images.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 3)
    cluster.ends_forwards()
    with pytest.raises(PortForwardError, match=r"ended \(error: lost connection to pod\)"):
        asyncio.run(draw_by_name())


def test_a_direct_route_asks_no_kubectl_and_takes_the_services_names(cluster: ToyCluster) -> None:
    with (
        pytest.raises(ServerUnreachableError, match=r"the text-encoder at sd-text-encoder\.ns\.svc:8500"),
        connect("sd", namespace="ns", route=Route.DIRECT, timeout=20) as pipeline,
    ):
        pipeline.generate("x")
    assert not cluster.log.exists()


def test_a_component_that_the_pipeline_lacks_can_be_elsewhere(cluster: ToyCluster, server: StandIn) -> None:
    cluster.lacks(Component.TEXT_ENCODER)
    with pytest.raises(PipelineNotReadyError, match="the pipeline sd has no text-encoder"), connect("sd"):
        pass
    with connect("sd", at={Component.TEXT_ENCODER: f"127.0.0.1:{server.grpc_port}"}) as pipeline:
        assert pipeline.generate("x", steps=1).images.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert "sd-text-encoder" not in cluster.log.read_text()


def test_an_image_encoder_is_forwarded_to_once_it_serves(cluster: ToyCluster) -> None:
    for told in ({}, {"serving": {"model": "gs://b/image-encoder/7"}}):
        cluster.has(ready="True", components={Component.IMAGE_ENCODER: told})
        with connect("sd") as pipeline:
            if told:
                made = pipeline.generate("x", steps=2, image=PICTURE).receipt
                assert made.models[Component.IMAGE_ENCODER].uri == "gs://b/image-encoder/7"
            else:
                with pytest.raises(NotOfferedError, match="there is no image-encoder: add imageEncoder"):
                    pipeline.generate("x", steps=2, image=PICTURE)
