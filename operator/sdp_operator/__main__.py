"""The operator's commands."""

import asyncio
import logging

import click
from pydantic import ValidationError

from sdp_operator.errors import first_complaint

_log = logging.getLogger(__name__)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Serves Stable Diffusion on Kubernetes as three models that can each be swapped by one field."""


@main.command()
def run() -> None:
    """Run the operator until it is told to stop.

    It works on the cluster of KUBECONFIG, or else on the one that it runs in. Environment variables set it up, whose
    names start with SDP_. These decide how the process itself runs:

    \b
    SDP_NAMESPACES       namespaces to serve, separated by commas; all by default
    SDP_LEASE_NAMESPACE  run several operators, of which one works: the namespace
                         of the Lease that they agree by; no election by default
    SDP_HTTP_ADDRESS     where /healthz, /readyz and /metrics are; 0.0.0.0:8080
    SDP_LOG_FORMAT       json or text; text when the log goes to a terminal

    \b
    Exit codes:
    0  it was told to stop by SIGTERM or SIGINT, and has finished its work
    1  it can't run, or may no longer work: its last words say why
    """
    # Here, since they take two seconds that `crd` need not wait for.
    import kopf

    from sdp_operator import login, process
    from sdp_operator.settings import Settings
    from sdp_operator.telemetry import logs, web

    try:
        settings = Settings()
        login.connection()  # now, since kopf would try again for ever
    except ValidationError as error:
        raise click.ClickException(_first_sentence(error)) from None
    except kopf.LoginError as error:
        raise click.ClickException(str(error)) from None
    logs.configure(settings.log_format)
    try:
        asyncio.run(process.run(settings))
    except web.AddressError as error:
        raise click.ClickException(str(error)) from None
    except Exception:  # noqa: BLE001 - whatever it is, the log tells it in its own format
        _log.critical("the operator ends by an unforeseen failure", exc_info=True)
        raise click.exceptions.Exit(1) from None


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
