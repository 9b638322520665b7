"""Warm-up requests, which TensorFlow Serving answers to itself when it loads a model, so that no user waits for that.

The first request to a signature pays for much that later ones do not: the optimisation of its graph, the choice of
kernels, memory. A warm-up request that fails keeps the model from being loaded, so each is made from the signature.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from sdp_serving.contract.artifact import WARM_UP_REQUESTS
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_FACTOR, TOKENS, Signature, SignatureName, TensorSpec
from sdp_serving.contract.vocabulary import END

_SIGNATURES: Final[Mapping[Component, Sequence[SignatureName]]] = {
    Component.TEXT_ENCODER: (SignatureName.DEFAULT, SignatureName.ENCODE_PROMPTS),
    Component.DIFFUSION_MODEL: (SignatureName.SAMPLE,),
    Component.DECODER: (SignatureName.DEFAULT, SignatureName.DECODE_PNG),
    Component.IMAGE_ENCODER: (SignatureName.DEFAULT,),
}
"""Those that this project's clients use, and their like from text and to files.

Not all: each costs a server seconds whenever it starts, one of the diffusion model's about six on a CPU.
"""

_VALUES: Final[Mapping[str, float | str]] = {
    "tokens": END,
    "batch_size": 1,
    "prompts": "a photo of a cat",
    "negative_prompts": "blurry",
    "num_steps": 1,
    "guidance_scale": 7.5,
}
"""Inputs that cannot be zero. Seeds, contexts, latents and images are: what they hold takes no time."""


def write_requests(folder: Path, component: Component, signatures: Mapping[str, Signature], *, image_size: int) -> None:
    """Add warm-up requests to a SavedModel.

    Args:
        folder: the SavedModel's.
        component: what it is.
        signatures: those that it has.
        image_size: pixels along one side of the image to ask for, where a signature leaves that open.
    """
    path = folder / WARM_UP_REQUESTS
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name in _SIGNATURES[component]:
            writer.write(_record(name, _inputs(signatures[name], image_size)))


def _inputs(signature: Signature, image_size: int) -> Mapping[str, tensor_pb2.TensorProto]:
    """One image in one step."""
    # A single value fills a tensor.
    return {
        name: tf.make_tensor_proto(_VALUES.get(name, 0), spec.dtype, _shape(name, spec, image_size))
        for name, spec in signature.inputs.items()
    }


def _shape(name: str, spec: TensorSpec, image_size: int) -> Sequence[int]:
    """The shape for one image."""
    if spec.shape is None:
        return (TOKENS,)
    side = image_size if name == "images" else image_size // LATENT_FACTOR
    # The first dimension is of images, others that are open are of one's height and width.
    return [size or (side if axis else 1) for axis, size in enumerate(spec.shape)]


def _record(signature: str, inputs: Mapping[str, tensor_pb2.TensorProto]) -> bytes:
    """A tensorflow.serving.PredictionLog in protobuf's wire format.

    Its classes come with tensorflow-serving-api alone, which the exporter does without. Field numbers are from
    tensorflow_serving/apis/{prediction_log,predict,model}.proto.
    """
    model_spec = _field(1, _field(3, signature.encode()))
    tensors = (
        _field(2, _field(1, name.encode()) + _field(2, tensor.SerializeToString())) for name, tensor in inputs.items()
    )
    request = _field(1, model_spec + b"".join(tensors))
    return _field(6, request)


def _field(number: int, content: bytes) -> bytes:
    length_delimited = 2
    return bytes([number << 3 | length_delimited]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the highest bit set."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
