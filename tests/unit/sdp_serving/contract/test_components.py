from sdp_serving.contract.components import Component


def test_each_component_has_its_key_in_the_custom_resource() -> None:
    assert [component.field for component in Component] == ["textEncoder", "diffusionModel", "decoder"]
