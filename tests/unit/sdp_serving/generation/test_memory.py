from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.calls import Look, Offer
from sdp_serving.generation.memory import Memory

MODEL = Component.DIFFUSION_MODEL


def test_an_offer_is_forgotten_once_another_version_answers() -> None:
    memory = Memory()
    stable, canary, pinned = Look(MODEL), Look(MODEL, variant=Variant.CANARY), Look(MODEL, 3)
    for look in (stable, canary, pinned):
        memory.keep_offer(look, Offer(3, {}))

    memory.saw(MODEL, Variant.STABLE, 3)
    assert memory.offer(stable) is not None
    memory.saw(MODEL, Variant.STABLE, 4)

    assert memory.offer(stable) is None
    assert memory.offer(canary) is not None
    assert memory.offer(pinned) is not None
    memory.forget(MODEL)
    assert memory.offers() == {}
