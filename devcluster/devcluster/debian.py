"""The programs that come from the system's packages."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devcluster.console import step
from devcluster.errors import ClusterError

NODE_PROGRAMS = {
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
IMAGE_PROGRAMS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux"}

_SYSTEM_PATHS = "/usr/local/sbin:/usr/sbin:/sbin"


def provide(programs: dict[str, str]) -> None:
    """Make sure that the programs are there, installing their packages where that is allowed.

    Args:
        programs: maps a program to its Debian package.

    Raises:
        ClusterError: a program is missing and can't be installed here.
    """
    os.environ["PATH"] = f"{os.environ['PATH']}:{_SYSTEM_PATHS}"  # A user's PATH on Debian leaves out runc and nft.
    missing = {program: package for program, package in programs.items() if shutil.which(program) is None}
    if not missing:
        return
    packages = sorted(set(missing.values()))
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        raise ClusterError(f"Missing: {', '.join(missing)}. On Debian: sudo apt-get install {' '.join(packages)}")
    step(f"Installing {', '.join(packages)} with apt-get")
    _apt(["update"])
    _apt(["install", "--yes", "--no-install-recommends", *packages])


def _apt(arguments: Sequence[str]) -> None:
    result = subprocess.run(
        ["apt-get", "--quiet", *arguments],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise ClusterError(f"apt-get {arguments[0]} failed:\n{result.stdout[-2000:]}")
