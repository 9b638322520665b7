"""etcd, the API server, the controller manager and the scheduler, as processes of this machine."""

import json
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from devcluster import kubeconfig
from devcluster.addresses import API_PORT_WITH_NODE, Addresses
from devcluster.certificates import Authority, write_service_account_keys
from devcluster.paths import ClusterPaths
from devcluster.processes import Component, start
from devcluster.programs import Programs
from devcluster.waiting import wait_for

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Endpoint:
    """Where the API server listens, and what that means for the Services' range."""

    host: str
    port: int
    services: str
    kubernetes_service: str

    @property
    def url(self) -> str:
        """The API server's URL."""
        return f"https://{self.host}:{self.port}"


def on_loopback() -> Endpoint:
    """Give an endpoint for a control plane without a node: a free port of the loopback address."""
    (port,) = _free_ports(1)
    return Endpoint(_LOOPBACK, port, "10.96.0.0/20", "10.96.0.1")


def on_link(addresses: Addresses) -> Endpoint:
    """Give an endpoint that pods can reach, and that the network outside this machine can't."""
    return Endpoint(addresses.host, API_PORT_WITH_NODE, addresses.services, addresses.kubernetes_service)


def launch(
    paths: ClusterPaths,
    programs: Programs,
    authority: Authority,
    endpoint: Endpoint,
    *,
    audited_user: str | None = None,
) -> list[Component]:
    """Start the control plane and wait until it serves; the administrator's kubeconfig is written on the way.

    Args:
        paths: where its files lie.
        programs: what it runs.
        authority: issues its certificates.
        endpoint: where the API server listens.
        audited_user: whose every request is recorded in the audit log; None for nobody's.

    Raises:
        ClusterError: a component ended, or was not ready in time.
    """
    etcd_url, etcd = _launch_etcd(paths, programs, authority)
    audit = [] if audited_user is None else _audit_flags(paths, audited_user)
    api_server = _launch_api_server(paths, programs, authority, endpoint, etcd_url, audit)
    kubeconfig.write(
        paths.kubeconfig,
        cluster=f"sdpipeline-{paths.name}",
        server=endpoint.url,
        authority=authority.certificate,
        user=authority.issue("admin", "admin", groups=["system:masters"]),
    )
    kubectl = [programs.control_plane("kubectl"), f"--kubeconfig={paths.kubeconfig}"]
    wait_for(
        "the API server to be ready",
        lambda: etcd.check() and api_server.check() and _succeeds([*kubectl, "get", "--raw=/readyz"]),
        seconds=120,
        log=api_server.log,
    )
    controllers = _launch_controller(
        "kube-controller-manager",
        [
            f"--service-account-private-key-file={paths.pki / 'service-account.key'}",
            f"--root-ca-file={authority.certificate}",
            "--use-service-account-credentials",
        ],
        paths, programs, authority, endpoint,
    )  # fmt: skip
    scheduler = _launch_controller("kube-scheduler", [], paths, programs, authority, endpoint)
    # Until it exists the API server refuses every pod in the namespace.
    wait_for(
        "the ServiceAccount `default` of the namespace `default`",
        lambda: controllers.check() and scheduler.check() and _succeeds([*kubectl, "get", "serviceaccount", "default"]),
        seconds=60,
        log=controllers.log,
    )
    return [etcd, api_server, controllers, scheduler]


def _launch_etcd(paths: ClusterPaths, programs: Programs, authority: Authority) -> tuple[str, Component]:
    client_port, peer_port = _free_ports(2)
    url, peer_url = f"https://{_LOOPBACK}:{client_port}", f"https://{_LOOPBACK}:{peer_port}"
    server = authority.issue("etcd", "etcd", addresses=[_LOOPBACK])
    component = start(
        "etcd",
        [
            programs.control_plane("etcd"),
            f"--data-dir={paths.etcd}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            f"--cert-file={server.certificate}",
            f"--key-file={server.key}",
            f"--trusted-ca-file={authority.certificate}",
            "--client-cert-auth",
            f"--peer-cert-file={server.certificate}",
            f"--peer-key-file={server.key}",
            f"--peer-trusted-ca-file={authority.certificate}",
            "--peer-client-cert-auth",
            "--unsafe-no-fsync",  # The data lives no longer than the cluster.
            "--log-level=warn",
        ],
        mark=paths.state,
        logs=paths.logs,
    )
    return url, component


def _launch_api_server(
    paths: ClusterPaths,
    programs: Programs,
    authority: Authority,
    endpoint: Endpoint,
    etcd_url: str,
    audit: Sequence[str],
) -> Component:
    accounts = write_service_account_keys(paths.pki)
    etcd_client = authority.issue("apiserver-etcd-client", "kube-apiserver")
    kubelet_client = authority.issue("apiserver-kubelet-client", "kube-apiserver", groups=["system:masters"])
    server = authority.issue(
        "apiserver",
        "kube-apiserver",
        addresses=[
            endpoint.host,
            endpoint.kubernetes_service,
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ],
    )
    # The Service `kubernetes` can't have a loopback address as its endpoint, and without a node nobody asks for it.
    reconciler = "none" if endpoint.host == _LOOPBACK else "lease"
    return start(
        "kube-apiserver",
        [
            programs.control_plane("kube-apiserver"),
            f"--bind-address={endpoint.host}",
            f"--advertise-address={endpoint.host}",
            f"--secure-port={endpoint.port}",
            f"--endpoint-reconciler-type={reconciler}",
            f"--service-cluster-ip-range={endpoint.services}",
            f"--etcd-servers={etcd_url}",
            f"--etcd-cafile={authority.certificate}",
            f"--etcd-certfile={etcd_client.certificate}",
            f"--etcd-keyfile={etcd_client.key}",
            f"--client-ca-file={authority.certificate}",
            f"--tls-cert-file={server.certificate}",
            f"--tls-private-key-file={server.key}",
            f"--kubelet-certificate-authority={authority.certificate}",
            f"--kubelet-client-certificate={kubelet_client.certificate}",
            f"--kubelet-client-key={kubelet_client.key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={accounts.certificate}",
            f"--service-account-signing-key-file={accounts.key}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--anonymous-auth=false",
            "--allow-privileged",
            "--shutdown-delay-duration=0s",
            "--profiling=false",
            *audit,
        ],
        mark=paths.state,
        logs=paths.logs,
    )


def _audit_flags(paths: ClusterPaths, user: str) -> list[str]:
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        # A watch is recorded when it starts, since it may outlive the log; all else when it has been answered.
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [user]}, {"level": "None"}],
    }
    path = paths.configs / "audit-policy.json"
    path.write_text(json.dumps(policy))
    return [f"--audit-policy-file={path}", f"--audit-log-path={paths.audit_log}"]


def _launch_controller(
    program: str,
    arguments: Sequence[str],
    paths: ClusterPaths,
    programs: Programs,
    authority: Authority,
    endpoint: Endpoint,
) -> Component:
    config = kubeconfig.write(
        paths.configs / f"{program}.kubeconfig",
        cluster="local",
        server=endpoint.url,
        authority=authority.certificate,
        user=authority.issue(program, f"system:{program}"),
    )
    return start(
        program,
        [
            programs.control_plane(program),
            f"--kubeconfig={config}",
            "--leader-elect=false",
            "--secure-port=0",  # Nobody reads their metrics, and a port less can be in use.
            "--profiling=false",
            *arguments,
        ],
        mark=paths.state,
        logs=paths.logs,
    )


def _free_ports(count: int) -> list[int]:
    # All are held until the last is found, so that they differ.
    sockets = [socket.create_server((_LOOPBACK, 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def _succeeds(argv: Sequence[str]) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
