"""The folder in which a model server looks for one component's models, and all that may be done in it.

<number>/                     a model, whole; the server loads it
<number>/sdpipeline-proven    it has answered a golden request as it should
.<number>.partial/            on its way in; whole once it has its record
.<number>.gone/               on its way out
.previous/<number>/           the model that answered before

What has a number for a name gets it, and loses it, by one rename: the server never sees half of a model.
"""

import os
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sdp_serving.contract.swap import ModelNumber
from sdp_serving.puller.disk import removed
from sdp_serving.puller.laid import Laid, laid_in

PREVIOUS: Final = ".previous"
"""The folder, beside the models, of the one that served before, under its number."""

_PROVEN: Final = "sdpipeline-proven"
_NUMBER: Final = re.compile(r"[1-9][0-9]*", re.ASCII)
_PARTIAL: Final = re.compile(r"\.([1-9][0-9]*)\.partial", re.ASCII)


@dataclass(frozen=True)
class OnDisk:
    """What lies in the folder.

    Attributes:
        models: those that the server sees.
        proven: which of them have been proven.
        partial: those on their way in; None for one that is not whole.
        previous: those that are kept to go back to.
        clutter: what should not be there, by its name.
    """

    models: Mapping[ModelNumber, Laid] = field(default_factory=dict)
    proven: frozenset[ModelNumber] = frozenset()
    partial: Mapping[ModelNumber, Laid | None] = field(default_factory=dict)
    previous: Mapping[ModelNumber, Laid] = field(default_factory=dict)
    clutter: frozenset[str] = frozenset()

    def holding(self, uri: str, but: Collection[ModelNumber] = ()) -> str | None:
        """The name of a folder with the model of that URI, as it was asked for or pinned; None when there is none.

        Args:
            uri: as records have it.
            but: models that the server sees, and that are not meant.
        """
        for number, laid in sorted(self.previous.items()):
            if uri in (laid.asked, laid.model.uri):
                return f"{PREVIOUS}/{number}"
        for number, laid in sorted(self.models.items()):
            if uri in (laid.asked, laid.model.uri) and number not in but:
                return str(number)
        return None


class ModelsFolder:
    """A component's folder. What changes it raises OSError when the volume does not let it."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def look(self) -> OnDisk:
        """What lies there now."""
        models: dict[ModelNumber, Laid] = {}
        partial: dict[ModelNumber, Laid | None] = {}
        clutter = set()
        for name in _names(self._home):
            if found := _PARTIAL.fullmatch(name):
                partial[_number(found[1])] = laid_in(self._home / name)
            elif _NUMBER.fullmatch(name) and (laid := laid_in(self._home / name)):
                models[_number(name)] = laid
            elif name != PREVIOUS:
                clutter.add(name)
        previous: dict[ModelNumber, Laid] = {}
        for name in _names(self._home / PREVIOUS):
            if _NUMBER.fullmatch(name) and (laid := laid_in(self._home / PREVIOUS / name)):
                previous[_number(name)] = laid
            else:
                clutter.add(f"{PREVIOUS}/{name}")
        proven = frozenset(number for number in models if (self._home / str(number) / _PROVEN).exists())
        return OnDisk(models, proven, partial, previous, frozenset(clutter))

    def partial(self, number: ModelNumber) -> Path:
        """Where a model is brought in."""
        return self._home / f".{number}.partial"

    def lay(self, number: ModelNumber) -> None:
        """Let the server see a model that has been brought in."""
        self.partial(number).rename(self._model(number))

    def withdraw(self, number: ModelNumber) -> None:
        """Take a model from the server's sight, to be laid again."""
        (self._model(number) / _PROVEN).unlink(missing_ok=True)
        self._model(number).rename(self.partial(number))

    def prove(self, number: ModelNumber) -> None:
        """Note that a model has been proven."""
        (self._model(number) / _PROVEN).touch()

    def keep(self, number: ModelNumber) -> None:
        """Take a model from the server's sight, to go back to."""
        (self._home / PREVIOUS).mkdir(exist_ok=True)
        self._model(number).rename(self._home / PREVIOUS / str(number))

    def copy(self, source: str, number: ModelNumber) -> None:
        """Bring in another model's files once more under a number of their own, at once and without their bytes."""
        copy = self._home / f".{number}.copy"
        removed(copy)
        shutil.copytree(self._home / source, copy, copy_function=os.link, ignore=shutil.ignore_patterns(_PROVEN))
        removed(self.partial(number))
        copy.rename(self.partial(number))

    def remove(self, name: str) -> None:
        """Remove what has a name in the folder."""
        entry = self._home / name
        if _NUMBER.fullmatch(name):
            gone = self._home / f".{name}.gone"
            removed(gone)
            entry.rename(gone)
            entry = gone
        removed(entry)

    def _model(self, number: ModelNumber) -> Path:
        return self._home / str(number)


def _number(name: str) -> ModelNumber:
    return ModelNumber(int(name))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return []
