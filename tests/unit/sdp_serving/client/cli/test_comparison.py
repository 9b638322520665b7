import numpy as np
import pytest

from sdp_serving.client.cli.comparison import compare
from sdp_serving.contract.components import Component
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.generation.receipt import ModelReceipt, Receipt

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
A, B = (f"sha256:{digit * 64}" for digit in "ab")
UNET = Component.DIFFUSION_MODEL


def receipt(**model: object) -> Receipt:
    return Receipt(
        prompt="x",
        seed=1,
        steps=1,
        guidance_scale=3.0,
        sampler=Sampler.DDIM,
        schedule=Schedule.LINSPACE,
        width=8,
        height=8,
        models={UNET: ModelReceipt.model_validate(model)} if model else {},
    )


def test_what_differs_is_counted_by_pixels() -> None:
    now = PIXELS.copy()
    now[0, 0] = 255
    now[1, 2, 1] += 1

    verdict = compare(PIXELS, now, receipt(version=1), receipt(version=1))

    assert (verdict.is_equal, verdict.pixels, verdict.differing, verdict.largest) == (False, 6, 2, 255)
    assert next(verdict.words()) == "different: 2 of 6 pixels, by up to 255 of 255"
    assert compare(PIXELS, PIXELS.copy(), receipt(), receipt()).is_equal


@pytest.mark.parametrize(
    ("was", "now", "is_changed"),
    [
        (receipt(version=1, digest=A), receipt(version=2, digest=A), False),
        (receipt(version=1, digest=A), receipt(version=1, digest=B), True),
        (receipt(version=1, digest=A), receipt(version=1), False),
        (receipt(version=1), receipt(version=2, digest=A), True),
        (receipt(version=1), receipt(version=2), True),
        (receipt(version=1), receipt(), True),
        (receipt(), receipt(version=1), True),
        (receipt(), receipt(), False),
    ],
)
def test_a_model_is_the_same_by_its_digest_or_else_by_its_version(was: Receipt, now: Receipt, is_changed: bool) -> None:
    assert bool(compare(PIXELS, PIXELS, was, now).changes) is is_changed


def test_what_was_replaced_is_named_by_all_that_is_known_of_it() -> None:
    was, now = receipt(version=1, uri="gs://b/unet", digest=A), receipt(version=2)

    _, line = compare(PIXELS, PIXELS, was, now).words()

    assert line == (
        f"the diffusion-model is another: it was gs://b/unet (version 1, sha256:{'a' * 12}), and is version 2"
    )
    assert compare(PIXELS, PIXELS, receipt(), now).record()["changes"][0]["was"] is None


def test_a_receipt_cannot_speak_to_the_terminal() -> None:
    _, line = compare(PIXELS, PIXELS, receipt(version=1, uri="gs://b\x1b[2J"), receipt(version=2)).words()
    assert "it was gs://b\ufffd[2J (version 1)" in line
