from sdp_serving.contract.components import DRAWING, Component


def test_each_component_has_its_key_in_the_custom_resource() -> None:
    assert [component.field for component in Component] == [
        "textEncoder",
        "diffusionModel",
        "decoder",
        "imageEncoder",
    ]


def test_a_picture_from_a_prompt_takes_no_image_encoder() -> None:
    assert set(Component) - set(DRAWING) == {Component.IMAGE_ENCODER}
