"""The cluster's bucket, and objects in it."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import requests
from demo.storage import BUCKET, NAMESPACE, PORT, SERVICE

from benchmarks.swap.rig import Rig

_TIMEOUT: Final = 600


def endpoint(rig: Rig) -> str:
    """Where the storage emulator answers."""
    host = rig.cluster.kubectl(
        "get", "service", SERVICE, f"--namespace={NAMESPACE}", "--output=jsonpath={.spec.clusterIP}"
    )
    return f"http://{host}:{PORT}"


def upload(rig: Rig, folder: Path, to: str) -> None:
    """Upload a folder's files, unless they are there already.

    Raises:
        requests.HTTPError: the emulator refused one.
    """
    at = endpoint(rig)
    for path in sorted(folder.rglob("*")):
        name = f"{to}/{path.relative_to(folder)}"
        if path.is_file() and not _is_there(at, name, path.stat().st_size):
            with path.open("rb") as file:
                url = f"{at}/upload/storage/v1/b/{BUCKET}/o"
                answer = requests.post(url, params={"uploadType": "media", "name": name}, data=file, timeout=_TIMEOUT)
                answer.raise_for_status()


def media(rig: Rig, name: str) -> str:
    """The URL of an object's bytes."""
    return f"{endpoint(rig)}/download/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}?alt=media"


def _is_there(at: str, name: str, size: int) -> bool:
    url = f"{at}/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}"
    answer = requests.get(url, timeout=_TIMEOUT)
    return answer.ok and int(answer.json()["size"]) == size
