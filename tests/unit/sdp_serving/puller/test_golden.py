import json
import math
from typing import Any

import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.signatures import SignatureName, signatures
from sdp_serving.puller.golden import GoldenRequest, fault, golden_request


def model(component: Component, *, width: int | None = 4, image_size: int | None = 16, sd: str = "tiny") -> Pulled:
    return Pulled(
        component=component,
        uri="gs://bucket/model/1",
        version=1,
        source_digest="sha256:0",
        weights="test",
        width=width,
        image_size=image_size,
        sd_version=sd,
        size_bytes=1,
        seconds=0,
    )


def shape(value: Any) -> list[int]:
    return [len(value), *shape(value[0])] if isinstance(value, list) else []


@pytest.mark.parametrize("component", Component)
def test_the_request_has_just_the_inputs_of_the_signature_in_their_shapes(component: Component) -> None:
    declared = signatures(component, width=4, image_size=16)
    for name in declared:
        request = golden_request(model(component), [name])

        assert request.signature == name
        assert request.inputs.keys() == declared[name].inputs.keys()
        assert request.outputs.keys() == declared[name].outputs.keys()
        for each, tensor in declared[name].inputs.items():
            if tensor.shape is not None:
                assert shape(request.inputs[each]) == [size or 1 for size in tensor.shape]
        json.dumps(request.inputs, allow_nan=False)


def test_the_signature_with_a_seed_is_called_where_it_is_offered() -> None:
    diffusion = model(Component.DIFFUSION_MODEL)

    assert golden_request(diffusion, ["serving_default", "sample"]).signature is SignatureName.SAMPLE
    assert golden_request(diffusion, ["serving_default"]).signature is SignatureName.DEFAULT
    assert golden_request(model(Component.DECODER), ["serving_default", "sample"]).signature is SignatureName.DEFAULT


@pytest.mark.parametrize("component", Component)
def test_a_server_that_batches_is_asked_with_a_row_for_the_image(component: Component) -> None:
    exported = exported_signatures(component, width=4, image_size=16)
    request = golden_request(model(component), list(exported), batching=True)
    declared = exported[request.signature]

    assert request.inputs.keys() == declared.inputs.keys()
    assert request.outputs.keys() <= declared.outputs.keys()
    for each, tensor in declared.inputs.items():
        assert tensor.shape is not None
        assert shape(request.inputs[each]) == [size or 1 for size in tensor.shape]
        assert len(request.inputs[each]) == 1


def test_it_is_the_same_each_time_and_of_one_image_in_two_steps() -> None:
    diffusion = model(Component.DIFFUSION_MODEL)

    request = golden_request(diffusion, ["sample"])

    assert request == golden_request(diffusion, ["sample"])
    assert (request.inputs["num_steps"], request.inputs["batch_size"]) == (2, 1)
    assert request.inputs["context"] != request.inputs["unconditional_context"]


def test_sizes_that_nobody_knows_are_those_of_the_pipelines_version_and_any_answer_has_them() -> None:
    unknown = golden_request(model(Component.DIFFUSION_MODEL, width=None, image_size=None, sd="2.1"), [])

    assert shape(unknown.inputs["context"]) == [1, 77, 1024]
    assert unknown.outputs == {"latent": (1, None, None, 4)}
    assert fault(unknown, [[[[0.0, 1.0, 2.0, 3.0]] * 5] * 3]) is None
    assert golden_request(model(Component.TEXT_ENCODER, width=None), []).outputs["context"] == (1, 77, None)
    assert shape(golden_request(model(Component.DECODER, image_size=None), []).inputs["latent"]) == [1, 64, 64, 4]


LATENT = GoldenRequest(SignatureName.DEFAULT, {}, {"latent": (1, 2)})
IMAGES = GoldenRequest(SignatureName.DEFAULT, {}, {"images": (1, 2)})
CONTEXTS = GoldenRequest(SignatureName.DEFAULT, {}, {"context": (1, 2), "unconditional_context": (1, 2)})


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        (LATENT, [[0.5, -999.0]]),
        (LATENT, {"latent": [[1, 2]]}),
        (IMAGES, [[0, 255]]),
        (CONTEXTS, {"context": [[1, 2]], "unconditional_context": [[0.1, 0.2]], "more": 1}),
    ],
)
def test_an_answer_in_order_has_no_fault(request_: GoldenRequest, answered: object) -> None:
    assert fault(request_, answered) is None


@pytest.mark.parametrize(
    ("request_", "answered", "words"),
    [
        (LATENT, [[math.nan, 1.0]], "its output latent holds values that are no numbers (NaN or infinite)"),
        (LATENT, [[math.inf, 1.0]], "its output latent holds values that are no numbers (NaN or infinite)"),
        (LATENT, [[0.25, 0.25]], "its output latent is 0.25 everywhere"),
        (LATENT, [[0.0, 1001.0]], "holds values from 0 to 1001, which should lie between -1000 and 1000"),
        (LATENT, [[0.0, 1.0, 2.0]], "its output latent is not of the shape [1, 2]"),
        (LATENT, [[0.0], [1.0]], "its output latent is not of the shape [1, 2]"),
        (LATENT, [[0.0, [1.0]]], "its output latent is not of the shape [1, 2]"),
        (LATENT, [["0", "1"]], "its output latent is not of the shape [1, 2]"),
        (LATENT, [[True, False]], "its output latent is not of the shape [1, 2]"),
        (LATENT, None, "its output latent is not of the shape [1, 2]"),
        (LATENT, {"images": [[1, 2]]}, "it answers without the output latent"),
        (IMAGES, [[7, 7]], "its output images is 7 everywhere"),
        (IMAGES, [[0, 256]], "holds values from 0 to 256, which should lie between 0 and 255"),
        (IMAGES, [[-1, 3]], "holds values from -1 to 3, which should lie between 0 and 255"),
        (CONTEXTS, [[1, 2]], "it answers without the outputs context, unconditional_context"),
        (CONTEXTS, {"context": [[1, 2]]}, "it answers without the output unconditional_context"),
        (CONTEXTS, {"context": [[1, 2]], "unconditional_context": [[3, 3]]}, "unconditional_context is 3 everywhere"),
    ],
)
def test_nonsense_is_told(request_: GoldenRequest, answered: object, words: str) -> None:
    found = fault(request_, answered)
    assert found is not None
    assert words in found
