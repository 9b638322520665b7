"""sd-tiny exported for a range of sizes, and drawn in two of them through model servers: prompt in, picture out."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import numpy as np
import PIL.Image
import pytest
from tests.support.exported import serving
from tests.support.grpc_calls import predict
from tests.support.standin import StandIn

from sdp_exporter.sources import tiny
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes

SIZES = pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 64)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    sources = tiny.sources("base", image_sizes=ImageSizes(smallest=64, largest=128))
    with serving(tmp_path_factory.mktemp("exported"), sources) as running:
        yield running


def draw(server: StandIn, signature: str, **inputs: Any) -> np.ndarray:
    """A latent of a red circle."""
    prompts = {"prompts": ["a red circle on a white background"], "negative_prompts": [""]}
    contexts = predict(server, Component.TEXT_ENCODER, "encode_prompts", prompts)
    request = {
        **{name: contexts[name] for name in ("context", "unconditional_context")},
        "seeds": np.array([7]),
        "num_steps": np.int32(5),
        "sampler": "dpm_solver_pp_2m",
        "schedule": "trailing",
        "guidance_scale": np.float32(3),
        **inputs,
    }
    return predict(server, Component.DIFFUSION_MODEL, signature, request)["latent"]


@SIZES
def test_a_prompt_becomes_a_picture_of_the_size_that_was_asked_for(server: StandIn, height: int, width: int) -> None:
    latent = draw(server, "text_to_image", height=np.int32(height), width=np.int32(width))
    assert latent.shape == (1, height // 8, width // 8, 4)
    (file,) = predict(server, Component.DECODER, "decode_png", {"latent": latent})["image_bytes"]
    assert PIL.Image.open(io.BytesIO(file)).size == (width, height)


@SIZES
def test_a_picture_is_drawn_over_in_its_own_size(server: StandIn, height: int, width: int) -> None:
    image = np.zeros((1, height, width, 3), np.float32)
    start = predict(server, Component.IMAGE_ENCODER, "serving_default", {"images": image})["latent"]
    latent = draw(server, "image_to_image", init_latent=start, strength=np.float32(0.5))
    images = predict(server, Component.DECODER, "serving_default", {"latent": latent})["images"]
    assert images.shape == image.shape
    assert images.std() > 0


@pytest.mark.parametrize(
    ("component", "signature", "inputs"),
    [
        (Component.DECODER, "decode_png", {"latent": np.zeros((1, 24, 24, 4), np.float32)}),
        (Component.IMAGE_ENCODER, "serving_default", {"images": np.zeros((1, 192, 192, 3), np.float32)}),
    ],
)
def test_other_sizes_are_refused_with_the_range(
    server: StandIn, component: Component, signature: str, inputs: Mapping[str, Any]
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        predict(server, component, signature, inputs)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "give a height and a width in multiples of 64 from 64 to 128" in str(refused.value.details())
