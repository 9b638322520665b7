"""Which size pictures can have, by what the models offer."""

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_FACTOR, SignatureName
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
    decoded = _side(decoder, SignatureName.DEFAULT, inputs=True)
    if wanted is None:
        known = drawn or decoded or _own(diffusion)
        if known is None and SignatureName.TEXT_TO_IMAGE in diffusion.signatures:
            raise InvalidRequestError("the models draw in many sizes and have none of their own: give a size")
        return known
    if drawn is not None and drawn != wanted:
        raise NotOfferedError(
            Component.DIFFUSION_MODEL,
            f"the diffusion-model draws {drawn} pixels only, not {wanted}: ask for {drawn}, or serve one that was"
            " exported with --image-sizes",
        )
    if decoded is not None and decoded != wanted:
        raise NotOfferedError(
            Component.DECODER,
            f"the decoder makes pictures of {decoded} pixels only, not {wanted}: ask for {decoded}, or serve one that"
            " was exported for that size",
        )
    return wanted


def _drawn_only(diffusion: Offer) -> Size | None:
    """The only size that the model draws; None where a request may choose."""
    if SignatureName.TEXT_TO_IMAGE in diffusion.signatures:
        return _side(diffusion, SignatureName.TEXT_TO_IMAGE)
    return _own(diffusion)


def _own(diffusion: Offer) -> Size | None:
    return _side(diffusion, SignatureName.DEFAULT)


def _side(offer: Offer, name: SignatureName, *, inputs: bool = False) -> Size | None:
    signature = offer.signatures.get(name)
    if signature is None:
        return None
    latent = (signature.inputs if inputs else signature.outputs).get("latent")
    if latent is None or latent.shape is None or len(latent.shape) != 4:
        return None
    _, height, width, _ = latent.shape
    return None if height is None or width is None else Size(width * LATENT_FACTOR, height * LATENT_FACTOR)
