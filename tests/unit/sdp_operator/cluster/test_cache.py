from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sdp_operator.cluster.cache import Cache
from sdp_operator.objects import Key, KubeObject

KEY = Key("art", "x")


class Seen:
    """A cache of words, and what it told of them."""

    def __init__(self) -> None:
        self.cache: Cache[str] = Cache(lambda thing: thing.get("word"), self._changed)
        self.told: list[tuple[Key, str | None, str | None]] = []

    def listed(self, things: Sequence[KubeObject], version: int, namespace: str | None) -> None:
        """Tell of a list."""
        for thing in things:
            self.cache.put(thing)
        self.cache.keep_only({Key.of(thing) for thing in things}, version, namespace)

    def _changed(self, key: Key, before: str | None, after: str | None) -> None:
        self.told.append((key, before, after))


def test_each_change_is_told_once() -> None:
    seen = Seen()
    seen.cache.put(_thing(1, "a"))
    seen.cache.put(_thing(1, "a"))  # the watch tells of what the answer to a write has told already
    seen.cache.put(_thing(2, "a"))
    seen.cache.put(_thing(3, "b"))
    seen.cache.remove(_thing(4, "b"))
    assert seen.told == [(KEY, None, "a"), (KEY, "a", "b"), (KEY, "b", None)]


def test_an_answer_that_is_overtaken_by_newer_news_changes_nothing() -> None:
    seen = Seen()
    seen.cache.put(_thing(5, "new"))
    seen.cache.put(_thing(4, "old"))
    assert seen.cache.get(KEY) == "new"
    seen.cache.remove(_thing(6, "new"))
    seen.cache.put(_thing(5, "new"))
    assert seen.cache.get(KEY) is None


def test_an_object_that_is_deleted_and_made_again_is_there() -> None:
    seen = Seen()
    seen.cache.put(_thing(1, "a"))
    seen.cache.remove(_thing(2, "a"))
    seen.cache.put(_thing(3, "b"))
    assert dict(seen.cache.items()) == {KEY: "b"}


def test_a_list_tells_of_what_is_gone_in_its_own_namespace_only() -> None:
    seen = Seen()
    for name, namespace in (("x", "art"), ("y", "art"), ("z", "music")):
        seen.cache.put(_thing(1, name, name=name, namespace=namespace))
    seen.listed([_thing(1, "y", name="y")], 9, "art")
    assert dict(seen.cache.items()) == {Key("art", "y"): "y", Key("music", "z"): "z"}
    seen.listed([], 10, None)
    assert dict(seen.cache.items()) == {}


def test_what_is_newer_than_a_list_outlives_it() -> None:
    seen = Seen()
    seen.cache.put(_thing(7, "made while the list was on its way"))
    seen.listed([], 5, None)
    assert seen.cache.get(KEY) is not None


def test_what_nothing_is_kept_of_is_not_told_of() -> None:
    seen = Seen()
    seen.cache.put(_thing(1, None))
    seen.cache.remove(_thing(2, None))
    assert seen.told == []
    assert dict(seen.cache.items()) == {}


def test_a_kind_that_the_cluster_has_lost_can_come_back() -> None:
    seen = Seen()
    seen.cache.put(_thing(5, "a"))
    seen.cache.clear("music")
    assert seen.cache.get(KEY) == "a"
    seen.cache.clear("art")
    assert seen.cache.get(KEY) is None
    seen.cache.put(_thing(9, "b"))
    assert seen.cache.get(KEY) == "b"


def test_after_versions_were_set_back_a_list_is_the_truth() -> None:
    seen = Seen()
    for number, name in enumerate("xyz"):
        seen.cache.put(_thing(50 + number, "late", name=name))
    seen.cache.remove(_thing(60, "late", name="z"))
    seen.cache.put(_thing(50, "late", namespace="music"))
    seen.listed([_thing(50, "late", name=name) for name in "xy"], 70, "art")
    seen.cache.set_back("art")
    assert seen.cache.get(KEY) == "late", "nothing is gone before a list tells"
    seen.listed([_thing(5, "early"), _thing(6, "early", name="z")], 7, "art")
    assert dict(seen.cache.items()) == {KEY: "early", Key("art", "z"): "early", Key("music", "x"): "late"}


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[str | None], list[tuple[str, int]]]:
    """What an object is at each version (None: it is not there), and news of that in an order in which they can come.

    The watch tells of each version in turn, or is lost and followed by a list, which tells of all up to then. Answers
    to writes tell of the version that they made, sooner or later than the watch does.
    """
    words = draw(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=8))
    news: list[tuple[str, int]] = []
    version = 0
    while version < len(words):
        version = draw(st.integers(version + 1, len(words)))
        is_list = draw(st.booleans()) or (version > 1 and (not news or news[-1][1] != version - 1))
        news.append(("list" if is_list else "watch", version))
    for number, word in enumerate(words, start=1):
        if word is not None and draw(st.booleans()):
            news.insert(draw(st.integers(0, len(news))), ("answer", number))
    return words, news


@given(lives())
def test_whatever_the_order_of_news_the_end_is_the_newest_version(
    life: tuple[list[str | None], list[tuple[str, int]]],
) -> None:
    words, news = life
    seen = Seen()
    for kind, version in news:
        word = words[version - 1]
        if kind == "list":
            seen.listed([] if word is None else [_thing(version, word)], version, None)
        elif word is None:
            seen.cache.remove(_thing(version, "as it was last"))
        else:
            seen.cache.put(_thing(version, word))
    assert seen.cache.get(KEY) == words[-1]
    last = None
    for _, before, after in seen.told:  # each from where the one before it ended
        assert before == last
        assert after != before
        last = after
    assert last == words[-1]


def _thing(version: int, word: str | None, *, name: str = "x", namespace: str = "art") -> KubeObject:
    meta: dict[str, Any] = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
    return {"metadata": meta, "word": word}
