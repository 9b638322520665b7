"""Which images the store can do without."""

from devcluster.buildah import outdated


def image(created: str, *names: str) -> dict[str, object]:
    return {"createdatraw": f"2026-11-{created}T08:00:00.5Z", "names": list(names) or None}


def test_only_the_newest_image_of_each_repository_is_kept() -> None:
    images = [
        image("03", "localhost/puller:c"),
        image("05", "localhost/puller:dev", "localhost/puller:e"),
        image("04", "localhost/operator:d", "localhost/operator:dev"),
        image("01", "localhost/puller:a"),
        image("02"),
    ]

    assert list(outdated(images)) == ["localhost/puller:c", "localhost/puller:a"]
