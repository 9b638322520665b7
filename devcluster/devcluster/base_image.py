"""A local stand-in for python:3.11-slim-bookworm, with Debian's own Python, so that no registry is asked."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from devcluster.buildah import Buildah
from devcluster.console import step
from devcluster.errors import ClusterError
from devcluster.processes import tied

NAME = "localhost/python:3.11-slim-bookworm"

_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_RECIPE = (
    "--variant=minbase",
    f"--include={_PACKAGES}",
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man")),
    # pip may install into the system's Python, and Python stands where the official image has it.
    '--customize-hook=rm "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED',
    *(
        f'--customize-hook=ln -s /usr/bin/python3.11 "$1"/usr/local/bin/{name}'
        for name in ("python", "python3", "python3.11")
    ),
    "bookworm",
)
_DOCKERFILE = 'FROM scratch\nADD base.tar /\nENV LANG=C.UTF-8\nCMD ["python3"]\n'

DIGEST = hashlib.sha256("\n".join([*_RECIPE, _DOCKERFILE]).encode()).hexdigest()[:12]


def provide(buildah: Buildah) -> str:
    """Make the image if the store does not have it, and give its name.

    Raises:
        ClusterError: mmdebstrap failed, for instance without a way to Debian's packages.
    """
    made = f"localhost/python:{DIGEST}"
    if buildah.has(made):
        return NAME
    step("Making the base image from Debian packages: under a minute, the first time only")
    with tempfile.TemporaryDirectory() as work:
        archive = Path(work) / "base.tar"
        command = ["unshare", "--mount", "mmdebstrap", "--quiet", *_RECIPE, str(archive)]
        result = subprocess.run(tied(command), capture_output=True, text=True, check=False)
        if result.returncode:
            raise ClusterError(f"mmdebstrap failed:\n{result.stderr[-2000:]}")
        dockerfile = Path(work) / "Dockerfile"
        dockerfile.write_text(_DOCKERFILE)
        buildah.build([NAME, made], dockerfile, Path(work), {})
    return NAME
