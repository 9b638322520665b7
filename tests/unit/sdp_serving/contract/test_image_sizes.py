import pytest

from sdp_serving.contract.image_sizes import ImageSizes

SEVERAL = ImageSizes(smallest=256, largest=768)


@pytest.mark.parametrize(("pixels", "among"), [(256, True), (320, True), (768, True), (192, False), (300, False)])
def test_a_range_has_the_multiples_of_64_between_its_ends(pixels: int, among: bool) -> None:
    assert (pixels in SEVERAL) is among


def test_a_single_size_need_not_be_a_multiple_of_64() -> None:
    assert 72 in ImageSizes.only(72)
    assert 64 not in ImageSizes.only(72)


@pytest.mark.parametrize(
    ("other", "meet"),
    [
        (ImageSizes.only(512), True),
        (ImageSizes.only(520), False),
        (ImageSizes(smallest=768, largest=1024), True),
        (ImageSizes(smallest=832, largest=1024), False),
    ],
)
def test_sizes_meet_where_they_have_one_in_common(other: ImageSizes, meet: bool) -> None:
    assert SEVERAL.meet(other) is meet
    assert other.meet(SEVERAL) is meet
    assert other.meet(other)


def test_sizes_are_told_as_a_person_says_them() -> None:
    assert (str(SEVERAL), str(ImageSizes.only(64))) == ("256 to 768", "64")


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match=r"smallest \(768\) must not be above largest \(256\)"):
        ImageSizes(smallest=768, largest=256)
