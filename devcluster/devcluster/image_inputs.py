"""What an image is made of, as one digest: two builds with the same digest need only be done once."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

# Left behind by Python and its tools, and no part of a source.
_IGNORED = {"__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def digest(dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> str:
    """Give the digest of a Dockerfile, of the files it copies from its context, and of its arguments."""
    text = dockerfile.read_text()
    result = hashlib.sha256(text.encode() + json.dumps(build_args, sort_keys=True).encode())
    for source in copied(text):
        for path in sorted(context.glob(source.strip("/")) if source.strip("/.") else [context]):
            for file in _files(path):
                mode = "x" if file.stat().st_mode & 0o100 else "-"
                result.update(f"{file.relative_to(context)}\0{mode}\0".encode() + file.read_bytes())
    return result.hexdigest()[:16]


def copied(dockerfile: str) -> list[str]:
    """Give the sources in the context that a Dockerfile's COPY and ADD name, in their order."""
    sources: list[str] = []
    for line in _instructions(dockerfile):
        instruction, _, rest = line.partition(" ")
        if instruction.upper() not in ("COPY", "ADD"):
            continue
        words = shlex.split(rest) if not rest.lstrip().startswith("[") else [str(word) for word in json.loads(rest)]
        flags = [word for word in words if word.startswith("--")]
        if not any(flag.startswith("--from=") for flag in flags):
            sources += [word for word in words[:-1] if word not in flags]
    return sources


def _instructions(dockerfile: str) -> Iterator[str]:
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    yield from (line.strip() for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip())


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir() and path.name not in _IGNORED:
        for child in sorted(path.iterdir()):
            if child.name not in _IGNORED:
                yield from _files(child)
