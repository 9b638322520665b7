from sdp_exporter.train_tiny.captions import known_tokens, tokens
from sdp_exporter.train_tiny.drawings import SCENES
from sdp_exporter.train_tiny.word import WORD, WORD_TOKEN


def test_known_tokens_are_all_that_captions_hold() -> None:
    known = set(known_tokens().tolist())

    assert set(tokens([scene.caption for scene in SCENES]).ravel().tolist()) <= known
    assert {49406, 49407} <= known


def test_the_new_word_is_one_token_that_no_caption_holds() -> None:
    assert tokens([WORD])[0, :3].tolist() == [49406, WORD_TOKEN, 49407]
    assert WORD_TOKEN not in known_tokens()
