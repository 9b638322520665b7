import os
from datetime import UTC, datetime
from pathlib import Path

import kopf
import pytest

from sdp_operator import login

KUBECONFIG = """
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://outside:6443"}}]
users: [{name: u, user: {token: outside}}]
"""


@pytest.fixture
def in_a_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("inside\n")
    monkeypatch.setattr(login, "_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)


@pytest.fixture
def kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))


@pytest.mark.usefixtures("in_a_pod")
def test_a_pod_reaches_its_own_cluster_with_a_token_that_is_read_again() -> None:
    found = login.connection()
    assert (found.server, found.token) == ("https://[fd00::1]:443", "inside")
    assert found.expiration is not None
    assert found.expiration > datetime.now(UTC)


@pytest.mark.usefixtures("in_a_pod", "kubeconfig")
def test_a_kubeconfig_that_is_named_comes_first() -> None:
    found = login.connection()
    assert (found.server, found.token) == ("https://outside:6443", "outside")


def test_a_kubeconfig_that_signs_in_by_a_program_is_refused(kubeconfig: None) -> None:
    path = Path(os.environ["KUBECONFIG"])
    path.write_text(path.read_text().replace("{token: outside}", "{exec: {command: gke-gcloud-auth-plugin}}"))
    with pytest.raises(kopf.LoginError, match="use one with a ServiceAccount's token"):
        login.connection()


@pytest.mark.parametrize("text", ["", "current-context: c", "{", None])
def test_a_kubeconfig_that_cannot_be_used_is_told(
    text: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(kopf.LoginError):
        login.connection()


def test_without_any_cluster_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(kopf.LoginError, match="set KUBECONFIG"):
        login.connection()
