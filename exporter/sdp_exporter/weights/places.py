"""Where the weights of each component lie: a file for all, or a folder as diffusers writes it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights import copies
from sdp_exporter.weights.pickles import refuse_pickle
from sdp_exporter.weights.safetensors import is_index, shards
from sdp_serving.contract.components import Component

Files = Mapping[Component, Path]

_SUFFIXES: Final = (".safetensors", ".h5", ".keras", ".ckpt", ".pt", ".pth", ".bin")
_FOLDERS: Final = {
    Component.TEXT_ENCODER: "text_encoder",
    Component.DIFFUSION_MODEL: "unet",
    Component.DECODER: "vae",
    Component.IMAGE_ENCODER: "vae",
}
"""Of a pipeline that diffusers has saved."""
_NAMES: Final = tuple(
    name
    for variant in ("", ".fp16")
    for stem in ("model", "diffusion_pytorch_model")
    for name in (f"{stem}{variant}.safetensors", f"{stem}.safetensors.index{variant}.json")
)
"""Of the file with the weights, or of the one that says in which files they are."""
_SCHEDULER: Final = "scheduler/scheduler_config.json"


def find(location: str, components: Collection[Component], downloads: Path) -> Files:
    """The files with the weights of `components`; copied to `downloads` if they are elsewhere.

    Args:
        location: the path, gs:// or https:// URI of a file, or the path or gs:// URI of a folder as diffusers writes
            it, which need not hold all components.
        components: whose weights are wanted.
        downloads: a folder.

    Raises:
        UnusableWeightsError: if there is nothing there, or only what must not be read.
        StoreError: if a bucket can't be read.
        WeightsOutOfReachError: if they can't be copied whole.
    """
    refuse_pickle(copies.public(location))
    if location.startswith("https://"):
        return dict.fromkeys(components, fetch(location, downloads))
    if location.startswith("gs://"):
        return _in_bucket(location, components, downloads)
    path = Path(location)
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in path.glob("*/*")]
        return {component: path / name for component, name in _of_folder(names, components, location).items()}
    if not path.exists():
        raise UnusableWeightsError(f"{path} does not exist: correct the path of the weights")
    return dict.fromkeys(components, path)


def fetch(location: str, downloads: Path) -> Path:
    """The file at a path, gs:// or https:// URI; copied to the folder `downloads` if it is elsewhere.

    Raises:
        UnusableWeightsError: if there is none at a URI, or one that must not be read.
        StoreError: if a bucket can't be read.
        WeightsOutOfReachError: if it can't be copied whole.
    """
    refuse_pickle(copies.public(location))
    if location.startswith("https://"):
        return copies.copy_web(location, downloads / PurePosixPath(copies.public(location)).name)
    if location.startswith("gs://"):
        return copies.copy_bucket(location, downloads / PurePosixPath(location).name)
    return Path(location)


@contextmanager
def told_as_written(folders: Mapping[Path, str]) -> Iterator[None]:
    """Let what is wrong with copies be told of what the user wrote.

    Args:
        folders: for a folder of copies, the location that they were fetched from. Those within others come first.

    Raises:
        UnusableWeightsError: as it was raised within the context, with locations instead of the copies' paths.
    """
    try:
        yield
    except UnusableWeightsError as error:
        text = str(error)
        for copied, location in folders.items():
            text = text.replace(str(copied), _folder(location))
        raise UnusableWeightsError(text) from None


def _folder(location: str) -> str:
    """Where the files of `location` lie, as messages tell it."""
    shown = copies.public(location).rstrip("/")
    return shown.rpartition("/")[0] if shown.startswith("https://") or _is_file(shown) else shown


def scheduler(location: str, downloads: Path) -> Path | None:
    """What diffusers says of the sampler for the weights at `location`: a file, copied if need be; None without one."""
    if location.startswith("https://"):
        return None
    path = Path(location)
    if location.startswith("gs://"):
        if _is_file(location) or _SCHEDULER not in copies.list_bucket(location):
            return None
        path = copies.copy_bucket(f"{location.rstrip('/')}/{_SCHEDULER}", downloads / _SCHEDULER).parents[1]
    config = path / _SCHEDULER
    return config if config.is_file() else None


def _in_bucket(location: str, components: Collection[Component], downloads: Path) -> Files:
    if _is_file(location):
        return dict.fromkeys(components, fetch(location, downloads))
    chosen = _of_folder(copies.list_bucket(location), components, location)
    copied = {name: _copied(location, name, downloads) for name in set(chosen.values())}
    return {component: copied[name] for component, name in chosen.items()}


def _copied(location: str, name: str, downloads: Path) -> Path:
    """A file of the folder at a gs:// URI, and the shards that it is an index of."""
    folder = location.rstrip("/")
    copied = copies.copy_bucket(f"{folder}/{name}", downloads / name)
    if is_index(copied.name):
        for shard in shards(copied):
            beside = PurePosixPath(name).with_name(shard)
            copies.copy_bucket(f"{folder}/{beside}", downloads / beside)
    return copied


def _is_file(location: str) -> bool:
    return PurePosixPath(location).suffix in _SUFFIXES


def _of_folder(names: Collection[str], components: Collection[Component], location: str) -> Mapping[Component, str]:
    """The file of each component that a folder with the files `names` holds."""
    chosen = {}
    for component in components:
        folder = _FOLDERS[component]
        there = [f"{folder}/{name}" for name in _NAMES if f"{folder}/{name}" in names]
        others = sorted(name for name in names if name.startswith(f"{folder}/"))
        if there:
            chosen[component] = there[0]
        elif any(name.endswith(".bin") for name in others):
            raise UnusableWeightsError(
                f"{location} has the weights in {folder} as a pickle only, which can run any program when it is read:"
                " save the pipeline anew with diffusers' save_pretrained(..., safe_serialization=True)"
            )
        elif others:
            # Left out without a word, the component would be missed when the pipeline draws.
            raise UnusableWeightsError(
                f"{location} has no weights in {folder} that can be read, but {others[0]}: save the pipeline anew with"
                " diffusers' save_pretrained(..., safe_serialization=True), or name the other components"
            )
    if not chosen:
        raise UnusableWeightsError(
            f"{location} holds no weights: give a file, or a folder as diffusers writes it, with"
            f" {', '.join(sorted(set(_FOLDERS.values())))} in it"
        )
    return chosen
