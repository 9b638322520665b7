"""The flow against servers made of arithmetic, to which all of its calls must fit."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted_servers import (
    SIDE,
    VERSIONS,
    ScriptedServers,
    exported,
    plain,
    steps_taken,
    tokens_of,
)

from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation import receipt, start
from sdp_serving.generation.ask import Progress, Stage, Work
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.decode import Encoding, pictures_of
from sdp_serving.generation.errors import (
    NotOfferedError,
    RequestRefusedError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.generation.flow import Setting, default_guidance_scale, generate, generate_together, stride_of
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import ImageRequest, Size, Source
from sdp_serving.servers.drive import drive

TEXT, MODEL, DECODER, IMAGE = Component


def setting(**changes: Any) -> Setting:
    return replace(Setting(memory=Memory(), tokenize=tokens_of, fresh_seed=lambda: 77), **changes)


def draw(
    request: ImageRequest,
    servers: ScriptedServers | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    **changes: Any,
) -> Generation:
    return drive(generate(request, setting(**changes)), servers or ScriptedServers(), on_progress)


PICTURE = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)
MASK = np.zeros((90, 70), np.uint8)
MASK[:40] = 255
SOURCES = [None, Source(PICTURE), Source(PICTURE, MASK, strength=0.7), Source(PICTURE, strength=0.0)]


@given(
    images=st.integers(1, 3),
    steps=st.integers(1, 9),
    stride=st.integers(1, 10),
    source=st.sampled_from(SOURCES),
    sampler=st.sampled_from([None, *Sampler]),
)
def test_pictures_do_not_depend_on_how_the_steps_are_divided(
    images: int, steps: int, stride: int, source: Source | None, sampler: Sampler | None
) -> None:
    request = ImageRequest(prompt="red", images=images, seed=5, steps=steps, source=source, sampler=sampler)

    whole, divided = draw(request), draw(request, stride=stride)

    assert np.array_equal(whole.images, divided.images)
    assert whole.receipt == divided.receipt


@pytest.mark.parametrize("offers", [exported(), plain()], ids=["exported", "plain"])
@pytest.mark.parametrize("stride", [None, 2])
def test_each_picture_is_the_one_that_its_seed_gives_alone(offers: dict[Component, Offer], stride: int | None) -> None:
    request = ImageRequest(prompt="red", negative_prompt="blue", images=3, seed=5, steps=4)
    together = draw(request, ScriptedServers(offers), stride=stride)

    assert len({one.tobytes() for one in together.images}) == 3
    for index, pixels in enumerate(together.images):
        alone = draw(replace(request, images=1, seed=5 + index), ScriptedServers(offers))
        assert np.array_equal(alone.images, [pixels])
        assert alone.receipt == together.receipt.of_picture(index)


def test_models_of_any_make_draw_the_same() -> None:
    request = ImageRequest(prompt="red", negative_prompt="blue", images=2, seed=5, steps=4)

    ours, others = draw(request), draw(request, ScriptedServers(plain()))

    assert np.array_equal(ours.images, others.images)
    assert (ours.tokens_cut_off, others.tokens_cut_off) == (0, None)


def test_requests_that_are_drawn_together_are_as_if_alone() -> None:
    requests = [
        ImageRequest(prompt="red", images=2, seed=5, steps=4),
        ImageRequest(prompt="green", negative_prompt="blue", seed=9, steps=4),
        ImageRequest(prompt="x" * 80, images=3, seed=1, steps=4),
    ]
    assert len({request.together() for request in requests}) == 1
    servers = ScriptedServers()

    made = drive(generate_together(requests, setting(stride=3)), servers, lambda _: None)

    assert servers.names().count(SignatureName.DENOISE_RANGE) == 2
    for request, one in zip(requests, made, strict=True):
        alone = draw(request)
        assert np.array_equal(one.images, alone.images)
        assert (one.receipt, one.tokens_cut_off) == (alone.receipt, alone.tokens_cut_off)


def test_only_requests_that_are_alike_go_together() -> None:
    request = ImageRequest(prompt="x")
    differing: list[dict[str, Any]] = [
        {"steps": 3}, {"guidance_scale": 2.0}, {"size": Size(64, 64)}, {"sampler": Sampler.EULER},
        {"schedule": Schedule.KARRAS},
    ]  # fmt: skip
    assert request.together() == ImageRequest(prompt="y", seed=3, images=2, negative_prompt="z").together()
    assert all(replace(request, **change).together() != request.together() for change in differing)


def test_nothing_is_told_for_a_single_call_but_the_stages() -> None:
    servers, told = ScriptedServers(), list[Progress]()

    draw(ImageRequest(prompt="red", steps=4), servers, told.append)

    assert [(one.stage, one.step, one.total) for one in told] == [
        (Stage.ENCODING, 0, 4), (Stage.DENOISING, 0, 4), (Stage.DENOISING, 4, 4), (Stage.DECODING, 4, 4),
    ]  # fmt: skip
    assert servers.names() == [
        SignatureName.ENCODE_PROMPTS, SignatureName.TEXT_TO_IMAGE, SignatureName.DECODE_PNG,
    ]  # fmt: skip


def test_progress_is_told_after_each_range_with_a_preview() -> None:
    servers, told = ScriptedServers(), list[Progress]()

    made = draw(ImageRequest(prompt="red", steps=5, images=2), servers, told.append, stride=2)

    denoising = [one for one in told if one.stage is Stage.DENOISING]
    assert [(one.step, one.total) for one in denoising] == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert denoising[0].preview is None
    for one in denoising[1:]:
        assert one.preview is not None
        shown = pictures_of(one.preview, servers.predict(one.preview))
        assert shown.encoding is Encoding.JPEG
        assert shown.pixels.shape == made.images.shape


def test_a_model_that_takes_one_seed_is_told_of_picture_by_picture() -> None:
    told = list[Progress]()

    draw(ImageRequest(prompt="red", steps=5, images=2), ScriptedServers(plain()), told.append, stride=2)

    denoising = [(one.step, one.total) for one in told if one.stage is Stage.DENOISING]
    assert denoising == [(0, 10), (5, 10), (10, 10)]


@pytest.mark.parametrize("steps", [1, 24, 25, 26, 100, 1000])
def test_a_stride_makes_at_most_25_calls(steps: int) -> None:
    assert -(-steps // stride_of(steps)) <= 25
    assert stride_of(steps) <= max(1, steps / 12)


def test_a_flow_that_is_closed_asks_nothing_more() -> None:
    flow = generate(ImageRequest(prompt="red", steps=9), setting(stride=1))
    servers = ScriptedServers()

    def leave(progress: Progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(flow, servers, leave)
    assert servers.names().count(SignatureName.DENOISE_RANGE) == 3
    with pytest.raises(StopIteration):
        next(flow)


def test_what_models_offer_is_asked_once() -> None:
    servers, memory = ScriptedServers(), Memory()
    for _ in range(3):
        draw(ImageRequest(prompt="red", steps=2), servers, memory=memory)
    assert sum(isinstance(one, Look) for one in servers.asked) == 3


def test_what_a_model_offers_is_asked_again_when_another_version_has_answered() -> None:
    servers, memory = ScriptedServers(), Memory()
    request = ImageRequest(prompt="red", steps=2)
    draw(request, servers, memory=memory)

    servers.replace(MODEL, 30)
    draw(request, servers, memory=memory)
    asked = len(servers.asked)
    draw(request, servers, memory=memory)

    assert servers.asked[asked:][1] == Look(MODEL)


@pytest.mark.parametrize("stride", [None, 1])
def test_a_model_of_another_make_takes_over_without_a_failure(stride: int | None) -> None:
    servers, memory = ScriptedServers(), Memory()
    request = ImageRequest(prompt="red", steps=2, seed=3)
    before = draw(request, servers, memory=memory, stride=stride)

    servers.replace(MODEL, 30, plain()[MODEL])

    after = draw(request, servers, memory=memory, stride=stride)
    assert np.array_equal(before.images, after.images)
    assert after.versions[MODEL] == 30


def test_a_request_that_a_model_refuses_is_asked_for_once() -> None:
    servers, memory = ScriptedServers(), Memory()

    def refuse(asked: Call | Look) -> None:
        if isinstance(asked, Call) and asked.component is MODEL:
            raise RequestRefusedError(MODEL, "too many steps")

    servers.before = refuse
    for _ in range(2):
        servers.asked.clear()
        with pytest.raises(RequestRefusedError, match="too many steps"):
            draw(ImageRequest(prompt="red"), servers, memory=memory)
        assert len(servers.calls(MODEL)) == 1


def test_a_model_of_another_make_takes_over_under_the_same_version_number() -> None:
    servers, memory = ScriptedServers(), Memory()
    request = ImageRequest(prompt="red", steps=2, seed=3)
    before = draw(request, servers, memory=memory)

    servers.replace(MODEL, VERSIONS[MODEL], plain()[MODEL])
    after = draw(request, servers, memory=memory)
    assert np.array_equal(before.images, after.images)

    servers.replace(MODEL, VERSIONS[MODEL], exported()[MODEL])
    over_a_picture = replace(request, source=Source(PICTURE))
    assert np.array_equal(draw(over_a_picture, servers, memory=memory).images, draw(over_a_picture).images)

    larger = exported(ImageSizes(smallest=64, largest=256), decoder_side=128)
    servers.replace(MODEL, VERSIONS[MODEL], larger[MODEL])
    servers.replace(DECODER, VERSIONS[DECODER], larger[DECODER])
    size = Size(128, 128)
    assert draw(replace(request, size=size), servers, memory=memory).images.shape == (1, 128, 128, 3)


def test_what_models_lack_is_told_though_the_offers_were_remembered() -> None:
    servers, memory = ScriptedServers(plain()), Memory()
    draw(ImageRequest(prompt="red"), servers, memory=memory)
    with pytest.raises(NotOfferedError, match="cannot start from a picture"):
        draw(ImageRequest(prompt="red", source=Source(PICTURE)), servers, memory=memory)


@pytest.mark.parametrize("offers", [exported(), plain()], ids=["exported", "plain"])
def test_what_a_text_encoder_made_is_not_used_with_its_successors(offers: dict[Component, Offer]) -> None:
    class Replaced(ScriptedServers):
        """Another text encoder, under the same version number."""

        def predict(self, call: Call) -> Answer:
            answer = super().predict(call)
            if call.component is not TEXT:
                return answer
            return Answer({name: -array for name, array in answer.outputs.items()}, answer.version)

    memory = Memory()
    request = ImageRequest(prompt="red", negative_prompt="blue", seed=1, steps=2)
    draw(request, ScriptedServers(offers), memory=memory)

    assert np.array_equal(draw(request, Replaced(offers), memory=memory).images, draw(request, Replaced(offers)).images)


@pytest.mark.parametrize(("width", "scale"), [(96, 3.0), (768, 7.5), (1024, 7.5)])
def test_the_guidance_scale_suits_the_model(width: int, scale: float) -> None:
    assert default_guidance_scale(width) == scale


def test_the_guidance_scale_is_the_one_that_is_given() -> None:
    assert draw(ImageRequest(prompt="x", guidance_scale=0.0)).receipt.guidance_scale == 0.0
    assert draw(ImageRequest(prompt="x")).receipt.guidance_scale == 3.0


def test_the_receipt_has_all_that_makes_the_pictures_again() -> None:
    request = ImageRequest(
        prompt="red", negative_prompt="blue", images=2, steps=4, guidance_scale=2.0,
        sampler=Sampler.EULER, schedule=Schedule.KARRAS, source=Source(PICTURE, MASK, 0.5),
    )  # fmt: skip
    made = draw(request).receipt

    assert (made.prompt, made.negative_prompt, made.images, made.seed) == ("red", "blue", 2, 77)
    assert (made.steps, made.guidance_scale, made.sampler, made.schedule) == (4, 2.0, "euler", "karras")
    assert (made.width, made.height) == (SIDE, SIDE)
    assert made.source is not None
    assert (made.source.mask is None, made.source.strength) == (False, 0.5)
    assert {component: model.version for component, model in made.models.items()} == VERSIONS


def test_the_pixels_of_a_source_are_worked_on_only_where_a_thread_may_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = [False]

    def noted(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            assert at_work[-1]
            return work(*arguments)

        return run

    for module, name in ((start, "fitted_image"), (start, "fitted_mask"), (receipt, "digest_of")):
        monkeypatch.setattr(module, name, noted(getattr(module, name)))
    servers, flow, works = ScriptedServers(), generate(ImageRequest(prompt="x", source=SOURCES[2]), setting()), 0
    event = next(flow)
    with suppress(StopIteration):
        while True:
            reply: Answer | Offer | None = None
            match event:
                case Call():
                    reply = servers.predict(event)
                case Look():
                    reply = servers.look(event)
                case Work():
                    at_work.append(True)
                    event.run()
                    at_work.append(False)
                    works += 1
            event = flow.send(reply)
    assert works == 2


@pytest.mark.parametrize(("strength", "taken"), [(0.0, 0), (0.3, 3), (0.7, 7), (0.75, 7), (1.0, 10)])
def test_the_strength_says_how_many_steps_are_taken(strength: float, taken: int) -> None:
    request = ImageRequest(prompt="x", steps=10, source=Source(PICTURE, strength=strength))
    assert request.steps_to_take == taken == steps_taken(10, strength)


def test_pictures_come_as_they_are_wanted_where_the_decoder_can() -> None:
    request = ImageRequest(prompt="x", seed=1, steps=2)
    lossless = [draw(request, encoding=one) for one in (None, Encoding.PNG, Encoding.WEBP)]
    assert all(np.array_equal(one.images, lossless[0].images) for one in lossless)
    assert [one.pictures.encoding for one in lossless] == [None, Encoding.PNG, Encoding.PNG]
    assert draw(request, encoding=Encoding.JPEG).pictures.encoding is Encoding.JPEG
    assert draw(request, ScriptedServers(plain()), encoding=Encoding.JPEG).pictures.encoding is None


def test_a_size_is_drawn_where_the_models_have_it() -> None:
    servers = ScriptedServers(exported(ImageSizes(smallest=64, largest=256), decoder_side=128))

    asked = draw(ImageRequest(prompt="x", size=Size(128, 128)), servers).receipt
    left_out = draw(ImageRequest(prompt="x"), servers).receipt

    assert (asked.width, asked.height) == (left_out.width, left_out.height) == (128, 128)


LACKING: list[tuple[dict[str, Any], dict[Component, Offer], str]] = [
    ({"size": Size(128, 64)}, exported(), "the diffusion-model draws 64x64 pixels only, not 128x64: ask for 64x64"),
    (
        {"size": Size(128, 128)},
        exported(ImageSizes(smallest=64, largest=256)),
        "the decoder works on pictures of 64x64 pixels only, not 128x128: ask for 64x64",
    ),
    ({}, exported(decoder_side=128), "the decoder works on pictures of 128x128 pixels only, not 64x64"),
    (
        {"source": Source(PICTURE)},
        exported(ImageSizes(smallest=64, largest=256), decoder_side=128),
        "the image-encoder works on pictures of 64x64 pixels only, not 128x128",
    ),
    ({"size": Size(128, 128)}, plain(), "the diffusion-model draws 64x64 pixels only"),
    ({"sampler": Sampler.EULER}, plain(), "has one sampler and schedule only"),
    ({"schedule": Schedule.KARRAS}, plain(), "has one sampler and schedule only"),
    ({"seed": 3}, plain(has_sample=False), "takes no seed and no guidance scale"),
    ({"guidance_scale": 3.0}, plain(has_sample=False), "takes no seed and no guidance scale"),
    ({"source": Source(PICTURE)}, plain(), "cannot start from a picture"),
    ({"source": Source(PICTURE, MASK)}, plain(), "cannot redraw a part of a picture"),
    ({"source": Source(PICTURE)}, {**plain(), MODEL: exported()[MODEL]}, "there is no image-encoder"),
]


@pytest.mark.parametrize(("asked", "offers", "sentence"), LACKING)
def test_what_models_lack_is_told_before_they_draw(
    asked: dict[str, Any], offers: dict[Component, Offer], sentence: str
) -> None:
    servers = ScriptedServers(offers)
    with pytest.raises(NotOfferedError, match=sentence):
        draw(ImageRequest(prompt="x", **asked), servers)
    assert not servers.calls(MODEL)


def test_a_model_that_takes_no_seed_draws_all_the_same() -> None:
    made = draw(ImageRequest(prompt="x", images=2), ScriptedServers(plain(has_sample=False)))
    assert len(made.images) == 2
    assert (made.seed, made.receipt.guidance_scale) == (None, None)


@pytest.mark.parametrize("stride", [None, 1])
def test_servers_that_batch_draw_the_same_from_prompts(stride: int | None) -> None:
    servers = ScriptedServers()
    servers.batching = frozenset(Component)
    requests = [
        ImageRequest(prompt="red", negative_prompt="blue", images=2, seed=5, steps=4, sampler=Sampler.EULER),
        ImageRequest(prompt="green", seed=9, steps=4, sampler=Sampler.EULER),
    ]
    for wanted in (requests, requests[:1]):
        made = drive(generate_together(wanted, setting(stride=stride)), servers, lambda _: None)
        for request, one in zip(wanted, made, strict=True):
            assert np.array_equal(one.images, draw(request).images)


@pytest.mark.parametrize(
    ("asked", "offers"),
    [
        ({"source": Source(PICTURE)}, exported()),
        ({"size": Size(128, 128)}, exported(ImageSizes(smallest=64, largest=256), decoder_side=128)),
    ],
)
def test_what_servers_that_batch_cannot_draw_is_told(asked: dict[str, Any], offers: dict[Component, Offer]) -> None:
    servers = ScriptedServers(offers)
    servers.batching = frozenset({MODEL})
    with pytest.raises(NotOfferedError, match="draws from prompts alone and in 64x64 pixels only"):
        draw(ImageRequest(prompt="x", **asked), servers)


CANARY = Canary(version=VERSIONS[MODEL], percent=100, model="gs://b/unet")


@pytest.mark.parametrize("stride", [None, 1])
def test_a_canary_draws_all_steps(stride: int | None) -> None:
    servers = ScriptedServers()
    made = draw(ImageRequest(prompt="x", steps=3), servers, canary=CANARY, stride=stride)
    assert made.variant is Variant.CANARY
    assert {(call.variant, call.version) for call in servers.calls(MODEL)} == {(Variant.CANARY, CANARY.version)}


@pytest.mark.parametrize("error", [VersionGoneError, ServerUnreachableError])
@pytest.mark.parametrize("at", [0, 2])
def test_a_canary_that_goes_at_any_step_fails_nobody(error: type[VersionGoneError], at: int) -> None:
    servers = ScriptedServers()

    def go(asked: Call | Look) -> None:
        if asked.variant is Variant.CANARY and len(servers.calls(MODEL)) >= at:
            raise error(MODEL, "gone")

    servers.before = go
    request = ImageRequest(prompt="x", steps=3, seed=1)
    made = draw(request, servers, canary=CANARY, stride=1)

    assert made.variant is Variant.STABLE
    assert np.array_equal(made.images, draw(request).images)


def test_an_image_encoder_that_is_away_is_not_taken_for_the_canary() -> None:
    servers = ScriptedServers()

    def be_away(asked: Call | Look) -> None:
        if asked.component is IMAGE:
            raise ServerUnreachableError(IMAGE, "away")

    servers.before = be_away
    with pytest.raises(ServerUnreachableError, match="away"):
        draw(ImageRequest(prompt="x", source=Source(PICTURE)), servers, canary=CANARY)
    assert not [one for one in servers.asked if one.component is MODEL and one.variant is Variant.STABLE]


@pytest.mark.parametrize("times", [1, 100])
def test_a_model_that_is_replaced_between_two_ranges_draws_all_steps_anew(times: int) -> None:
    servers = ScriptedServers()

    def swap(asked: Call | Look) -> None:
        if (
            isinstance(asked, Call)
            and asked.signature is SignatureName.DENOISE_RANGE
            and asked.inputs["from_step"] == 2
        ):
            version = servers.offers[MODEL].version
            if version < VERSIONS[MODEL] + times:
                servers.replace(MODEL, version + 1)

    servers.before = swap
    request = ImageRequest(prompt="x", steps=4, seed=1)
    made = draw(request, servers, stride=1)

    assert np.array_equal(made.images, draw(request).images)
    assert made.versions[MODEL] == VERSIONS[MODEL] + min(times, 3)


def test_an_error_that_nothing_helps_against_comes_out() -> None:
    servers = ScriptedServers()

    def be_slow(asked: Call | Look) -> None:
        if asked.component is DECODER and isinstance(asked, Call):
            raise ServerTimeoutError(DECODER, "too slow")

    servers.before = be_slow
    with pytest.raises(ServerTimeoutError) as raised:
        draw(ImageRequest(prompt="x"), servers)
    assert raised.value.component is DECODER


FAULTS: dict[str, tuple[Component, Any]] = {
    "context": (TEXT, np.ones((1, 76, 6), np.float32)),
    "unconditional_context": (TEXT, np.ones((1, 77, 5), np.float32)),
    "latent": (MODEL, np.ones((2, 8, 8, 4), np.float32)),
    "image_bytes": (DECODER, np.array([b"x", b"y"], dtype=object)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_output_of_a_wrong_shape_is_named_with_its_component(name: str) -> None:
    component, fault = FAULTS[name]

    class Faulty(ScriptedServers):
        def predict(self, call: Call) -> Answer:
            answer = super().predict(call)
            return Answer({**answer.outputs, **({name: fault} if name in answer.outputs else {})}, answer.version)

    with pytest.raises(UnexpectedAnswerError, match=f"the output {name} of the {component} has the shape") as raised:
        draw(ImageRequest(prompt="x"), Faulty())
    assert raised.value.component is component


@pytest.mark.parametrize("stride", [None, 1])
@pytest.mark.parametrize("offers", [exported(), plain()], ids=["exported", "plain"])
def test_a_latent_without_numbers_is_told_instead_of_a_black_picture(
    offers: dict[Component, Offer], stride: int | None
) -> None:
    class Overflowing(ScriptedServers):
        def predict(self, call: Call) -> Answer:
            answer = super().predict(call)
            if call.component is MODEL and call.signature is not SignatureName.PREPARE_LATENT:
                return Answer(
                    {**answer.outputs, "latent": answer.outputs["latent"] * np.float32("nan")}, answer.version
                )
            return answer

    with pytest.raises(UnexpectedAnswerError, match="drew what is no number: ask for a lower guidance scale"):
        draw(ImageRequest(prompt="x", steps=3), Overflowing(offers), stride=stride)


def test_a_file_that_is_no_picture_is_told_when_it_is_looked_at_or_written() -> None:
    class Garbage(ScriptedServers):
        def predict(self, call: Call) -> Answer:
            answer = super().predict(call)
            if call.component is DECODER:
                return Answer({"image_bytes": np.array([b"garbage"], dtype=object)}, 1)
            return answer

    with pytest.raises(UnexpectedAnswerError, match="a file that is no picture"):
        _ = draw(ImageRequest(prompt="x"), Garbage()).images
    with pytest.raises(UnexpectedAnswerError, match="a file that is no picture"):
        draw(ImageRequest(prompt="x"), Garbage()).file(0)


def test_each_stage_is_timed() -> None:
    ticks = iter(range(100))
    made = draw(ImageRequest(prompt="x"), clock=lambda: float(next(ticks)))
    assert made.seconds == {Stage.ENCODING: 1.0, Stage.DENOISING: 1.0, Stage.DECODING: 1.0}
