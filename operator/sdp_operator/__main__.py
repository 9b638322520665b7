"""The operator's commands."""

import asyncio
import logging
import sys

import click
from pydantic import ValidationError

from sdp_operator.errors import first_complaint


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Serves Stable Diffusion on Kubernetes as three models that can each be swapped by one field."""


@main.command()
def run() -> None:
    """Run the operator against the cluster of KUBECONFIG, or the one that it runs in. SDP_ variables set it up."""
    import kopf  # here, since it takes two seconds that `crd` need not wait for

    from sdp_operator import handlers, login, settings  # noqa: F401 - kopf finds the handlers once they are imported
    from sdp_operator.desired.identity import MANAGER

    try:
        chosen = settings.Settings()
        login.connection()  # now, since kopf would try again for ever
    except ValidationError as error:
        raise click.ClickException(_first_sentence(error)) from None
    except kopf.LoginError as error:
        raise click.ClickException(str(error)) from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    asyncio.run(
        kopf.operator(
            standalone=True,
            # Else kopf looks up a user name, which a container that runs as a mere number lacks.
            identity=MANAGER,  # type: ignore[arg-type]  # kopf gives the name of this kind of string to no one
            clusterwide=not chosen.namespaces,
            namespaces=chosen.namespaces,
            liveness_endpoint=f"http://{chosen.http_address.host}:{chosen.http_address.port}/healthz",
        )
    )


@main.command()
def crd() -> None:
    """Print the CustomResourceDefinition."""
    from sdp_operator.api.crd import render

    click.echo(render(), nl=False)


def _first_sentence(error: ValidationError) -> str:
    path, complaint = first_complaint(error)
    return f"SDP_{path[0].upper()}: {complaint}; set this environment variable to something else"


if __name__ == "__main__":
    main()
