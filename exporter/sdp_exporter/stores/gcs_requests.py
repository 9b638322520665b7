"""How requests to Google Cloud Storage are tried, and what it answers as sentences that name the remedy."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from sdp_exporter.errors import StoreRefusedError, StoreUnavailableError

READ_RETRY: Final = DEFAULT_RETRY.with_timeout(10)
WRITE_RETRY: Final = DEFAULT_RETRY.with_timeout(300)
TIMEOUT: Final = (5, 120)
"""Seconds to connect, and to wait for an answer to one request."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def readable_errors(bucket: str, *, reading: bool = False) -> Iterator[None]:
    """Say what failed in one sentence that names the remedy.

    Args:
        bucket: its name.
        reading: whether nothing is to be written to it.
    """
    try:
        yield
    except (auth.DefaultCredentialsError, PermissionError):
        raise StoreRefusedError(_credentials_remedy()) from None
    except (auth.RefreshError, api.Unauthorized) as error:
        if getattr(error, "retryable", False):
            raise StoreUnavailableError("Google Cloud's sign-in does not answer: check the network") from None
        raise StoreRefusedError(
            "Google Cloud refused the credentials: renew them with `gcloud auth application-default login`, or in a"
            " cluster check the ServiceAccount's Workload Identity or the key"
        ) from None
    except api.Forbidden:
        what, role = ("read", "objectViewer") if reading else ("read and write", "objectUser")
        raise StoreRefusedError(
            f"no permission to {what} gs://{bucket}: ask its owner for the role roles/storage.{role}"
        ) from None
    except api.NotFound:
        remedy = "correct the URI" if reading else f"create it, as with `gcloud storage buckets create gs://{bucket}`"
        raise StoreRefusedError(f"the bucket gs://{bucket} does not exist: {remedy}") from None
    except DataCorruption:
        raise StoreUnavailableError(f"what was sent to gs://{bucket} arrived damaged: export again") from None
    except (api.RetryError, requests.RequestException, auth.TransportError, ConnectionError):
        raise StoreUnavailableError(
            f"{_endpoint()} cannot be reached: check that it runs and that the network leads there"
        ) from None
    except (api.ServerError, api.TooManyRequests) as error:
        raise StoreUnavailableError(
            f"{_endpoint()} is out of order for gs://{bucket} (HTTP {error.code}): try again later"
        ) from None
    except api.GoogleAPICallError as error:
        if "calculated crc32c" in error.message.lower():
            raise StoreUnavailableError(f"what was sent to gs://{bucket} arrived damaged: export again") from None
        raise StoreRefusedError(
            f"{_endpoint()} refused a request for gs://{bucket} ({error.message}): correct the URI"
        ) from None
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StoreUnavailableError(
            f"a file of gs://{bucket} can't be written on this machine"
            f" ({(error.strerror or str(error)).lower()}): make room on its disk, or name another folder in TMPDIR"
        ) from None


def _credentials_remedy() -> str:
    key = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if key is None:
        return (
            "no Google Cloud credentials were found: run `gcloud auth application-default login`, or in a cluster give"
            " the pod a ServiceAccount with Workload Identity or a key by storage.secretName"
        )
    return (
        f"{key}, which GOOGLE_APPLICATION_CREDENTIALS names, holds no Google Cloud credentials: put the key of a"
        f" service account there, in a cluster into the Secret of storage.secretName as {Path(key).name}"
    )


def _endpoint() -> str:
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    return f"the storage emulator at {emulator} (STORAGE_EMULATOR_HOST)" if emulator else "Google Cloud Storage"
