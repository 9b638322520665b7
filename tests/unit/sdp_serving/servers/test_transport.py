import numpy as np
import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Answer, Array, Call
from sdp_serving.generation.errors import BatchesOnlyError, NotOfferedError, RequestRefusedError, UnexpectedAnswerError
from sdp_serving.servers.transport import Address, checked, of_component, one_line, refused

LATENT: dict[str, Array] = {"latent": np.zeros((1, 8, 8, 4), np.float32)}


def test_a_models_own_words_are_told_without_tensorflows() -> None:
    said = "assertion failed: [num_steps is 0; it must be from 1 to 1000]\n\t [[{{node Assert/Assert}}]]"
    assert one_line(said) == "num_steps is 0; it must be from 1 to 1000"
    assert one_line("two\n lines [[{{node x}}]]") == "two lines"
    assert one_line("") == "no details"


def test_a_server_cannot_speak_to_the_terminal() -> None:
    assert one_line("no \x1b]0;title\x07 \x9b2J\u202e") == "no \ufffd]0;title\ufffd \ufffd2J\ufffd"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("sd:8500", Address("sd", 8500)),
        ("[::1]:8500", Address("::1", 8500)),
        ("sd", None),
        (":8500", None),
        ("sd:0", None),
        ("sd:65536", None),
        ("sd:http", None),
    ],
)
def test_an_address_is_read_as_it_is_written(written: str, address: Address | None) -> None:
    assert Address.parse(written) == address
    assert address is None or str(address) == written


@pytest.mark.parametrize(
    ("said", "kind", "ending"),
    [
        ("num_steps is 0", RequestRefusedError, r"\(HTTP 400\): num_steps is 0$"),
        ("Batching Run() input tensors must have at least one dimension", BatchesOnlyError, "at least one dimension$"),
        (
            "OOM when allocating tensor with shape[64]",
            RequestRefusedError,
            r"\[64\]: ask for fewer or smaller pictures",
        ),
    ],
)
def test_a_refusal_is_told_with_what_can_be_done(said: str, kind: type[RequestRefusedError], ending: str) -> None:
    error = refused(Component.DECODER, said, code="HTTP 400", where="the decoder at x:1", is_clients_fault=True)
    assert (type(error), error.component, error.is_clients_fault) == (kind, Component.DECODER, True)
    with pytest.raises(kind, match=f"^the decoder at x:1 refused the request .*{ending}"):
        raise error


def test_a_component_that_is_nowhere_is_told_with_its_remedy() -> None:
    with pytest.raises(NotOfferedError, match="there is no image-encoder: add imageEncoder to the pipeline's spec"):
        of_component(Component.IMAGE_ENCODER, {})


@pytest.mark.parametrize("outputs", [{}, {"image_bytes": np.zeros(1, np.float32)}])
def test_an_output_that_the_contract_does_not_have_is_told(outputs: dict[str, Array]) -> None:
    call = Call(Component.DECODER, SignatureName.DECODE_PNG, LATENT)
    with pytest.raises(UnexpectedAnswerError, match=r"the decoder answered .* for its output image_bytes, not object"):
        checked(call, Answer(outputs, 1))


def test_outputs_that_were_not_asked_for_need_not_be_there() -> None:
    call = Call(Component.TEXT_ENCODER, SignatureName.ENCODE_PROMPTS, {}, outputs=("context",))
    answer = Answer({"context": np.zeros((1, 77, 6), np.float32)}, 1)
    assert checked(call, answer) is answer
