from collections.abc import Mapping

import pytest
from tests.support.pipelines import pulled

from sdp_operator.swap.agreement import disagreement
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.report import Pulled

TEXT, UNET, DECODER = Component.TEXT_ENCODER, Component.DIFFUSION_MODEL, Component.DECODER
ENCODER = Component.IMAGE_ENCODER


def model(component: Component, width: int, image_size: int | None = 512) -> Pulled:
    return pulled(component, "gs://b/m").model_copy(update={"width": width, "image_size": image_size})


@pytest.mark.parametrize(
    ("component", "mine", "others"),
    [
        (UNET, model(UNET, 768), {}),
        (UNET, model(UNET, 768), {TEXT: None, DECODER: None}),
        (UNET, model(UNET, 768), {TEXT: model(TEXT, 768, 64), DECODER: model(DECODER, 1024)}),
        (UNET, model(UNET, 768, None), {DECODER: model(DECODER, 768, 64)}),
        (TEXT, model(TEXT, 768, 64), {DECODER: model(DECODER, 1024, 512)}),
    ],
)
def test_models_that_fit_together(component: Component, mine: Pulled, others: Mapping[Component, Pulled]) -> None:
    assert disagreement(component, mine, others) is None


def test_a_context_of_another_width_is_told_with_both_and_with_what_to_do() -> None:
    assert disagreement(UNET, model(UNET, 1024), {TEXT: model(TEXT, 768)}) == (
        "the model of diffusionModel is made for a context 1024 wide, and that of textEncoder for a context 768 wide:"
        " change both to models that belong together, or set diffusionModel back"
    )


def test_images_of_another_size_are_told() -> None:
    told = disagreement(DECODER, model(DECODER, 768, 512), {UNET: model(UNET, 768, 768)})
    assert told is not None
    assert "images of 512 pixels, and that of diffusionModel for images of 768 pixels" in told


def of_many_sizes(component: Component, own: int, smallest: int, largest: int) -> Pulled:
    sizes = ImageSizes(smallest=smallest, largest=largest)
    return model(component, 768, own).model_copy(update={"component": component, "image_sizes": sizes})


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        (of_many_sizes(DECODER, 512, 256, 768), {UNET: model(UNET, 768, 256)}),
        (of_many_sizes(DECODER, 512, 256, 768), {UNET: of_many_sizes(UNET, 768, 512, 1024)}),
        (of_many_sizes(DECODER, 512, 256, 768), {ENCODER: of_many_sizes(ENCODER, 1024, 768, 1024)}),
        (model(DECODER, 768, 512), {UNET: of_many_sizes(UNET, 512, 256, 768)}),
    ],
)
def test_a_model_of_many_sizes_fits_where_it_has_that_of_a_request_that_says_none(
    mine: Pulled, others: Mapping[Component, Pulled]
) -> None:
    assert disagreement(mine.component, mine, others) is None
    for component, other in others.items():
        assert disagreement(component, other, {mine.component: mine}) is None


@pytest.mark.parametrize(
    ("mine", "other", "told"),
    [
        (of_many_sizes(DECODER, 512, 256, 768), model(UNET, 768, 1024), "images of 256 to 768 pixels"),
        (model(DECODER, 768, 256), of_many_sizes(UNET, 512, 256, 768), "diffusionModel for images of 512 pixels"),
    ],
)
def test_models_without_a_size_in_common_are_told_with_all_that_they_have(
    mine: Pulled, other: Pulled, told: str
) -> None:
    assert told in str(disagreement(DECODER, mine, {UNET: other}))
