from collections.abc import Callable
from functools import partial

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage import Client

from sdp_exporter.errors import StoreError
from sdp_exporter.stores import open_store
from sdp_serving.contract.artifact import ModelUri


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (api.NotFound, "the bucket gs://demo does not exist: create it"),
        (api.Forbidden, "no permission to read and write gs://demo: ask its owner for the role"),
        (api.Unauthorized, "Google Cloud refused the credentials: renew them with"),
        (auth.RefreshError, "Google Cloud refused the credentials: renew them with"),
        (auth.DefaultCredentialsError, "no Google Cloud credentials were found: run"),
        (auth.TransportError, "Google Cloud Storage cannot be reached: check"),
        (requests.ConnectionError, "Google Cloud Storage cannot be reached: check"),
        (partial(api.RetryError, cause=OSError()), "Google Cloud Storage cannot be reached: check"),
        (api.BadRequest, "Google Cloud Storage refused a request for gs://demo: the reason"),
    ],
)
def test_every_failure_is_one_sentence(
    failure: Callable[..., Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    store = open_store(ModelUri.parse("gs://demo/sd/decoder"))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")

    def fail(*_: object, **__: object) -> None:
        raise failure("the reason")

    monkeypatch.setattr(Client, "list_blobs", fail)
    with pytest.raises(StoreError, match=sentence):
        store.newest()
