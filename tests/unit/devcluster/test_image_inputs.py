"""What counts as a change of an image's inputs, and what does not."""

from pathlib import Path

import pytest

from devcluster.image_inputs import copied, digest

_DOCKERFILE = """\
# COPY commented.txt /
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE} AS build
COPY --chown=1:1 pyproject.toml uv.lock ./
FROM ${PYTHON_IMAGE}
COPY --from=build /opt/venv /opt/venv
copy source \\
     /app
ADD ["with space.txt", "/"]
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(_DOCKERFILE)
    for name in ("pyproject.toml", "uv.lock", "with space.txt", "other.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "source" / "package").mkdir(parents=True)
    (tmp_path / "source" / "package" / "module.py").write_text("A = 1\n")
    return tmp_path


def _digest(context: Path, **build_args: str) -> str:
    return digest(context / "Dockerfile", context, build_args)


def test_the_copied_sources_are_those_of_copy_and_add_from_the_context() -> None:
    assert copied(_DOCKERFILE) == ["pyproject.toml", "uv.lock", "source", "with space.txt"]


def test_the_same_inputs_give_the_same_digest(context: Path) -> None:
    assert _digest(context, A="1") == _digest(context, A="1")


@pytest.mark.parametrize("changed", ["Dockerfile", "uv.lock", "with space.txt", "source/package/module.py"])
def test_a_change_of_a_copied_file_changes_the_digest(context: Path, changed: str) -> None:
    before = _digest(context)

    with (context / changed).open("a") as file:
        file.write("# more\n")

    assert _digest(context) != before


def test_a_file_made_executable_changes_the_digest(context: Path) -> None:
    before = _digest(context)

    (context / "uv.lock").chmod(0o755)

    assert _digest(context) != before


def test_a_moved_file_changes_the_digest(context: Path) -> None:
    before = _digest(context)

    (context / "source/package/module.py").rename(context / "source/package/renamed.py")

    assert _digest(context) != before


def test_an_argument_changes_the_digest(context: Path) -> None:
    assert _digest(context, A="1") != _digest(context, A="2")


def test_neither_other_files_nor_what_python_leaves_behind_change_the_digest(context: Path) -> None:
    before = _digest(context)

    (context / "other.txt").write_text("changed")
    (context / "source/package/__pycache__").mkdir()
    (context / "source/package/__pycache__/module.pyc").write_bytes(b"\0")

    assert _digest(context) == before


def test_copying_the_whole_context_counts_every_file(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    before = _digest(context)

    (context / "other.txt").write_text("changed")

    assert _digest(context) != before
