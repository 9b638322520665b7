"""The demo's command line: `make demo` and `make demo-down`."""

import os
import signal
from pathlib import Path

import click

from demo.console import CONSOLE, step
from demo.shell import DemoError
from demo.story import set_up, tell
from demo.target import IMAGES, KindCluster, LocalCluster, Target
from devcluster import ClusterError, helm, images, lifecycle, programs
from sdp_serving.generation.errors import PipelineError

_context = click.option("--context", help="A kind cluster of your own, such as kind-kind; without it, a local cluster.")


class _Group(click.Group):
    """Shows what went wrong as one message, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (DemoError, ClusterError, PipelineError) as error:
            raise click.ClickException(str(error)) from None
        except KeyboardInterrupt:
            raise click.ClickException("Interrupted. `make demo-down`, with CONTEXT as before, cleans up.") from None


@click.group(cls=_Group)
def main() -> None:
    """From nothing to two pictures: Stable Diffusion served as three models on Kubernetes."""
    # So that `kill` and a closed terminal clean up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


@main.command()
@_context
def up(context: str | None) -> None:
    """Run the demo and leave the cluster running; the pictures are in out/."""
    access = set_up(_target(context))
    tell(Path("out"))
    programs = os.pathsep.join(map(str, access.programs))
    down = "make demo-down" if not context else f"make demo-down CONTEXT={context}"
    CONSOLE.print(
        f"\nTo go on:\n  export KUBECONFIG={access.kubeconfig}\n  export PATH={programs}:$PATH\n"
        "  kubectl edit sdpipeline             # swap a model yourself\n"
        '  sdpipeline generate "a small yellow star on a green background" -n 4\n'
        f"  {down:<35} # leave nothing running",
        soft_wrap=True,
    )


@main.command()
def prepare() -> None:
    """Build and install everything that the demo and the tests need, and start nothing."""
    lifecycle.prepare(with_node=True)
    helm.program()
    programs.provide([programs.KWOK])
    for name in (*IMAGES, "exporter"):
        with step(f"Image {name}"):
            images.build_by_name(name)


@main.command()
@_context
def down(context: str | None) -> None:
    """Remove all that `up` made."""
    _target(context).stop()
    CONSOLE.print("✓ The demo is gone")


def _target(context: str | None) -> Target:
    return KindCluster(context) if context else LocalCluster()


if __name__ == "__main__":
    main(prog_name="demo")
