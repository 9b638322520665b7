"""Kubeconfig files."""

import base64
from pathlib import Path

import yaml

from devcluster.certificates import KeyPair


def write(path: Path, *, cluster: str, server: str, authority: Path, user: KeyPair) -> Path:
    """Write a kubeconfig that holds its certificates, so that the file can be copied; its context is `cluster`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": _encode(authority)}}
        ],
        "users": [
            {
                "name": cluster,
                "user": {
                    "client-certificate-data": _encode(user.certificate),
                    "client-key-data": _encode(user.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster, "namespace": "default"}}],
        "current-context": cluster,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def _encode(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
