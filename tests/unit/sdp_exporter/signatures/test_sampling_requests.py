"""Requests to the diffusion model's signatures that choose the sampling, run as TensorFlow Serving runs them."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.support import toy_models
from tests.support.signature_calls import serve
from tests.support.toy_models import IMAGE_SIZE, WIDTH

from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import SignatureName

SIDE = IMAGE_SIZE // 8
CONTEXT = np.linspace(0, 1, 77 * WIDTH, dtype=np.float32).reshape(1, 77, WIDTH)
INIT = np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 4)).astype(np.float32)
MASK = np.array([[1, 0], [0, 1]], np.float32).reshape(1, SIDE, SIDE, 1)
MANY_SIZES = ImageSizes(smallest=64, largest=192)
SEEDS = np.array([5, 1, 9])

REQUEST: dict[str, Any] = {
    "context": CONTEXT,
    "unconditional_context": 0.5 * CONTEXT,
    "seeds": SEEDS,
    "num_steps": np.int32(4),
    "schedule": "linspace",
    "sampler": "ddim",
    "guidance_scale": np.float32(3),
}
SIZE = {"height": np.int32(IMAGE_SIZE), "width": np.int32(IMAGE_SIZE)}
START = {"init_latent": INIT, "strength": np.float32(0.5)}
RANGE = {"latent": INIT, "denoised": INIT, "from_step": np.int32(0), "to_step": np.int32(1)}
INPUTS: dict[SignatureName, dict[str, Any]] = {
    SignatureName.TEXT_TO_IMAGE: {**REQUEST, **SIZE},
    SignatureName.IMAGE_TO_IMAGE: {**REQUEST, **START},
    SignatureName.INPAINT: {**REQUEST, **START, "mask": MASK},
    SignatureName.DENOISE_RANGE: {**REQUEST, **START, "mask": MASK, **RANGE},
    SignatureName.PREPARE_LATENT: {
        **{name: REQUEST[name] for name in ("seeds", "num_steps", "schedule")},
        **START,
    },
    SignatureName.SAMPLE_BATCH: {
        "context": np.repeat(CONTEXT, 3, axis=0),
        "unconditional_context": np.repeat(0.5 * CONTEXT, 3, axis=0),
        "seed": SEEDS,
        "num_steps": np.array([4, 1, 7], np.int32),
        "schedule": np.array(["linspace", "karras", "trailing"]),
        "sampler": np.array(["ddim", "euler_ancestral", "dpm_solver_pp_2m"]),
        "guidance_scale": np.array([3, 1, 7.5], np.float32),
    },
}


@pytest.fixture(scope="module")
def functions() -> Any:
    return toy_models.build(Component.DIFFUSION_MODEL).signatures()


def call(functions: Any, name: SignatureName, **changes: Any) -> dict[str, np.ndarray]:
    return serve(functions[name], **{**INPUTS[name], **changes})


def draw(functions: Any, name: SignatureName, **changes: Any) -> np.ndarray:
    return call(functions, name, **changes)["latent"]


def test_ddim_on_kerascvs_schedule_draws_what_sample_draws(functions: Any) -> None:
    request = {name: REQUEST[name] for name in ("context", "unconditional_context", "num_steps", "guidance_scale")}
    alone = serve(functions[SignatureName.SAMPLE], **request, batch_size=np.int32(1), seed=np.int64(5))["latent"]
    np.testing.assert_array_equal(draw(functions, SignatureName.TEXT_TO_IMAGE)[:1], alone)


@pytest.mark.parametrize("sampler", Sampler)
@pytest.mark.parametrize("schedule", Schedule)
def test_a_picture_depends_on_its_seed_alone(functions: Any, sampler: Sampler, schedule: Schedule) -> None:
    choice = {"sampler": str(sampler), "schedule": str(schedule)}
    three = draw(functions, SignatureName.TEXT_TO_IMAGE, **choice)
    two = draw(functions, SignatureName.TEXT_TO_IMAGE, **choice, seeds=SEEDS[[2, 0]])
    assert three.shape == (3, SIDE, SIDE, 4)
    assert len(np.unique(three.reshape(3, -1), axis=0)) == 3
    np.testing.assert_array_equal(two, three[[2, 0]])


def test_each_row_of_a_batch_is_drawn_as_alone(functions: Any) -> None:
    rows = INPUTS[SignatureName.SAMPLE_BATCH]
    together = draw(functions, SignatureName.SAMPLE_BATCH)
    for index, latent in enumerate(together):
        choice = {name: rows[name][index] for name in ("num_steps", "schedule", "sampler", "guidance_scale")}
        alone = draw(functions, SignatureName.TEXT_TO_IMAGE, **choice, seeds=SEEDS[index : index + 1])
        np.testing.assert_array_equal(latent, alone[0])


def test_strength_is_the_share_of_the_steps_from_the_image_as_it_is_to_nothing_of_it(functions: Any) -> None:
    whole = draw(functions, SignatureName.TEXT_TO_IMAGE)
    none, half, all_of_it = (
        draw(functions, SignatureName.IMAGE_TO_IMAGE, strength=np.float32(strength)) for strength in (0, 0.5, 1)
    )
    np.testing.assert_array_equal(none, np.repeat(INIT, 3, axis=0))
    np.testing.assert_array_equal(all_of_it, whole)
    assert not np.allclose(half, none)
    assert not np.allclose(half, whole)


@pytest.mark.parametrize(("num_steps", "strength", "taken"), [(10, 0.7, 7), (10, 0.1, 1), (50, 0.58, 29), (3, 0.5, 1)])
def test_a_share_of_the_steps_is_rounded_down_to_whole_ones(
    functions: Any, num_steps: int, strength: float, taken: int
) -> None:
    choice = {"num_steps": np.int32(num_steps), "strength": np.float32(strength)}
    draw(functions, SignatureName.DENOISE_RANGE, **choice, to_step=np.int32(taken))
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"from 0 to {taken}, the steps there are"):
        draw(functions, SignatureName.DENOISE_RANGE, **choice, to_step=np.int32(taken + 1))


def test_an_image_starts_with_the_noise_that_belongs_to_the_first_step(functions: Any) -> None:
    alpha = toy_models.alphas()[333]
    pure = draw(functions, SignatureName.PREPARE_LATENT, strength=np.float32(1))
    start = draw(functions, SignatureName.PREPARE_LATENT, strength=np.float32(0.5))
    np.testing.assert_allclose(start, np.sqrt(alpha) * INIT + np.sqrt(1 - alpha) * pure, atol=1e-5)


def test_inpainting_keeps_what_the_mask_leaves_out(functions: Any) -> None:
    latent = draw(functions, SignatureName.INPAINT)
    everywhere = draw(functions, SignatureName.INPAINT, mask=np.ones_like(MASK))
    np.testing.assert_array_equal(latent * (1 - MASK), np.repeat(INIT * (1 - MASK), 3, axis=0))
    assert not np.allclose(latent * MASK, INIT * MASK)
    np.testing.assert_array_equal(everywhere, draw(functions, SignatureName.IMAGE_TO_IMAGE))


@pytest.mark.parametrize("sampler", Sampler)
def test_ranges_of_steps_make_the_picture_of_one_call(functions: Any, sampler: Sampler) -> None:
    choice = {"sampler": str(sampler), "num_steps": np.int32(5), "strength": np.float32(0.8)}
    whole = draw(functions, SignatureName.INPAINT, **choice)
    prepared = {name: choice[name] for name in ("num_steps", "strength")}
    for split in range(5):
        state = {"latent": draw(functions, SignatureName.PREPARE_LATENT, **prepared)}
        for steps in ((0, split), (split, 4)):
            bounds = dict(zip(("from_step", "to_step"), np.array(steps, np.int32), strict=True))
            state = call(functions, SignatureName.DENOISE_RANGE, **choice, **{"denoised": INIT, **state}, **bounds)
        np.testing.assert_array_equal(state["latent"], whole)


def test_a_range_tells_the_picture_so_far(functions: Any) -> None:
    # This model's noise is the same in every step, so its picture is too.
    choice = {"mask": np.ones_like(MASK), "strength": np.float32(1)}
    state = {"latent": draw(functions, SignatureName.PREPARE_LATENT, strength=np.float32(1)), "denoised": INIT}
    preview = call(functions, SignatureName.DENOISE_RANGE, **choice, **state)["denoised"]
    np.testing.assert_allclose(preview, draw(functions, SignatureName.TEXT_TO_IMAGE), atol=2e-3)


def test_one_batched_call_of_the_model_guides_as_two_do(functions: Any) -> None:
    batched = toy_models.build(Component.DIFFUSION_MODEL, guidance="batched").signatures()
    np.testing.assert_allclose(
        draw(batched, SignatureName.TEXT_TO_IMAGE), draw(functions, SignatureName.TEXT_TO_IMAGE), atol=1e-4
    )


BAD: list[tuple[str, Any, str]] = [
    ("num_steps", 0, r"num_steps is \[?0"),
    ("num_steps", 1001, r"num_steps is \[?1001"),
    ("guidance_scale", np.nan, r"guidance_scale is \[?nan.*; it must be a finite number, such as 7.5"),
    ("sampler", "plms", r"sampler is .*plms.*; choose among ddim, dpm_solver_pp_2m, euler, euler_ancestral"),
    ("schedule", "cosine", "schedule is .*cosine.*; choose among linspace, trailing, karras"),
    ("strength", -0.1, "strength is -0.1; it must be from 0"),
    ("strength", 1.1, "strength is 1.1; it must be from 0"),
    ("strength", np.nan, "strength is nan; it must be from 0"),
    ("height", 24, r"height and width are \[24 16\]; this model is for 16x16 pixels only"),
    ("init_latent", np.zeros((1, 3, 2, 4)), r"init_latent has the shape \[1 3 2 4\], not .* 16x16 pixels only"),
    ("init_latent", np.zeros((2, 2, 2, 4)), "init_latent has 2 rows but the number of seeds is 3: give as many"),
    ("init_latent", np.full((1, 2, 2, 4), np.nan), "init_latent has values that are NaN or infinite"),
    ("mask", np.ones((1, 16, 16, 1)), r"mask has the shape \[1 16 16 1\] and init_latent \[3 2 2 4\]: give"),
    ("mask", np.full((1, 2, 2, 1), 255), r"mask has a value outside 0 \(keep\) to 1 \(draw anew\): divide"),
    ("seeds", np.zeros(0), r"the seeds have the shape \[0\]; give a list of one or more"),
    ("from_step", 2, "from_step is 2 and to_step 1; they must go up, from 0 to 2"),
    ("from_step", -1, "from_step is -1 and to_step 1; they must go up"),
    ("context", np.zeros((2, 77, WIDTH)), "context has 2 rows "),
    ("unconditional_context", np.zeros((1, 76, WIDTH)), r"unconditional_context has rows of the shape \[76"),
    ("seed", np.zeros(2), "context has 3 rows and seed 2: every input must have a row a picture"),
]


@pytest.mark.parametrize(
    ("name", "tensor", "value", "sentence"),
    [(name, *bad) for name, inputs in INPUTS.items() for bad in BAD if bad[0] in inputs],
)
def test_a_bad_request_is_refused_with_a_sentence(
    functions: Any, name: SignatureName, tensor: str, value: Any, sentence: str
) -> None:
    given = np.asarray(INPUTS[name][tensor])
    dtype = None if given.dtype.kind == "U" else given.dtype
    bad = np.asarray(value, dtype)
    if name is SignatureName.SAMPLE_BATCH and not bad.shape:
        bad = np.array([bad, *given[1:]], dtype)
    with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
        call(functions, name, **{tensor: bad})


@pytest.fixture(scope="module")
def of_many_sizes() -> Any:
    return toy_models.build(Component.DIFFUSION_MODEL, image_sizes=MANY_SIZES).signatures()


def test_the_signatures_are_the_contracts(functions: Any, of_many_sizes: Any) -> None:
    for traced, sizes in ((functions, None), (of_many_sizes, MANY_SIZES)):
        contract = exported_signatures(Component.DIFFUSION_MODEL, width=WIDTH, image_size=IMAGE_SIZE, image_sizes=sizes)
        assert set(traced) == set(contract)
        for name, function in traced.items():
            outputs = {each: tuple(tensor.shape.as_list()) for each, tensor in function.structured_outputs.items()}
            assert outputs == {each: spec.shape for each, spec in contract[name].outputs.items()}


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 192), (192, 64)])
def test_pictures_are_drawn_in_any_size_of_the_exported_range(of_many_sizes: Any, height: int, width: int) -> None:
    size = {"height": np.int32(height), "width": np.int32(width)}
    latent = draw(of_many_sizes, SignatureName.TEXT_TO_IMAGE, **size)
    assert latent.shape == (3, height // 8, width // 8, 4)


@pytest.mark.parametrize(("height", "width"), [(0, 64), (-64, 64), (100, 128), (128, 256), (64, 32)])
def test_other_sizes_are_refused_with_the_range(of_many_sizes: Any, height: int, width: int) -> None:
    size = {"height": np.int32(height), "width": np.int32(width)}
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="give a height and a width in multiples of 64 from 64 to 192"
    ):
        draw(of_many_sizes, SignatureName.TEXT_TO_IMAGE, **size)


def test_a_range_of_steps_over_latents_of_different_sizes_is_refused(of_many_sizes: Any) -> None:
    small, large = np.zeros((1, 8, 8, 4), np.float32), np.zeros((1, 8, 16, 4), np.float32)
    mask = np.ones((1, 8, 8, 1), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="give three of the same picture"):
        call(of_many_sizes, SignatureName.DENOISE_RANGE, init_latent=small, mask=mask, latent=large, denoised=small)
