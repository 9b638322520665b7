"""The first model of a pod, laid where the model server looks before that starts."""

from collections.abc import Callable
from pathlib import Path

from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.report import Pulled, PullFailure
from sdp_serving.contract.swap import ModelNumber, NumberedModel
from sdp_serving.puller.bring import bring
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.disk import removed
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.laid import laid_in
from sdp_serving.puller.models_folder import PREVIOUS, ModelsFolder
from sdp_serving.puller.progress import Say
from sdp_serving.puller.storage import Storage


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
        if there is not None and str(uri) in (there.asked, there.model.uri) and there.is_whole(target):
            _clear(home, keep=target)
            say(f"already at {target}, verified")
            return there.model
        if (kept := _copied(uri, home, model.number)) is not None:
            say(f"at {target}, verified, from what the pod has kept")
            return kept
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


def _copied(uri: ModelUri, home: Path, number: ModelNumber) -> Pulled | None:
    """Lay the model from what the pod has under another number; None when it has nothing whole."""
    folder = ModelsFolder(home)
    source = folder.look().holding(str(uri))
    if source is None:
        return None
    folder.copy(source, number)
    partial = folder.partial(number)
    laid = laid_in(partial)
    if laid is None or not laid.is_whole(partial):
        return None
    _clear(home, keep=partial)
    folder.lay(number)
    return laid.model


def _clear(home: Path, keep: Path | None = None) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for entry in home.iterdir():
        if entry != keep and entry.name != PREVIOUS:
            removed(entry)
