"""What lies at a URI, found and judged without fetching the weights."""

from collections.abc import Mapping

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, ModelUri, Version
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.foreign import LARGEST_GRAPH, judge_foreign, too_large_graph
from sdp_serving.puller.found import Found
from sdp_serving.puller.judgement import Wanted, candidates, judge
from sdp_serving.puller.manifest import LARGEST, too_large
from sdp_serving.puller.storage import Storage, Stored


def inspect(storage: Storage, uri: ModelUri, wanted: Wanted) -> Found:
    """Find the model and judge it by all that can be known before it is fetched.

    Args:
        storage: that of the URI.
        uri: where it lies.
        wanted: what it must be.

    Raises:
        PullError: with the reason.
    """
    version, files = _resolve(storage, uri)
    pinned = uri.at(version)
    if MANIFEST in files:
        if files[MANIFEST].size > LARGEST:
            raise too_large(pinned)
        raw = storage.read(version, MANIFEST, files[MANIFEST])
        facts, listed = judge(raw, files, uri=pinned, wanted=wanted)
        return Found(asked=uri, version=version, facts=facts, files=listed, manifest=raw)
    if files[SAVED_MODEL].size > LARGEST_GRAPH:
        raise too_large_graph(pinned)
    facts = judge_foreign(storage.read(version, SAVED_MODEL, files[SAVED_MODEL]), files, uri=pinned, wanted=wanted)
    return Found(asked=uri, version=version, facts=facts, files=files, manifest=None)


def _resolve(storage: Storage, uri: ModelUri) -> tuple[Version, Mapping[str, Stored]]:
    """The version that `uri` names, and its files by path.

    Raises:
        PullError: MODEL_NOT_FOUND, or MODEL_INCOMPLETE when no version has all files.
    """
    versions = [uri.version] if uri.version is not None else candidates(storage.folders())
    seen = False
    for version in versions:
        files = storage.files(version)
        if SAVED_MODEL in files:
            return version, files
        seen = seen or bool(files)
    if seen:
        raise PullError(
            PullFailure.MODEL_INCOMPLETE,
            f"{uri} holds no whole version, for {SAVED_MODEL} comes last: wait for the export that is running, or"
            " export the model again",
        )
    raise PullError(
        PullFailure.MODEL_NOT_FOUND, f"there is no model at {uri}: correct the URI, or export a model to it"
    )
