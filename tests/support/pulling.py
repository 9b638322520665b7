"""The puller run in the test's process, and the models that it is given."""

import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import google_crc32c
from click.testing import CliRunner, Result

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, read_report
from sdp_serving.contract.signatures import signatures
from sdp_serving.contract.swap import DesiredModels, ModelNumber, NumberedModel, PodModels
from sdp_serving.puller.__main__ import main

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

SHARD: Final = "variables/variables.data-00000-of-00001"
INDEX: Final = "variables/variables.index"
VERSION: Final = 1_700_000_000_001
NUMBER: Final = ModelNumber(8_300_000_000_000)
ROLLOUT: Final = "one"


class Run:
    """One run: its exit code, its report, what it said and what it left."""

    def __init__(self, home: Path, result: Result, report: Path) -> None:
        self.home = home
        self.code = result.exit_code
        self.said = result.stderr
        self.report = read_report(report.read_text()) if report.exists() else None

    def pulled(self) -> Pulled:
        """The report of success, which is demanded."""
        assert self.code == 0, self.said
        assert isinstance(self.report, Pulled)
        return self.report

    def failure(self) -> NotPulled:
        """The report of failure, which is demanded."""
        assert self.code == 1, self.said
        assert isinstance(self.report, NotPulled)
        assert self.said.splitlines()[-1] == f"Error: {self.report.message}."
        return self.report

    def laid(self, number: int = NUMBER) -> dict[str, bytes]:
        """The files of a model that the server sees, by path, without the puller's own record."""
        return laid(self.home, number)


class Puller:
    """Runs the puller as a pod's init container does, in this process, for its storage library takes long to load."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.report = folder / "report"
        self.desired = folder / "desired.json"

    def fetch(
        self,
        uri: str,
        *more: str,
        component: Component = Component.DIFFUSION_MODEL,
        patience: float = 20,
        number: int = NUMBER,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Lay the model at `uri`."""
        options = self.fetching(uri, component=component, patience=patience, number=number)
        return self.run([*options, *more], component, env)

    def verify(self, uri: str, claim: Path, *more: str, component: Component = Component.DIFFUSION_MODEL) -> Run:
        """Verify the model at `uri` on a claim that is mounted at `claim`."""
        options = ["verify", *self._common(uri, component, NUMBER), f"--claim={claim}"]
        return self.run([*options, *more], component)

    def fetching(
        self,
        uri: str,
        *,
        component: Component = Component.DIFFUSION_MODEL,
        patience: float = 20,
        number: int = NUMBER,
    ) -> list[str]:
        """The command line of `fetch`, with the operator's file in place."""
        return ["fetch", *self._common(uri, component, number), f"--models={self.models}", f"--patience={patience}"]

    def run(
        self,
        command: Sequence[str],
        component: Component = Component.DIFFUSION_MODEL,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a command line."""
        self.report.unlink(missing_ok=True)
        before = signal.getsignal(signal.SIGTERM)
        try:
            result = CliRunner().invoke(main, command, env=env)
        finally:
            signal.signal(signal.SIGTERM, before)
        if not (result.exception is None or isinstance(result.exception, SystemExit)):
            raise result.exception
        return Run(self.models / component, result, self.report)

    def _common(self, uri: str, component: Component, number: int) -> Sequence[str]:
        serving = NumberedModel(number=ModelNumber(number), uri=uri)
        self.desired.write_text(DesiredModels(rollouts={ROLLOUT: PodModels(serving=serving)}).model_dump_json())
        options = {
            "component": component,
            "rollout": ROLLOUT,
            "desired": self.desired,
            "report": self.report,
        }
        return [f"--{name}={value}" for name, value in options.items()]


def laid(home: Path, number: int = NUMBER) -> dict[str, bytes]:
    """The files of a model that a server of `home` sees, by path, without the puller's own record."""
    model = home / str(number)
    files = {path.relative_to(model).as_posix(): path.read_bytes() for path in model.rglob("*") if path.is_file()}
    files.pop("sdpipeline-laid.json", None)
    return files


def artifact(
    version: int = VERSION,
    component: Component = Component.DIFFUSION_MODEL,
    shard: bytes = b"weights " * 1000,
    tensorflow: str = "2.19.1",
) -> dict[str, bytes]:
    """An artifact's files by path, in the order of an upload: saved_model.pb last."""
    files = {SHARD: shard, INDEX: b"index", "assets/empty": b"", SAVED_MODEL: b"graph %d" % version}
    offered = signatures(component, width=96, image_size=64)
    manifest = {
        "component": component,
        "version": version,
        "created": "2026-01-01T00:00:00Z",
        "sd_version": "tiny",
        "width": 96,
        "image_size": 64,
        "tensorflow": tensorflow,
        "exporter": "0.1.0",
        "weights": "test",
        "source_digest": f"sha256:{version:064x}",
        "signatures": {str(name): signature.model_dump() for name, signature in offered.items()},
        "files": {
            path: {"size": len(content), "crc32c": f"{google_crc32c.value(content):08x}"}
            for path, content in files.items()
        },
    }
    graph = files.pop(SAVED_MODEL)
    return {**files, MANIFEST: json.dumps(manifest).encode(), SAVED_MODEL: graph}


def upload(bucket: "Bucket", files: Mapping[str, bytes], version: int = VERSION, prefix: str = "sd/model") -> str:
    """Put a model into a bucket; its URI, not pinned."""
    for path, content in files.items():
        bucket.blob(f"{prefix}/{version}/{path}").upload_from_string(content)
    return f"gs://{bucket.name}/{prefix}"


def write(folder: Path, files: Mapping[str, bytes], version: int = VERSION) -> str:
    """Put a model into a folder; its URI, not pinned."""
    for path, content in files.items():
        target = folder / str(version) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return f"file://{folder}"


def fetch(arguments: Sequence[str]) -> None:
    """Run the puller's command line to its end, in whatever process this is."""
    main(arguments, standalone_mode=False)
