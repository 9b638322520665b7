from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import RoutedComponent, RoutedModel, RoutedSwap, Routes

OLD = RoutedModel(uri="gs://b/unet/1", version=1, digest="sha256:1", number=90)
NEW = RoutedModel(uri="gs://b/unet/2", version=2, digest="sha256:2", number=80)
IMAGE = RoutedModel(uri="registry.example.com/unet:1")
SWAP = RoutedSwap(step="Switching", candidate="gs://b/unet/2")


def test_an_answer_is_told_by_the_number_of_the_model_that_gave_it() -> None:
    models = RoutedComponent(serving=OLD, others=(NEW,), swap=SWAP)

    assert [models.answered(number) for number in (90, 80)] == [OLD, NEW]


def test_nobody_is_named_for_an_answer_of_a_number_that_is_not_known() -> None:
    assert RoutedComponent(serving=OLD).answered(70) is None
    assert RoutedComponent(serving=OLD).answered(None) is None
    assert RoutedComponent().answered(90) is None


def test_a_model_whose_number_is_not_known_gave_every_answer_as_long_as_no_other_one_can_have() -> None:
    assert RoutedComponent(serving=IMAGE).answered(1) == IMAGE
    assert RoutedComponent(serving=IMAGE).answered(None) == IMAGE
    assert RoutedComponent(serving=IMAGE, others=(NEW,)).answered(1) is None
    assert RoutedComponent(serving=IMAGE, swap=SWAP).answered(1) is None


def test_what_an_older_operator_wrote_and_what_a_newer_one_adds_is_read() -> None:
    assert Routes.model_validate_json('{"canaries":{}}') == Routes()
    newer = '{"components":{"decoder":{"swap":{"step":"Humming","candidate":"gs://b/d","tune":1}}},"more":2}'
    swap = Routes.model_validate_json(newer).components[Component.DECODER].swap
    assert swap == RoutedSwap(step="Humming", candidate="gs://b/d")
