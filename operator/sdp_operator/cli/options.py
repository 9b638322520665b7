"""Options that the commands share, named as kubectl's."""

import functools
from collections.abc import Callable
from typing import Literal

import click

from sdp_operator.cli.kubectl import Kubectl

Output = Literal["table", "json"]


def takes_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which cluster and namespace; it gets them as `kubectl`."""

    @click.option("-n", "--namespace", help="The namespace.  [default: the kubeconfig's]")
    @click.option("--context", help="The kubeconfig's context.  [default: the current one]")
    @click.option("--kubeconfig", type=click.Path(dir_okay=False), help="The kubeconfig.  [default: as kubectl's]")
    @functools.wraps(command)
    def with_cluster(namespace: str | None, context: str | None, kubeconfig: str | None, **others: object) -> None:
        command(kubectl=Kubectl(namespace, context, kubeconfig), **others)

    return with_cluster


takes_output = click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="How to print it."
)
