"""Which size pictures can have, by what the models offer."""

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_FACTOR, SignatureName, TensorSpec
from sdp_serving.generation.calls import Offer
from sdp_serving.generation.errors import InvalidRequestError, NotOfferedError
from sdp_serving.generation.request import Size


def chosen_size(wanted: Size | None, diffusion: Offer, decoder: Offer) -> Size | None:
    """The size to draw in; None where a model has but one of its own and doesn't say it.

    Args:
        wanted: what is asked for; None for the models' own.
        diffusion: what the diffusion model offers.
        decoder: what the decoder offers.

    Raises:
        InvalidRequestError: when a size must be given.
        NotOfferedError: when they don't make pictures of the size that is wanted.
    """
    drawn = _drawn_only(diffusion)
    decoded = _size(_input(decoder, "latent"), LATENT_FACTOR)
    size = wanted or drawn or decoded or own_size(diffusion)
    if size is None and SignatureName.TEXT_TO_IMAGE in diffusion.signatures:
        raise InvalidRequestError("the models draw in many sizes and have none of their own: give a size")
    if drawn is not None and drawn != size:
        raise NotOfferedError(
            Component.DIFFUSION_MODEL,
            f"the diffusion-model draws {drawn} pixels only, not {size}: ask for {drawn}, or serve one that was"
            " exported with --image-sizes",
        )
    if decoded is not None and size is not None and decoded != size:
        raise _made_for(Component.DECODER, decoded, size)
    return size


def require_encodable(size: Size, encoder: Offer) -> None:
    """Check that the image encoder takes pictures of the size that is drawn.

    Raises:
        NotOfferedError: when it doesn't.
    """
    encoded = _size(_input(encoder, "images"), 1)
    if encoded is not None and encoded != size:
        raise _made_for(Component.IMAGE_ENCODER, encoded, size)


def _made_for(component: Component, only: Size, size: Size) -> NotOfferedError:
    return NotOfferedError(
        component,
        f"the {component} works on pictures of {only} pixels only, not {size}: ask for {only}, or serve one that was"
        " exported for that size",
    )


def own_size(diffusion: Offer) -> Size | None:
    """The size that a diffusion model draws in where a request doesn't say it; None where it doesn't tell."""
    return _size(_latent_of(diffusion, SignatureName.DEFAULT), LATENT_FACTOR)


def _drawn_only(diffusion: Offer) -> Size | None:
    """The only size that the model draws; None where a request may choose."""
    if SignatureName.TEXT_TO_IMAGE in diffusion.signatures:
        return _size(_latent_of(diffusion, SignatureName.TEXT_TO_IMAGE), LATENT_FACTOR)
    return own_size(diffusion)


def _latent_of(diffusion: Offer, name: SignatureName) -> TensorSpec | None:
    signature = diffusion.signatures.get(name)
    return None if signature is None else signature.outputs.get("latent")


def _input(offer: Offer, name: str) -> TensorSpec | None:
    signature = offer.signatures.get(SignatureName.DEFAULT)
    return None if signature is None else signature.inputs.get(name)


def _size(spec: TensorSpec | None, factor: int) -> Size | None:
    """The size of pictures in a tensor, [rows, height / factor, width / factor, channels]; None where it is open."""
    match None if spec is None else spec.shape:
        case (_, int(height), int(width), _):
            return Size(width * factor, height * factor)
        case _:
            return None
