import numpy as np

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.calls import Look, Offer
from sdp_serving.generation.memory import Memory, Unconditional

MODEL = Component.DIFFUSION_MODEL


def made(value: float) -> Unconditional:
    return Unconditional(np.array([[value]], np.float32), 0)


def test_a_negative_prompt_is_remembered_for_the_version_that_encoded_it() -> None:
    memory = Memory()
    memory.keep_unconditional("blue", 1, made(1))
    found = memory.unconditional("blue", 1)
    assert found is not None
    assert found.context.item() == 1
    assert memory.unconditional("blue", 2) is None
    assert memory.unconditional("red", 1) is None


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    memory = Memory()
    memory.keep_unconditional("kept", 1, made(0))
    for number in range(200):
        memory.keep_unconditional(f"{number}", 1, made(number))
        assert memory.unconditional("kept", 1) is not None
    assert memory.unconditional("0", 1) is None
    assert memory.unconditional("199", 1) is not None


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
    assert memory.offers_of(MODEL) == []
