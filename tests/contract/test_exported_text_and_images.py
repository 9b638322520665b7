"""Prompts in and image files out of exported models, served as TensorFlow Serving serves them."""

import base64
import io
from collections.abc import Iterator

import numpy as np
import PIL.Image
import pytest
from tests.support.exported import serving
from tests.support.grpc_calls import predict
from tests.support.standin import StandIn
from tests.support.toy_models import IMAGE_SIZE, WIDTH, toy_source

from sdp_serving.contract.components import Component
from sdp_serving.contract.tokenizer import Tokenizer

COMPONENTS = (Component.TEXT_ENCODER, Component.DECODER)
PROMPTS = ["a cat &amp; a dog 😂", "cat " * 80]
LATENT = np.zeros((1, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4), np.float32)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    folder = tmp_path_factory.mktemp("exported")
    weights = folder / "weights"
    weights.write_text("1.0")
    with serving(folder, [toy_source(component, weights) for component in COMPONENTS]) as running:
        yield running


def test_prompts_are_encoded_over_rest(server: StandIn) -> None:
    body = {"signature_name": "encode_prompts", "inputs": {"prompts": PROMPTS, "negative_prompts": ["", "blurry"]}}
    answer = server.predict(Component.TEXT_ENCODER, body)
    assert answer.status_code == 200, answer.text
    outputs = answer.json()["outputs"]
    tokens = Tokenizer().encode
    assert np.array(outputs["context"])[:, :, 0].tolist() == [tokens(prompt) for prompt in PROMPTS]
    assert np.array(outputs["unconditional_context"])[:, :, 0].tolist() == [tokens(""), tokens("blurry")]
    assert outputs["tokens_cut_off"] == [0, 5]
    assert outputs["negative_tokens_cut_off"] == [0, 0]


def test_prompts_are_encoded_over_rest_row_by_row(server: StandIn) -> None:
    rows = [{"prompts": prompt, "negative_prompts": ""} for prompt in PROMPTS]
    answer = server.predict(Component.TEXT_ENCODER, {"signature_name": "encode_prompts", "instances": rows})
    assert [row["tokens_cut_off"] for row in answer.json()["predictions"]] == [0, 5]


def test_prompts_that_lack_their_negative_ones_are_refused_with_a_sentence(server: StandIn) -> None:
    body = {"signature_name": "encode_prompts", "inputs": {"prompts": PROMPTS, "negative_prompts": [""]}}
    answer = server.predict(Component.TEXT_ENCODER, body)
    assert answer.status_code == 400
    assert "give two lists of the same length, with empty strings" in answer.json()["error"]


def test_prompts_are_encoded_over_grpc(server: StandIn) -> None:
    texts = {"prompts": PROMPTS, "negative_prompts": ["", ""]}
    context = predict(server, Component.TEXT_ENCODER, "encode_prompts", texts)["context"]
    assert context.shape == (2, 77, WIDTH)
    assert context[0, :, 0].tolist() == Tokenizer().encode(PROMPTS[0])


@pytest.mark.parametrize(("signature", "kind"), [("decode_png", "PNG"), ("decode_jpeg", "JPEG")])
def test_image_files_come_in_base64_over_rest_and_as_they_are_over_grpc(
    server: StandIn, signature: str, kind: str
) -> None:
    body = {"signature_name": signature, "inputs": {"latent": LATENT.tolist()}}
    (encoded,) = server.predict(Component.DECODER, body).json()["outputs"]
    file = base64.b64decode(encoded["b64"])
    picture = PIL.Image.open(io.BytesIO(file))
    assert (picture.format, picture.size) == (kind, (IMAGE_SIZE, IMAGE_SIZE))
    assert predict(server, Component.DECODER, signature, {"latent": LATENT})["image_bytes"].tolist() == [file]


def test_each_model_answers_its_warm_up_requests_before_it_serves(server: StandIn) -> None:
    log = server.log.read_text()
    for component in COMPONENTS:
        read = next(line for line in log.splitlines() if f"{component}/1/assets.extra" in line)
        assert read.endswith("Number of warmup records read: 2.")
