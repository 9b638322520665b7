"""buildah, confined so that neither an accident nor its settings reach the rest of the machine."""

import json
import os
import shlex
import subprocess
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from devcluster.console import console
from devcluster.errors import ClusterError
from devcluster.paths import cache_dir
from devcluster.processes import tied

_CERTIFICATES = Path("/etc/ssl/certs")
_BUNDLE = _CERTIFICATES / "ca-certificates.crt"
_SHOWN_WIDTH = 110
_STORAGE = '[storage]\ndriver = "overlay"\n'


class Buildah:
    """A store of images in the cache, and the builds that fill it."""

    def __init__(self) -> None:
        """Use the store in the cache, making it if need be."""
        self._folder = cache_dir() / "images"
        self._run = self._folder / "run"
        self._run.mkdir(parents=True, exist_ok=True)
        self._policy = self._write("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}\n')
        self._pip = self._write("pip.conf", f"[global]\ncert = {_BUNDLE}\n")
        self._uv = self._write("uv.toml", "system-certs = true\n")

    def has(self, name: str) -> bool:
        """Tell whether the store has the image."""
        return (
            subprocess.run(
                self._command(["inspect", "--type=image", name]), capture_output=True, check=False
            ).returncode
            == 0
        )

    def build(self, names: Sequence[str], dockerfile: Path, context: Path, build_args: dict[str, str]) -> None:
        """Build an image from a Dockerfile, using again the layers of earlier builds.

        The machine's certificates are there during the build and not in the image.

        Raises:
            ClusterError: the build failed.
        """
        mounts = {_CERTIFICATES: _CERTIFICATES, self._pip: Path("/etc/pip.conf"), self._uv: Path("/etc/uv/uv.toml")}
        self._run_visibly(
            [
                "build",
                "--isolation=chroot",
                "--network=host",
                "--layers",
                "--pull-never",
                f"--signature-policy={self._policy}",
                *(f"--volume={outside}:{inside}:ro" for outside, inside in mounts.items() if outside.exists()),
                *(f"--build-arg={key}={value}" for key, value in build_args.items()),
                *(f"--tag={name}" for name in names),
                f"--file={dockerfile}",
                str(context),
            ]
        )

    def make_room(self) -> None:
        """Remove all images but the newest of each repository, and the layers that no image consists of.

        What can't be removed only takes up room.
        """
        listed = subprocess.run(self._command(["images", "--json"]), capture_output=True, check=True)
        for name in outdated(json.loads(listed.stdout) or []):
            subprocess.run(self._command(["rmi", name]), capture_output=True, check=False)
        subprocess.run(self._command(["rmi", "--prune"]), capture_output=True, check=False)

    def save(self, name: str, archive: Path, *, under: str) -> None:
        """Write the image to an OCI archive under another name, uncompressed because it stays on this machine.

        Raises:
            ClusterError: there is no such image.
        """
        target = f"oci-archive:{archive}:{under}"
        argv = self._command(["push", "--disable-compression", f"--signature-policy={self._policy}", name, target])
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        if result.returncode:
            raise ClusterError(f"The image {name} could not be saved: {result.stderr.strip()[-2000:]}")

    def _run_visibly(self, arguments: Sequence[str]) -> None:
        tail: list[str] = []
        with subprocess.Popen(
            self._command(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                tail = [*tail[-29:], line]
                if line.startswith(("STEP", "[")):
                    shown = textwrap.shorten(line, _SHOWN_WIDTH, placeholder=" …")
                    console.print(f"  {shown}", style="dim", markup=False, soft_wrap=True)
        if process.returncode:
            raise ClusterError(f"The build of the image failed:\n{''.join(tail)}")

    def _command(self, arguments: Sequence[str]) -> list[str]:
        """Give the command in a mount namespace of its own: what buildah mounts ends with it, however it ends."""
        run = shlex.quote(str(self._run))
        buildah = [
            "buildah",
            f"--root={self._folder / 'storage'}",
            f"--runroot={self._run}",
            "--storage-driver=overlay",
        ]
        script = f'mount -t tmpfs tmpfs {run} && exec "$@"'
        # An own settings file, so that a machine's storage options don't apply to this store.
        environment = [f"CONTAINERS_STORAGE_CONF={self._write('storage.conf', _STORAGE)}"]
        return tied(["unshare", "--mount", "env", *environment, "sh", "-c", script, "sh", *buildah, *arguments])

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        if not path.exists() or path.read_text() != text:
            new = path.with_name(f".{name}.{os.getpid()}")
            new.write_text(text)
            new.replace(path)
        return path


def outdated(images: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names, as `buildah images --json` lists them, of which the repository has a newer image."""
    newest: set[str] = set()
    for image in sorted(images, key=lambda one: str(one["createdatraw"]), reverse=True):
        names = image.get("names") or []
        repositories = {name.rpartition(":")[0] for name in names}
        yield from (name for name in names if name.rpartition(":")[0] in newest)
        newest |= repositories
