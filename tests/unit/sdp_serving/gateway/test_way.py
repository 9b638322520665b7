import random
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sdp_serving.contract.routes import Canary, Variant, choose
from sdp_serving.gateway.paths import Call, read_call
from sdp_serving.gateway.way import Way, find_way

CANARY = Canary(version=7, percent=10, model="gs://b/unet")
PREDICT = "/v1/models/diffusion-model:predict"


def _call(path: str) -> Call:
    call = read_call(path)
    assert call is not None
    return call


@pytest.mark.parametrize("percent", [1, 10, 50, 99])
def test_the_canary_gets_its_part_of_the_requests(percent: int) -> None:
    canary = CANARY.model_copy(update={"percent": percent})
    draw = random.Random(4).random
    requests, part = 20_000, percent / 100

    found = sum(choose(canary, None, draw) is Variant.CANARY for _ in range(requests))

    # Four standard deviations of the binomial distribution.
    assert abs(found - requests * part) < 4 * sqrt(requests * part * (1 - part))


@given(drawn=st.floats(0, 1, exclude_max=True))
def test_none_and_all_are_exact(drawn: float) -> None:
    assert choose(CANARY.model_copy(update={"percent": 0}), None, lambda: drawn) is Variant.STABLE
    assert choose(CANARY.model_copy(update={"percent": 100}), None, lambda: drawn) is Variant.CANARY


@pytest.mark.parametrize("asked", Variant)
def test_a_request_gets_the_variant_that_it_asks_for(asked: Variant) -> None:
    for drawn in (0.0, 0.999):
        way = find_way(_call(PREDICT), CANARY, asked, lambda drawn=drawn: drawn)  # type: ignore[misc]
        assert way.variant is asked


def test_the_canary_is_asked_by_its_version_and_stable_as_the_request_came() -> None:
    canary, stable = (find_way(_call(PREDICT), CANARY, None, lambda drawn=drawn: drawn) for drawn in (0.0, 0.5))  # type: ignore[misc]

    assert (canary.path, canary.variant) == ("/v1/models/diffusion-model/versions/7:predict", Variant.CANARY)
    assert (stable.path, stable.variant, stable.instead) == (PREDICT, Variant.STABLE, None)
    assert canary.instead == stable, "where it goes when the canary is gone"


@pytest.mark.parametrize(
    ("path", "variant"),
    [
        ("/v1/models/diffusion-model/versions/7:predict", Variant.CANARY),
        ("/v1/models/diffusion-model/versions/8:predict", Variant.STABLE),
        ("/v1/models/diffusion-model/labels/best:predict", Variant.STABLE),
        ("/v1/models/diffusion-model/metadata", Variant.STABLE),
        ("/v1/models/diffusion-model", Variant.STABLE),
    ],
)
def test_what_is_no_prediction_or_names_its_model_goes_as_it_came(path: str, variant: Variant) -> None:
    way = find_way(_call(path), CANARY.model_copy(update={"percent": 100}), Variant.CANARY, lambda: 0.0)

    assert (way.path, way.variant, way.instead) == (path, variant, None)


@pytest.mark.parametrize("percent", [0, 100])
def test_a_canary_with_a_server_of_its_own_is_asked_there_for_whatever_it_serves(percent: int) -> None:
    alone = Canary(host="sd-canary.art.svc", percent=percent, model="gs://b/unet")
    way = find_way(_call(PREDICT), alone, None, lambda: 0.5)
    stable = Way(PREDICT, Variant.STABLE)
    canary = Way(PREDICT, Variant.CANARY, host="sd-canary.art.svc", instead=stable)
    assert way == (canary if percent else stable)
    for path in (
        "/v1/models/diffusion-model/versions/7:predict",
        "/v1/models/diffusion-model/labels/best:predict",
        "/v1/models/diffusion-model/metadata",
    ):
        assert find_way(_call(path), alone, None, lambda: 0.0) == Way(path, Variant.STABLE)


@pytest.mark.parametrize("place", [{}, {"version": 7, "host": "sd-canary.art.svc"}])
def test_a_canary_is_in_one_place(place: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either a version or a host"):
        Canary(**place, percent=10, model="gs://b/unet")


def test_without_a_canary_all_is_stable() -> None:
    assert find_way(_call(PREDICT), None, Variant.CANARY, lambda: 0.0).path == PREDICT
