from sdp_serving.gateway.image_store import ImageStore, StoredImage


class _Clock:
    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def _image(size: int = 4) -> StoredImage:
    return StoredImage(b"x" * size, "image/png")


def test_a_picture_is_kept_for_a_time_under_a_name_of_its_own() -> None:
    clock = _Clock()
    store = ImageStore(clock=clock, seconds=10)
    first, second = store.put(_image()), store.put(_image())

    assert first != second
    clock.now += 9.9
    assert store.get(first) == _image()
    clock.now += 0.2
    assert store.get(first) is None


def test_the_oldest_go_when_there_is_no_more_room() -> None:
    store = ImageStore(clock=_Clock(), most_bytes=10)
    names = [store.put(_image()) for _ in range(3)]

    assert [store.get(name) for name in names] == [None, _image(), _image()]
    assert store.get(store.put(_image(11))) is None, "one that is too large is not kept"
    assert store.get(names[2]) is None


def test_nobody_finds_what_was_never_kept() -> None:
    assert ImageStore(clock=_Clock()).get("x") is None
