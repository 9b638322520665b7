import json
from typing import Any

import pytest

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.signatures import signatures
from sdp_serving.contract.versions import StableDiffusionVersion as Version
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.judgement import ImageSize, TensorFlowVersion, Wanted, candidates, judge
from sdp_serving.puller.storage import Stored

URI = ModelUri.parse("gs://bucket/sd/decoder/12")
FILES = {SAVED_MODEL: Stored(3), "variables/index": Stored(4)}


def manifest(component: Component = Component.DECODER, *, width: int = 96, **changes: Any) -> dict[str, Any]:
    offered = signatures(component, width=width, image_size=64)
    return {
        "component": component,
        "version": 12,
        "created": "2026-01-01T00:00:00Z",
        "sd_version": "tiny",
        "width": width,
        "image_size": 64,
        "tensorflow": "2.19.1",
        "exporter": "0.1.0",
        "weights": "test",
        "source_digest": f"sha256:{0:064x}",
        "signatures": {str(name): signature.model_dump() for name, signature in offered.items()},
        "files": {path: {"size": file.size, "crc32c": "00000000"} for path, file in FILES.items()},
        **changes,
    }


def refusal(raw: bytes, component: Component = Component.DECODER) -> PullError:
    with pytest.raises(PullError) as raised:
        judge(raw, FILES, uri=URI, wanted=Wanted(component))
    assert str(URI) in str(raised.value)
    return raised.value


def test_a_manifest_that_fits_is_read() -> None:
    there = {**FILES, MANIFEST: Stored(9), "more": Stored(1)}
    facts, files = judge(json.dumps(manifest()).encode(), there, uri=URI, wanted=Wanted(Component.DECODER))
    assert (facts.component, facts.weights, facts.image_size) == (Component.DECODER, "test", 64)
    assert files == {path: Stored(file.size, crc32c="00000000") for path, file in FILES.items()}


def test_what_the_storage_says_of_a_file_is_held_against_the_manifest() -> None:
    there = {**FILES, SAVED_MODEL: Stored(3, crc32c="00000001")}
    with pytest.raises(PullError, match=f"is damaged, {SAVED_MODEL} differs from its checksum") as raised:
        judge(json.dumps(manifest()).encode(), there, uri=URI, wanted=Wanted(Component.DECODER))
    assert raised.value.reason is PullFailure.CORRUPT


def entry(size: int) -> dict[str, Any]:
    return {"size": size, "crc32c": "00000000"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 13}, "its manifest is of version 13"),
        ({"format": 2}, "format 2 and this release reads 1: upgrade sdpipeline"),
        ({"image_size": "wide"}, "invalid at image_size"),
        ({"files": {}}, f"files must list {SAVED_MODEL}"),
        ({"files": {SAVED_MODEL: entry(3), "gone": entry(1)}}, "gone is missing"),
        ({"files": {SAVED_MODEL: entry(5)}}, f"{SAVED_MODEL} has 3 bytes instead of 5"),
        *(
            ({"files": {SAVED_MODEL: entry(3), path: entry(1)}}, "is no file of a model")
            for path in ("../../etc/passwd", "/etc/passwd", "a/../../b", "", ".", MANIFEST)
        ),
    ],
)
def test_a_damaged_artifact_is_corrupt(changes: dict[str, Any], words: str) -> None:
    error = refusal(json.dumps(manifest(**changes)).encode())
    assert error.reason is PullFailure.CORRUPT
    assert words in str(error)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b'"text"'])
def test_what_is_no_manifest_is_corrupt(raw: bytes) -> None:
    assert refusal(raw).reason is PullFailure.CORRUPT


def test_another_component_is_told_by_both_names() -> None:
    error = refusal(json.dumps(manifest()).encode(), component=Component.TEXT_ENCODER)
    assert error.reason is PullFailure.WRONG_COMPONENT
    assert "is a decoder, asked for as text-encoder" in str(error)


def test_signatures_that_fall_short_are_told() -> None:
    error = refusal(json.dumps(manifest(signatures={})).encode())
    assert error.reason is PullFailure.WRONG_COMPONENT
    assert "the signature serving_default is missing" in str(error)


FITTING = {**FILES, MANIFEST: Stored(9)}


@pytest.mark.parametrize(
    ("model", "version"),
    [("1.5", Version.V1_4), ("1.4", Version.V1_5), ("2.0", Version.V2_1), ("1.5-inpainting", Version.V1_5)],
)
def test_versions_of_one_family_go_together(model: str, version: Version) -> None:
    raw = json.dumps(manifest(sd_version=model, width=version.width)).encode()
    facts, _ = judge(raw, FITTING, uri=URI, wanted=Wanted(Component.DECODER, version))
    assert facts.sd_version == model


@pytest.mark.parametrize("component", Component)
def test_a_model_of_another_version_is_told_by_both(component: Component) -> None:
    raw = json.dumps(manifest(component, sd_version="2.1", width=1024)).encode()
    with pytest.raises(
        PullError,
        match=r"is of Stable Diffusion 2\.1 \(a context 1024 wide\), in a pipeline of"
        r" version 1\.5 \(768 wide\): give the URI of .* correct stableDiffusion\.version",
    ) as raised:
        judge(raw, FITTING, uri=URI, wanted=Wanted(component, Version.V1_5))
    assert raised.value.reason is PullFailure.WRONG_STABLE_DIFFUSION


@pytest.mark.parametrize("size", [ImageSize(512, 512), ImageSize(64, 128)])
@pytest.mark.parametrize("component", [one for one in Component if one is not Component.TEXT_ENCODER])
def test_a_model_for_images_of_another_size_is_told_by_both(component: Component, size: ImageSize) -> None:
    raw = json.dumps(manifest(component)).encode()
    with pytest.raises(PullError, match=rf"images of 64x64 pixels .*, in a pipeline for {size}: give") as raised:
        judge(raw, FITTING, uri=URI, wanted=Wanted(component, Version.TINY, size))
    assert raised.value.reason is PullFailure.WRONG_STABLE_DIFFUSION


def of_many_sizes(component: Component) -> bytes:
    sizes = ImageSizes(smallest=64, largest=128)
    offered = signatures(component, width=96, image_size=64, image_sizes=sizes)
    described = {str(name): each.model_dump() for name, each in offered.items()}
    return json.dumps(manifest(component, image_sizes=sizes.model_dump(), signatures=described)).encode()


@pytest.mark.parametrize("size", [ImageSize(64, 64), ImageSize(128, 128)])
@pytest.mark.parametrize("component", [Component.DECODER, Component.IMAGE_ENCODER])
def test_a_decoder_and_an_image_encoder_of_many_sizes_serve_pipelines_of_each(
    component: Component, size: ImageSize
) -> None:
    wanted = Wanted(component, Version.TINY, size)
    facts, _ = judge(of_many_sizes(component), FITTING, uri=URI, wanted=wanted)
    assert facts.image_sizes == ImageSizes(smallest=64, largest=128)


def test_a_size_outside_of_a_models_many_is_told_with_them() -> None:
    wanted = Wanted(Component.DECODER, Version.TINY, ImageSize(256, 256))
    with pytest.raises(PullError, match=r"images of 64 to 128 pixels .*, in a pipeline for 256x256: give"):
        judge(of_many_sizes(Component.DECODER), FITTING, uri=URI, wanted=wanted)


def test_a_diffusion_model_of_many_sizes_serves_pipelines_of_the_one_that_it_draws_unless_asked() -> None:
    raw = of_many_sizes(Component.DIFFUSION_MODEL)
    judge(raw, FITTING, uri=URI, wanted=Wanted(Component.DIFFUSION_MODEL, Version.TINY, ImageSize(64, 64)))
    with pytest.raises(PullError, match=r"images of 64x64 pixels .*, in a pipeline for 128x128: give"):
        judge(raw, FITTING, uri=URI, wanted=Wanted(Component.DIFFUSION_MODEL, Version.TINY, ImageSize(128, 128)))


def test_a_text_encoder_serves_images_of_every_size() -> None:
    raw = json.dumps(manifest(Component.TEXT_ENCODER)).encode()
    wanted = Wanted(Component.TEXT_ENCODER, Version.TINY, ImageSize(512, 768))
    facts, _ = judge(raw, FITTING, uri=URI, wanted=wanted)
    assert facts.image_size == 64


@pytest.mark.parametrize("component", Component)
def test_what_our_exporter_makes_can_be_batched_and_what_the_seed_made_only_without_single_numbers(
    component: Component,
) -> None:
    wanted = Wanted(component, batching=True)
    exported = exported_signatures(component, width=96, image_size=64)
    ours = manifest(component, signatures={str(name): each.model_dump() for name, each in exported.items()})
    judge(json.dumps(ours).encode(), FILES, uri=URI, wanted=wanted)
    if component in {Component.TEXT_ENCODER, Component.DIFFUSION_MODEL}:
        with pytest.raises(
            PullError, match=r"takes single numbers \(batch_size.*: remove \w+\.batching, or export"
        ) as raised:
            judge(json.dumps(manifest(component)).encode(), FILES, uri=URI, wanted=wanted)
        assert raised.value.reason is PullFailure.NOT_BATCHABLE


def test_candidates_are_the_folders_that_can_be_versions_newest_first() -> None:
    assert candidates(["variables", "9", "010", "12", "0", "-3", "11", ".tmp"]) == [12, 11, 9]


@pytest.mark.parametrize("server", ["2.19", "2.20", "3.0"])
def test_a_server_of_the_same_tensorflow_or_a_newer_one_will_do(server: str) -> None:
    wanted = Wanted(Component.DECODER, server_tensorflow=TensorFlowVersion.parse(server))
    judge(json.dumps(manifest(tensorflow="2.19.1")).encode(), FITTING, uri=URI, wanted=wanted)


@pytest.mark.parametrize("model", ["2.20.0", "2.20.0-rc1", "3.0"])
def test_a_newer_tensorflow_than_the_servers_is_refused(model: str) -> None:
    wanted = Wanted(Component.DECODER, server_tensorflow=TensorFlowVersion(2, 19))
    with pytest.raises(PullError, match=r"and the model server's is 2\.19, .* or set decoder\.server\.image") as raised:
        judge(json.dumps(manifest(tensorflow=model)).encode(), FITTING, uri=URI, wanted=wanted)
    assert raised.value.reason is PullFailure.NEWER_TENSORFLOW


def test_a_tensorflow_that_cannot_be_compared_is_let_pass() -> None:
    wanted = Wanted(Component.DECODER, server_tensorflow=TensorFlowVersion(2, 19))
    judge(json.dumps(manifest(tensorflow="nightly")).encode(), FITTING, uri=URI, wanted=wanted)
