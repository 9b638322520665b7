"""Weights from where they are to a file on this machine."""

import hashlib
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import BinaryIO, Final

from google.cloud.storage import Bucket, Client

from sdp_exporter.errors import UnusableWeightsError, WeightsOutOfReachError
from sdp_exporter.stores.gcs_requests import READ_RETRY, TIMEOUT, readable_errors

_BLOCK: Final = 1 << 20
_TIMEOUT: Final = 60
"""Seconds that a server may be silent."""


def copy_web(url: str, target: Path) -> Path:
    """Copy what is at an https:// URL, which may end in `#sha256=` and the digest that it must have.

    Returns:
        `target`.

    Raises:
        UnusableWeightsError: if it is not there, is refused, or has another digest.
        WeightsOutOfReachError: if it could not be copied whole.
    """
    address, _, fragment = url.partition("#")
    shown = public(address)
    expected = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
    # A name of its own: another process may be copying the same to the same cache.
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer, partial.open("wb") as file:  # noqa: S310  # The caller gives https:// only.
            size = answer.headers.get("Content-Length")
            digest = _pour(answer, file)
            copied = file.tell()
        if size is not None and copied != int(size):
            raise WeightsOutOfReachError(f"{shown} broke off after {copied} of {size} bytes: try again")
        if expected is not None and digest != expected.lower():
            raise UnusableWeightsError(
                f"{shown} has the SHA-256 {digest}, not {expected}: correct the digest, or do not trust the file"
            )
        partial.replace(target)
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code == 429:
            raise WeightsOutOfReachError(f"{shown} is out of order (HTTP {error.code}): try again later") from None
        raise UnusableWeightsError(
            f"{shown} can't be had (HTTP {error.code}): correct the URL, or download the file and give its path"
        ) from None
    except InvalidURL:
        raise UnusableWeightsError(
            f"{shown} is no URL that can be asked: write spaces as %20, and neither name nor password before the host"
        ) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsOutOfReachError(
            f"{shown} cannot be copied ({reason}): check the network, or download it elsewhere and give its path"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return target


def public(location: str) -> str:
    """`location` for messages: an https:// URL without credentials and query, which may be a secret too."""
    if not location.startswith("https://"):
        return location
    host, slash, path = location.partition("#")[0].partition("?")[0].removeprefix("https://").partition("/")
    return f"https://{host.rpartition('@')[2]}{slash}{path}"


def _pour(source: BinaryIO, file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        file.write(block)
    return digest.hexdigest()


def copy_bucket(uri: str, target: Path) -> Path:
    """Copy the object at a gs:// URI.

    Returns:
        `target`.

    Raises:
        UnusableWeightsError: if it is not there.
        StoreError: if the bucket can't be read.
    """
    bucket, name = _bucket(uri)
    with readable_errors(bucket.name, reading=True):
        blob = bucket.get_blob(name, timeout=TIMEOUT, retry=READ_RETRY)
        if blob is None:
            raise UnusableWeightsError(f"{uri} does not exist: correct the URI of the weights")
        target.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(target), checksum="crc32c", timeout=TIMEOUT, retry=READ_RETRY)
    return target


def list_bucket(uri: str) -> list[str]:
    """The objects beneath a gs:// URI, by their names there.

    Raises:
        StoreError: if the bucket can't be read.
    """
    bucket, name = _bucket(uri)
    prefix = f"{name}/" if name else ""
    with readable_errors(bucket.name, reading=True):
        blobs = bucket.client.list_blobs(bucket, prefix=prefix, timeout=TIMEOUT, retry=READ_RETRY)
        return [blob.name.removeprefix(prefix) for blob in blobs]


def _bucket(uri: str) -> tuple[Bucket, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    with readable_errors(bucket, reading=True):
        return Client(project=None).bucket(bucket), name.rstrip("/")
