import pytest

from sdp_serving.gateway.paths import read_call

CALLS = [
    "/v1/models/decoder",
    "/v1/models/decoder:predict",
    "/v1/models/decoder:classify",
    "/v1/models/decoder:regress",
    "/v1/models/decoder/metadata",
    "/v1/models/decoder/versions/17",
    "/v1/models/decoder/versions/17:predict",
    "/v1/models/decoder/versions/17/metadata",
    "/v1/models/decoder/labels/stable",
    "/v1/models/decoder/labels/stable:predict",
    "/v1/models/decoder/labels/two%20words/metadata",
    "/V1/Models/decoder:PREDICT",
]


@pytest.mark.parametrize("path", CALLS)
def test_a_call_of_the_api_names_its_model(path: str) -> None:
    call = read_call(path)

    assert call is not None
    assert call.name == "decoder"
    assert call.is_prediction == (":" in path)
    assert call.names_model == ("/versions/" in path or "/labels/" in path)
    assert call.version == (17 if "/versions/17" in path else None)


@pytest.mark.parametrize(
    ("path", "at_version"),
    [
        ("/v1/models/decoder:predict", "/v1/models/decoder/versions/5:predict"),
        ("/V1/Models/decoder:PREDICT", "/V1/Models/decoder/versions/5:PREDICT"),
        ("/v1/models/decoder", "/v1/models/decoder/versions/5"),
    ],
)
def test_the_same_call_can_be_made_to_a_version(path: str, at_version: str) -> None:
    call = read_call(path)

    assert call is not None
    assert call.at_version(5) == at_version


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/",
        "/v1/models/:predict",
        "/v1/models/decoder/",
        "/v1/models/decoder:sample",
        "/v1/models/decoder:predict/metadata",
        "/v1/models/decoder/versions/new:predict",
        "/v1/models/decoder/versions/",
        "/v1/models/decoder/labels/a/b",
        "/v1/models/decoder/../text-encoder",
        "/v1/models/decoder/monitoring",
        "/v2/models/decoder",
        "/x/v1/models/decoder",
        "/v1/models/decoder\n",
    ],
)
def test_anything_else_is_no_call(path: str) -> None:
    assert read_call(path) is None
