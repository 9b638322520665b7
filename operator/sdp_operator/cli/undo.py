"""`sdpipeline undo`: the model before, asked for again."""

from dataclasses import dataclass

import click

from sdp_operator.cli.errors import CommandError, says_errors
from sdp_operator.cli.kubectl import RESOURCE, Kubectl
from sdp_operator.cli.options import takes_cluster
from sdp_operator.cli.swaps import read_pipeline, swaps_of
from sdp_operator.objects import KubeObject
from sdp_operator.swap.state import is_image
from sdp_serving.contract.components import Component


@dataclass(frozen=True)
class Edit:
    """The one field that is edited.

    Attributes:
        component: the component's field.
        before: the URI that its `model` has.
        after: the URI that it is to have.
    """

    component: str
    before: str
    after: str


@click.command()
@click.argument("name")
@click.option(
    "--component",
    type=click.Choice([component.field for component in Component]),
    help="Whose swap is undone.  [default: that of the newest one]",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask first.")
@takes_cluster
@says_errors
def undo(kubectl: Kubectl, name: str, component: str | None, yes: bool) -> None:
    """Ask again for the model that the pipeline NAME had before its newest swap.

    It edits the one field of the spec; the operator then swaps as it always does. Undone twice, it is as before, unless
    the swap came to nothing.
    """
    live = read_pipeline(kubectl, name)
    edit = edit_back(live, component)
    click.echo(f"{name}: {edit.component}.model\n  from {edit.before}\n  to   {edit.after}")
    if not yes and not click.confirm("Change it?"):
        raise click.Abort
    # What the operator has written to the status meanwhile must not stand in the way.
    now = read_pipeline(kubectl, name)
    if now["metadata"]["generation"] != live["metadata"]["generation"]:
        raise CommandError("somebody else has changed the pipeline meanwhile: look at it, and try again")
    kubectl.patch(
        RESOURCE,
        name,
        {
            "metadata": {"resourceVersion": now["metadata"]["resourceVersion"]},
            "spec": {edit.component: {"model": edit.after}},
        },
    )
    click.echo(f"Changed: see how it goes with `kubectl get sdpipeline {name} --watch`.")


def edit_back(live: KubeObject, component: str | None) -> Edit:
    """The edit that undoes the newest swap, of the component where one is named.

    Raises:
        CommandError: there is nothing to undo, or nothing to go back to.
    """
    name = live["metadata"]["name"]
    newest = next((one for one in swaps_of(live) if component in (None, one.component)), None)
    if newest is None:
        which = name if component is None else f"{name}'s {component}"
        raise CommandError(f"there is nothing to undo: no swap of {which} is known; see `sdpipeline history {name}`")
    asked = live["spec"].get(newest.component, {}).get("model")
    if asked is None:
        raise CommandError(
            f"{newest.component} of {name} names no model by a URI now: change it by hand, as to {newest.source}"
        )
    if asked != newest.target and asked == _taken_up(live, newest.component):
        if newest.result != "Succeeded":
            raise CommandError(
                f"there is nothing to undo: the newest swap of {newest.component}, to {newest.target}, has been taken"
                " back already; change the field by hand to ask for it again"
            )
    elif asked != newest.target:
        raise CommandError(
            f"{newest.component}.model of {name} has been changed, to {asked}, and the operator has not begun with it:"
            " try again when it has, or change the field by hand"
        )
    if is_image(newest.source):
        raise CommandError(
            f"{newest.component} of {name} had {newest.source} before, which is no URI of a model: change it by hand"
        )
    return Edit(newest.component, asked, newest.source)


def _taken_up(live: KubeObject, component: str) -> str | None:
    """The model of the component that the operator has begun with, as its status tells."""
    taken: str | None = (live.get("status", {}).get(component) or {}).get("model")
    return taken
