"""The first model of a pod, laid where the model server looks before that starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.report import Pulled, PullFailure
from sdp_serving.contract.swap import NumberedModel
from sdp_serving.puller.bring import bring
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.disk import removed
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.laid import laid_in
from sdp_serving.puller.progress import Say
from sdp_serving.puller.storage import Storage

PREVIOUS: Final = ".previous"
"""The folder, beside the models, of the one that served before, under its number."""


def lay(
    model: NumberedModel,
    wanted: Wanted,
    home: Path,
    *,
    storage: Callable[[ModelUri], Storage],
    cache: Cache | None,
    say: Say,
) -> Pulled:
    """Lay the model under `home`/<number>, whole from the moment it has that name, and with no other beside it.

    Killed at any point and run again, it ends in the same state; a model that is there already is only verified.

    Args:
        model: the model.
        wanted: what it must be.
        home: the component's folder.
        storage: opens a storage.
        cache: the node's; None for none.
        say: told how it goes.

    Raises:
        PullError: with the reason.
        UnusableUriError: the model's URI is none.
    """
    uri, target = ModelUri.parse(model.uri), home / str(model.number)
    try:
        # The number says that it is the same model, also where the storage has a newer version of it by now.
        there = laid_in(target)
        if there is not None and there.asked == str(uri) and there.is_whole(target):
            _clear(home, keep=target)
            say(f"already at {target}, verified")
            return there.model
        opened = storage(uri)
        found = inspect(opened, uri, wanted)
        # Before the fetch: the volume need hold only one model.
        _clear(home)
        partial = home / f".{model.number}.partial"
        pulled = bring(opened, found, partial, cache=cache, say=say)
        partial.rename(target)
    except OSError as error:
        raise PullError(
            PullFailure.STORAGE_UNAVAILABLE,
            f"the pod's volume for models cannot be written at {home} ({error.strerror}): make it writable",
        ) from error
    say(f"at {target}, verified")
    return pulled


def _clear(home: Path, keep: Path | None = None) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for entry in home.iterdir():
        if entry != keep and entry.name != PREVIOUS:
            removed(entry)
