"""Certificates, checked with the cryptography library's own verifier."""

import datetime as dt
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from devcluster.certificates import Authority

_NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, _NOW)


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _policy(authority: Authority, now: dt.datetime = _NOW) -> PolicyBuilder:
    return PolicyBuilder().store(Store([_load(authority.certificate)])).time(now)


def test_a_server_is_trusted_under_each_of_its_addresses_and_no_other(authority: Authority) -> None:
    server = _load(authority.issue("server", "server", addresses=["localhost", "10.199.0.1"]).certificate)

    _policy(authority).build_server_verifier(x509.DNSName("localhost")).verify(server, [])
    _policy(authority).build_server_verifier(x509.IPAddress(ipaddress.ip_address("10.199.0.1"))).verify(server, [])
    with pytest.raises(VerificationError):
        _policy(authority).build_server_verifier(x509.DNSName("elsewhere")).verify(server, [])


def test_a_client_carries_its_user_and_groups(authority: Authority) -> None:
    client = _load(authority.issue("admin", "admin", groups=["system:masters"]).certificate)

    assert client.subject.rfc4514_string() == "CN=admin,O=system:masters"


def test_a_clients_certificate_serves_nobody(authority: Authority) -> None:
    client = _load(authority.issue("admin", "localhost").certificate)

    with pytest.raises(VerificationError):
        _policy(authority).build_server_verifier(x509.DNSName("localhost")).verify(client, [])


def test_a_certificate_ends_after_a_year(authority: Authority) -> None:
    server = _load(authority.issue("server", "server", addresses=["localhost"]).certificate)

    with pytest.raises(VerificationError):
        _policy(authority, _NOW + dt.timedelta(days=366)).build_server_verifier(x509.DNSName("localhost")).verify(
            server, []
        )


def test_keys_are_readable_by_their_owner_only(authority: Authority) -> None:
    pair = authority.issue("admin", "admin")

    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
