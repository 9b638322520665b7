"""The Go programs of the cluster: taken from KUBEBUILDER_ASSETS, from our cache, or built.

Each folder of devcluster/binaries/ is a Go module whose go.mod and go.sum pin the programs it builds. What is built is
kept in the cache under the digest of those files, so that a change of a version builds anew and nothing else does.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from devcluster.console import console, done, step
from devcluster.errors import ClusterError
from devcluster.lock import locked
from devcluster.paths import cache_dir
from devcluster.processes import tied

MODULES = Path(__file__).resolve().parents[1] / "binaries"
_LINE_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Module:
    """A Go module under devcluster/binaries/ and what it builds."""

    folder: str
    target: str
    programs: tuple[str, ...]
    about: str


_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")

KUBERNETES = Module(
    "kubernetes",
    "tool",
    (*_CONTROL_PLANE, "kubelet", "kube-proxy"),
    "Kubernetes and etcd: 8 to 15 minutes on two cores, the first time only",
)
CONTAINERD = Module(
    "containerd", "tool", ("containerd", "containerd-shim-runc-v2", "ctr"), "containerd: about two minutes"
)
CNI = Module("cni", "tool", ("bridge", "host-local", "loopback", "portmap"), "the network plugins: under a minute")
ADDONS = Module("addons", "./...", ("coredns", "pause"), "the cluster's DNS and the pause container: about a minute")
HELM = Module("helm", "tool", ("helm",), "Helm: about two minutes")
KWOK = Module("kwok", "tool", ("kwok",), "KWOK, which acts out nodes and pods: about two minutes")


class Programs:
    """Finds the cluster's programs by name."""

    def __init__(self, folders: Sequence[Path], assets: str | None) -> None:
        """Look in `folders`.

        Args:
            folders: what we built.
            assets: a folder whose programs are used for the control plane, where it has them.
        """
        self._folders = folders
        self._assets = assets

    def control_plane(self, name: str) -> str:
        """Give the path of a program of the control plane, or of kubectl.

        Raises:
            ClusterError: no folder has it.
        """
        if self._assets and (Path(self._assets) / name).exists():
            return str(Path(self._assets) / name)
        return str(self.built(name))

    def built(self, name: str) -> Path:
        """Give the path of a program that we built.

        Raises:
            ClusterError: no folder has it.
        """
        for folder in self._folders:
            if (folder / name).exists():
                return folder / name
        raise ClusterError(
            f"The program {name} is missing in {' and '.join(map(str, self._folders))}: remove them to build anew."
        )


def control_plane_modules() -> tuple[Module, ...]:
    """Give the modules that a control plane needs: none where KUBEBUILDER_ASSETS has all of its programs."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    whole = assets and all((Path(assets) / name).exists() for name in _CONTROL_PLANE)
    return () if whole else (KUBERNETES,)


def provide(modules: Sequence[Module]) -> Programs:
    """Build what is neither in KUBEBUILDER_ASSETS nor in the cache, and give access to all of it.

    Raises:
        ClusterError: Go is missing or a build failed.
    """
    return Programs([_provide_module(module) for module in modules], os.environ.get("KUBEBUILDER_ASSETS"))


def programs_folder() -> Path:
    """Give the folder in the cache that holds every program we built."""
    return cache_dir() / "bin"


def cache_key(module: Module) -> str:
    """Give the name of the module's folder in the cache, which changes with anything that changes its programs."""
    source = MODULES / module.folder
    digest = hashlib.sha256(linker_flags(module).encode())
    for path in sorted(source.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes())
    return f"{module.folder}-{digest.hexdigest()[:12]}"


def _provide_module(module: Module) -> Path:
    folder = programs_folder() / cache_key(module)
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Two sessions that start at once must not both build.
    with locked(folder.parent / f"{module.folder}.lock"):
        if not folder.exists():
            _build(module, folder)
    return folder


def _require_new_enough_go() -> None:
    run = subprocess.run(["go", "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, check=False)
    version, _, toolchain = run.stdout.partition("\n")
    found = tuple(map(int, re.findall(r"[0-9]+", version)[:3]))
    # From 1.21 on Go fetches the version that a module asks for, where that is not switched off.
    needed = (1, 21) if toolchain.strip() == "auto" else (1, 26, 8)
    if found < needed:
        raise ClusterError(
            f"{version or 'This Go'} is too old to build the cluster's programs: install Go 1.26.8 or newer and put it"
            " first on the PATH."
        )


def _build(module: Module, folder: Path) -> None:
    if shutil.which("go") is None:
        raise ClusterError(
            "Go is missing, which builds the cluster's programs: install Go 1.26.8 or newer and put it on the PATH."
        )
    _require_new_enough_go()
    step(f"Fetching the sources of, then building, {module.about}")
    source = MODULES / module.folder
    # Only a whole build gets the final name.
    work = folder.with_suffix(".unfinished")
    work.mkdir(exist_ok=True)
    _compile(module, source, work)
    if (server := work / "server").exists():
        server.rename(work / "etcd")  # Go names etcd's program after its module's folder.
    if missing := [name for name in module.programs if not (work / name).exists()]:
        raise ClusterError(f"The build of {source} left out {', '.join(missing)}: see its go.mod.")
    work.rename(folder)
    done(f"Built {', '.join(module.programs)} into {folder}")


def _compile(module: Module, source: Path, output: Path) -> None:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false"}
    # This downloads the sources as well, so what follows only compiles.
    packages = subprocess.run(
        tied(["go", "list", "-deps", module.target]),
        cwd=source, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if packages.returncode:
        raise ClusterError(f"Go could not list the packages of {source}: {packages.stderr.strip()[-2000:]}")
    process = subprocess.Popen(
        tied(["go", "build", "-v", "-ldflags", linker_flags(module), "-o", str(output), module.target]),
        cwd=source, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    tail: list[str] = []
    with _progress(len(packages.stdout.split())) as advance:
        for line in process.stderr:
            tail = [*tail[-19:], line]
            advance()
    if process.wait():
        raise ClusterError(f"The build of {source} failed:\n{''.join(tail)}")


def linker_flags(module: Module) -> str:
    """Strip the programs, and tell Kubernetes its version, which it can't know from a build as a module."""
    version = re.search(
        r"\bk8s\.io/kubernetes v(\d+)\.(\d+)\.(\d+)\b", (MODULES / module.folder / "go.mod").read_text()
    )
    if version is None:
        return "-s -w"
    major, minor, patch = version.groups()
    values = {"gitVersion": f"v{major}.{minor}.{patch}", "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())])


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show compiled packages as a bar on a terminal, and as a line now and then in a log."""
    if console.is_terminal:
        columns = (
            TextColumn("  compiled"),
            BarColumn(),
            TextColumn("{task.completed} of at most {task.total} packages"),
        )
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda: bar.advance(task)
        return
    count = 0
    said = time.monotonic()

    def advance() -> None:
        nonlocal count, said
        count += 1
        if time.monotonic() - said >= _LINE_EVERY_SECONDS:
            said = time.monotonic()
            console.print(f"  compiled {count} of at most {total} packages")

    yield advance
