"""`sdpipeline` itself."""

import signal

import click

from sdp_serving.client.cli.generate import generate
from sdp_serving.client.cli.replay import replay
from sdp_serving.client.commands import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sdpipeline")
def main() -> None:
    """Make images with StableDiffusionPipelines in a Kubernetes cluster, and swap their models."""
    # So that `kill` and a closed terminal end the port-forwards too, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def kubectl_plugin() -> None:
    """The same as `main`, for kubectl: it finds the executable `kubectl-sdpipeline` by its name."""
    main(prog_name="kubectl sdpipeline")


main.add_command(generate)
main.add_command(replay)
