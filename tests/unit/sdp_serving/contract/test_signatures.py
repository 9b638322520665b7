import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import Signature, SignatureName, TensorSpec, differences, signatures


@pytest.mark.parametrize("component", Component)
def test_a_component_does_not_differ_from_itself(component: Component) -> None:
    expected = signatures(component, width=768, image_size=512)
    assert differences(expected, expected) == []


def test_the_parts_of_one_pipeline_fit_together() -> None:
    encoder, diffusion, decoder, image_encoder = (
        signatures(component, width=768, image_size=512)[SignatureName.DEFAULT] for component in Component
    )
    assert encoder.outputs.items() <= diffusion.inputs.items()
    assert diffusion.outputs == decoder.inputs
    assert image_encoder.outputs == decoder.inputs
    assert image_encoder.inputs["images"].shape == decoder.outputs["images"].shape == (None, 512, 512, 3)


def test_only_the_diffusion_model_can_sample_with_a_seed() -> None:
    offers = {component: set(signatures(component, width=96, image_size=64)) for component in Component}
    assert offers.pop(Component.DIFFUSION_MODEL) == {SignatureName.DEFAULT, SignatureName.SAMPLE}
    assert all(offer == {SignatureName.DEFAULT} for offer in offers.values())


def test_what_falls_short_is_told() -> None:
    scalar, vector = TensorSpec(dtype="int32", shape=()), TensorSpec(dtype="float32", shape=(None, 3))
    expected: dict[str, Signature] = {
        SignatureName.DEFAULT: Signature(inputs={"a": scalar, "b": scalar}, outputs={"c": vector})
    }

    short = {"serving_default": Signature(inputs={"a": vector}, outputs={"c": vector, "more": scalar})}

    assert differences(expected, short) == [
        "serving_default: a is float32 [?, 3], not int32 []",
        "serving_default: inputs lack b",
    ]
    assert differences(expected, {}) == ["the signature serving_default is missing"]
