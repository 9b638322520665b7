"""`sdpipeline plan`: what applying a file would bring about."""

from datetime import UTC, datetime
from typing import TextIO

import click

from sdp_operator.api.v1alpha1 import KIND
from sdp_operator.cli.documents import read_pipelines
from sdp_operator.cli.errors import CommandError, RefusedError, says_errors
from sdp_operator.cli.kubectl import RESOURCE, Kubectl
from sdp_operator.cli.operator_settings import operator_settings
from sdp_operator.cli.options import Output, takes_cluster, takes_output
from sdp_operator.cli.plan_table import plan_table
from sdp_operator.cli.sight import take_sight
from sdp_operator.errors import InvalidPipelineError
from sdp_operator.objects import KubeObject
from sdp_operator.plan.build import plan_pipeline, refused_plan
from sdp_operator.plan.result import PipelinePlan, Plan, Refusal
from sdp_operator.settings import Settings

REFUSED = 2


class _PlanCommand(click.Command):
    """A command whose exit code 2 means nothing else than that the change would be refused."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse them; what is wrong with them is an error like any other."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.show()
            ctx.exit(1)


@click.command(cls=_PlanCommand)
@click.argument("file", type=click.File(encoding="utf-8"))
@takes_output
@takes_cluster
@says_errors
def plan(kubectl: Kubectl, file: TextIO, output: Output) -> None:
    """Say what applying FILE would bring about.

    It changes nothing. FILE holds what `kubectl apply -f FILE` would be given; - is the standard input. What is in the
    models is read with your own access to their storage.

    \b
    Exit codes:
    0  the change would be taken
    1  it can't be told
    2  the API server or the operator would refuse it
    """
    pipelines, others = read_pipelines(file)
    told, notes = operator_settings(kubectl), []
    if isinstance(told, str):
        notes.append(f"{told}, so that its defaults are taken to be in force")
    settings = None if isinstance(told, str) else told
    if others:
        notes.append(f"not looked at: {', '.join(others)}")
    found = Plan(pipelines=tuple(_planned(kubectl, one, settings) for one in pipelines), notes=tuple(notes))
    click.echo(found.model_dump_json(indent=2) if output == "json" else plan_table(found), nl=output == "json")
    if found.refused:
        raise click.exceptions.Exit(REFUSED)


def _planned(kubectl: Kubectl, wanted: KubeObject, settings: Settings | None) -> PipelinePlan:
    name, namespace = wanted["metadata"]["name"], _namespace(kubectl, wanted)
    live = kubectl.find(RESOURCE, name, namespace=namespace)
    now = datetime.now(UTC)
    try:
        body = kubectl.try_apply({**wanted, "metadata": {**wanted["metadata"], "namespace": namespace}})
        sight, notes = take_sight(kubectl, live, body, settings, now)
    except RefusedError as error:
        refusal = Refusal(by="APIServer", reason="Invalid", message=str(error))
        return refused_plan(name, namespace, refusal, exists=live is not None)
    except InvalidPipelineError as error:
        refusal = Refusal(by="Operator", reason="InvalidSpec", message=str(error))
        return refused_plan(name, namespace, refusal, exists=live is not None)
    made = plan_pipeline(sight, now)
    return made.model_copy(update={"notes": (*notes, *made.notes)})


def _namespace(kubectl: Kubectl, wanted: KubeObject) -> str:
    named: str | None = wanted["metadata"].get("namespace")
    if named is None:
        return kubectl.default_namespace()
    if kubectl.namespace not in (None, named):
        raise CommandError(
            f"the {KIND} {wanted['metadata']['name']} is of the namespace {named}: leave out --namespace, or name that"
        )
    return named
