"""Whether the diffusion model that is served can do what is asked for."""

from sdp_serving.contract.components import Component
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Offer
from sdp_serving.generation.errors import NotOfferedError
from sdp_serving.generation.request import ImageRequest

_REMEDY = "or serve one that `sdpipeline export` wrote"


def require_suitable(request: ImageRequest, diffusion: Offer, *, has_choice: bool) -> None:
    """Check that a diffusion model can draw what is asked for.

    Args:
        request: what is asked for.
        diffusion: what the model offers.
        has_choice: whether a seed or a guidance scale was chosen, and must be heeded.

    Raises:
        NotOfferedError: when it can't.
    """
    offered = diffusion.signatures
    if request.source is not None:
        kind, name = (
            ("start from a picture", SignatureName.IMAGE_TO_IMAGE)
            if request.source.mask is None
            else ("redraw a part of a picture", SignatureName.INPAINT)
        )
        if name not in offered:
            raise _lacks(f"cannot {kind} (it has no signature {name}): leave the image out", _REMEDY)
        return
    if SignatureName.TEXT_TO_IMAGE in offered:
        return
    if request.sampler not in (None, Sampler.DDIM) or request.schedule not in (None, Schedule.LINSPACE):
        raise _lacks(
            f"has one sampler and schedule only (it has no signature {SignatureName.TEXT_TO_IMAGE}): leave them out",
            _REMEDY,
        )
    if has_choice and not takes_choices(diffusion):
        raise _lacks(
            f"takes no seed and no guidance scale (it has no signature {SignatureName.SAMPLE}): leave them out", _REMEDY
        )


def takes_choices(diffusion: Offer) -> bool:
    """Whether the model heeds a seed and a guidance scale, so that its pictures can be made again."""
    return bool({SignatureName.TEXT_TO_IMAGE, SignatureName.SAMPLE} & diffusion.signatures.keys())


def _lacks(what: str, remedy: str) -> NotOfferedError:
    return NotOfferedError(Component.DIFFUSION_MODEL, f"the diffusion-model that is served {what}, {remedy}")
