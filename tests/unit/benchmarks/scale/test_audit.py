"""Counting requests in an audit log."""

from pathlib import Path
from typing import Any

import orjson
from benchmarks.scale.audit import AuditLog
from benchmarks.scale.results import Requests


def _line(number: int, verb: str, resource: str, group: str = "", subresource: str = "", **about: Any) -> bytes:
    reference = {"resource": resource, "apiGroup": group, "subresource": subresource}
    reference = {key: value for key, value in reference.items() if value}
    return orjson.dumps({"auditID": f"id-{number}", "verb": verb, "objectRef": reference, **about}) + b"\n"


def test_requests_are_counted_by_verb_and_resource(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(
        _line(1, "patch", "deployments", "apps")
        + _line(2, "patch", "deployments", "apps")
        + _line(3, "patch", "stablediffusionpipelines", "sdpipeline.dev", "status")
        + _line(4, "get", "services")
    )

    counted = AuditLog(log).since_last()

    assert counted.counts == {
        "get services": 1,
        "patch deployments.apps": 2,
        "patch stablediffusionpipelines.sdpipeline.dev/status": 1,
    }
    assert (counted.writes, counted.reads, counted.watches) == (3, 1, 0)


def test_a_watch_that_starts_and_ends_is_one_request(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    (tmp_path / "audit.log").write_bytes(_line(1, "watch", "pods", stage="ResponseStarted"))
    assert log.since_last().watches == 1

    with (tmp_path / "audit.log").open("ab") as file:
        file.write(_line(1, "watch", "pods", stage="ResponseComplete"))
    assert log.since_last().watches == 0


def test_a_line_that_is_not_yet_whole_is_counted_once_it_is(tmp_path: Path) -> None:
    path, line = tmp_path / "audit.log", _line(1, "get", "services")
    log = AuditLog(path)
    path.write_bytes(line[:20])
    assert log.since_last() == Requests.none()

    path.write_bytes(line)
    assert log.since_last().reads == 1


def test_a_log_without_any_request_yet_counts_nothing(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "audit.log").since_last() == Requests.none()


def test_leases_are_counted_apart(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(
        _line(1, "update", "leases", "coordination.k8s.io") + _line(2, "get", "services")
    )

    counted = AuditLog(tmp_path / "audit.log").since_last()

    assert (counted.leases, counted.writes, counted.total) == (1, 0, 1)


def test_a_request_for_no_resource_is_counted_too(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(orjson.dumps({"auditID": "a", "verb": "get"}) + b"\n")

    assert AuditLog(tmp_path / "audit.log").since_last().counts == {"get -": 1}
