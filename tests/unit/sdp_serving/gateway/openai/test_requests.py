from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sdp_serving.gateway.openai.refusal import refusal_of_fields
from sdp_serving.gateway.openai.requests import EditRequest, GenerationRequest, Size, read_size


def _refused(**fields: Any) -> str | None:
    try:
        GenerationRequest.model_validate({"prompt": "a", **fields})
    except ValidationError as invalid:
        return refusal_of_fields(invalid).message
    return None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": ""}, "Invalid prompt: it says nothing: describe what the picture should show"),
        ({"prompt": "a\0"}, "Invalid prompt: it has a null byte: leave it out"),
        ({"negative_prompt": "\0"}, "Invalid negative_prompt: it has a null byte: leave it out"),
        ({"steps": 1001}, "Invalid steps: it should be less than or equal to 1000"),
        ({"guidance_scale": float("nan")}, "Invalid guidance_scale: it should be a finite number"),
        ({"size": "640x500"}, "Invalid size: width and height must be multiples of 64, such as 512x512"),
        ({"size": "big"}, "Invalid size: write WIDTHxHEIGHT in pixels, such as 512x512, or auto"),
        ({"size": "9984x64"}, "Invalid size: width and height must be at most 8192, such as 512x512"),
        ({"colour": "red"}, "There is no field colour: /openapi.json lists all"),
        (
            {"stream": True, "response_format": "url"},
            "The body: a stream has pictures only as b64_json: leave response_format out, or stream",
        ),
        (
            {"output_compression": 50},
            "The body: output_compression is for jpeg and webp: choose one of them as output_format",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(fields: dict[str, Any], message: str) -> None:
    assert _refused(**fields) == message


def test_null_is_as_good_as_nothing() -> None:
    fields = dict.fromkeys(GenerationRequest.model_fields)

    assert GenerationRequest.model_validate({**fields, "prompt": "a"}) == GenerationRequest(prompt="a")


def test_what_openais_clients_send_besides_has_no_effect() -> None:
    besides = {"quality": "hd", "style": "vivid", "moderation": "low", "user": "u", "safety_identifier": "s"}

    assert _refused(**besides, background="opaque") is None
    assert _refused(background="transparent") is not None


def test_the_fields_of_a_form_are_texts() -> None:
    asked = EditRequest.model_validate_strings(
        {"prompt": "a", "n": "2", "stream": "true", "strength": "0.5", "sampler": "euler"}
    )

    assert (asked.n, asked.stream, asked.strength, asked.sampler) == (2, True, 0.5, "euler")


@given(width=st.integers(1, 128), height=st.integers(1, 128))
def test_every_multiple_of_64_is_a_size(width: int, height: int) -> None:
    size = Size(64 * width, 64 * height)

    assert read_size(str(size)) == size


@given(st.text(min_size=1))
def test_a_refusal_never_repeats_what_was_sent(text: str) -> None:
    message = _refused(sampler=f"<{text}>", style=[text])

    assert message is not None
    assert f"<{text}>" not in message
