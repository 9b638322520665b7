"""How kopf reaches the cluster: by the same rule as `connection.connect`."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import kopf
import yaml

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_IS_GOOD_FOR: Final = timedelta(minutes=10)
"""The kubelet renews the token's file long before the token expires: read it again this often."""


def connection() -> kopf.ConnectionInfo:
    """The cluster that KUBECONFIG names, else the one that this process runs in, else that of ~/.kube/config.

    Raises:
        kopf.LoginError: when there is none of them, or its kubeconfig can't be used.
    """
    if not os.environ.get("KUBECONFIG") and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _in_cluster()
    try:
        found = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise kopf.LoginError(f"the kubeconfig can't be used ({error}): set KUBECONFIG to that of a cluster") from error
    if found is None:
        raise kopf.LoginError("there is no cluster: set KUBECONFIG to the file of one, or run in a pod")
    if not (found.token or found.username or found.certificate_path or found.certificate_data):
        raise kopf.LoginError(
            "the kubeconfig signs in by a program of its own, which kopf can't run:"
            " use one with a ServiceAccount's token (kubectl create token) or a client certificate"
        )
    return found


def _in_cluster() -> kopf.ConnectionInfo:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return kopf.ConnectionInfo(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_path=_ACCOUNT / "ca.crt",
        token=(_ACCOUNT / "token").read_text(encoding="utf-8").strip(),
        expiration=datetime.now(UTC) + _TOKEN_IS_GOOD_FOR,
    )
