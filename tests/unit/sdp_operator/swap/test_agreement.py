from collections.abc import Mapping

import pytest
from tests.support.pipelines import pulled

from sdp_operator.swap.agreement import disagreement
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled

TEXT, UNET, DECODER = Component.TEXT_ENCODER, Component.DIFFUSION_MODEL, Component.DECODER


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
