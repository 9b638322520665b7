"""The command line: python -m devcluster."""

import signal
import sys
from types import FrameType

import click
from rich.console import Console
from rich.table import Table

from devcluster import images, lifecycle, lock, node, processes
from devcluster.console import done
from devcluster.errors import ClusterError
from devcluster.paths import ClusterPaths

_name = click.option("--name", default="demo", show_default=True, help="Which cluster; several can run at once.")


class _Group(click.Group):
    """Shows an expected error as one message, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except ClusterError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A real one-node Kubernetes on this machine, for demos and tests.

    It runs without Docker. The first time its programs are built, which takes minutes; after that a cluster is up in
    seconds. A node needs root on Linux; a control plane alone does not.
    """
    # So that a polite end, as by `kill` or a closed terminal, cleans up like Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


@main.command()
@_name
@click.option(
    "--control-plane-only", is_flag=True, help="No node: objects can be made, but no pod runs. Needs no root."
)
def up(name: str, control_plane_only: bool) -> None:
    """Start a cluster, or find that it runs already."""
    lifecycle.up(name, with_node=not control_plane_only)


@main.command()
@_name
def down(name: str) -> None:
    """Stop a cluster and leave nothing of it running, mounted or routed; its images stay in the cache."""
    lifecycle.down(name)
    done(f"The cluster {name} is down")


@main.command()
def status() -> None:
    """List the clusters."""
    table = Table("NAME", "STATE", "GPUS", "PROCESSES", "KUBECONFIG", box=None, header_style="bold")
    for name in lifecycle.names():
        paths = ClusterPaths.of(name)
        record = lifecycle.read_record(paths)
        gpus = str(node.GPUS) if record and record.slot is not None else "no node"
        table.add_row(name, _state(paths), gpus, str(len(processes.find(paths.state))), str(paths.kubeconfig))
    # Wide enough for any path, so that a kubeconfig's can be copied.
    Console(width=250).print(table if table.row_count else "No cluster is up.")


@main.command()
@_name
@click.argument("image")
def load(name: str, image: str) -> None:
    """Bring IMAGE into the node of a running cluster.

    IMAGE is one of the repository's own, as operator or puller, which is built first from its Dockerfile if anything
    in it has changed; or the path of an archive in OCI form.
    """
    loaded = images.load_by_name(lifecycle.access(name), image)
    done(f"The cluster {name} has {loaded}")


@main.command()
def prepare() -> None:
    """Build and install everything that a cluster needs, and start nothing."""
    lifecycle.prepare(with_node=True)
    images.prepare()
    done("Everything that a cluster needs is there")


def _state(paths: ClusterPaths) -> str:
    used = lock.holder_of(paths.lock)
    user = f" (in use by process {used})" if used else ""
    if lifecycle.serves(paths.name):
        return f"Ready{user}"
    return f"NotReady{user}" if used else "NotReady: take it down, then up again"


def _interrupt(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
