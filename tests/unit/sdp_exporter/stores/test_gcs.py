from collections.abc import Callable
from functools import partial

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage import Blob, Client

from sdp_exporter.errors import StoreError, StoreRefusedError, StoreUnavailableError
from sdp_exporter.stores import open_store
from sdp_serving.contract.artifact import ModelUri


@pytest.mark.parametrize(
    ("failure", "kind", "sentence"),
    [
        (api.NotFound, StoreRefusedError, "the bucket gs://demo does not exist: correct the URI"),
        (
            api.Forbidden,
            StoreRefusedError,
            "no permission to read gs://demo: ask its owner .* roles/storage.objectViewer",
        ),
        (api.Unauthorized, StoreRefusedError, "Google Cloud refused the credentials: renew them with"),
        (auth.RefreshError, StoreRefusedError, "Google Cloud refused the credentials: renew them with"),
        (partial(auth.RefreshError, retryable=True), StoreUnavailableError, "sign-in does not answer: check"),
        (auth.DefaultCredentialsError, StoreRefusedError, "no Google Cloud credentials were found: run"),
        (api.BadRequest, StoreRefusedError, r"refused a request for gs://demo \(the reason\): correct the URI"),
        (auth.TransportError, StoreUnavailableError, "Google Cloud Storage cannot be reached: check"),
        (requests.ConnectionError, StoreUnavailableError, "Google Cloud Storage cannot be reached: check"),
        (ConnectionResetError, StoreUnavailableError, "Google Cloud Storage cannot be reached: check"),
        (partial(OSError, 28), StoreUnavailableError, r"of gs://demo .* on this machine \(the reason\): make room"),
        (partial(api.RetryError, cause=OSError()), StoreUnavailableError, "cannot be reached: check"),
        (api.ServiceUnavailable, StoreUnavailableError, r"out of order for gs://demo \(HTTP 503\): try again later"),
        (api.TooManyRequests, StoreUnavailableError, r"out of order for gs://demo \(HTTP 429\): try again later"),
    ],
)
def test_every_failure_is_one_sentence_and_known_to_pass_by_itself_or_not(
    failure: Callable[..., Exception], kind: type[StoreError], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    store = open_store(ModelUri.parse("gs://demo/sd/decoder"))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")

    def fail(*_: object, **__: object) -> None:
        raise failure("the reason")

    monkeypatch.setattr(Client, "list_blobs", fail)
    with pytest.raises(kind, match=sentence):
        store.newest()


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (api.NotFound, "the bucket gs://demo does not exist: create it, as with `gcloud storage"),
        (api.Forbidden, "no permission to read and write gs://demo: ask its owner .* roles/storage.objectUser"),
    ],
)
def test_a_bucket_that_cannot_be_written_to_is_told_with_the_remedy(
    failure: Callable[..., Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    store = open_store(ModelUri.parse("gs://demo/sd"))

    def fail(*_: object, **__: object) -> None:
        raise failure("the reason")

    monkeypatch.setattr(Blob, "create_resumable_upload_session", fail)
    with pytest.raises(StoreRefusedError, match=sentence):
        store.require_writable()
