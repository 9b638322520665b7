"""Watches that end, news that are missed, and an API server that dies."""

import time

from tests.support.api_proxy import Answer, Call, CutError, Forward
from tests.support.eventually import eventually
from tests.support.proxied_operator import ProxiedOperator
from tests.support.restart import restart_api_server
from tests.support.subject import BROAD, NARROWED, SWAPPED, Subject

from devcluster.pytest_plugin import Namespace

_EXPIRED = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"Expired",'
    b'"message":"too old resource version","code":410}}\n'
)


def test_what_happened_while_no_watch_was_open_is_made_good_also_when_its_news_have_expired(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    owner, user = Subject(operator, namespace, "sd-owner"), Subject(operator, namespace, "sd-user")
    edited, damaged, removed, added = (
        Subject(operator, namespace, one) for one in ("sd-edited", "sd-damaged", "sd-removed", "sd-added")
    )
    shared = {"decoder": {"from": {"pipeline": owner.name}}}
    for subject, spec in ((owner, BROAD), (user, shared), (edited, BROAD), (damaged, BROAD), (removed, BROAD)):
        subject.apply(spec)
    wanted = damaged.settled()
    eventually(lambda: owner.get()["status"].get("usedBy") == [f"{namespace.name}/{user.name}"], "its user is known")
    seen: set[str] = set()

    async def away(call: Call, forward: Forward) -> Answer:
        if call.is_watch:
            raise CutError
        return await forward()

    async def expired(call: Call, forward: Forward) -> Answer:
        if call.is_watch and call.path not in seen:
            seen.add(call.path)
            return Answer(200, _EXPIRED, {"Content-Type": "application/json"})
        return await forward()

    operator.proxy.rule = away
    operator.proxy.drop_watches()
    edited.apply(SWAPPED)
    damaged.delete_children("deployments")
    removed.delete()
    user.delete()  # It has no children whose end would tell of its own.
    added.apply(NARROWED)
    operator.proxy.rule = expired
    damaged.wait_for(wanted, "its children are back", seconds=40)
    eventually(lambda: edited.get()["status"]["decoder"]["model"] == "models/decoder:2", "the edit is made")
    eventually(lambda: "usedBy" not in owner.get()["status"], "its user is forgotten")
    added.settled()
    removed.wait_until_gone(60)
    assert "/pods" in "".join(seen)


def test_an_api_server_that_always_says_that_news_have_expired_is_not_asked_in_haste(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    Subject(operator, namespace).apply(BROAD)
    Subject(operator, namespace).settled()

    async def rule(call: Call, forward: Forward) -> Answer:
        return Answer(200, _EXPIRED) if call.is_watch else await forward()

    operator.proxy.rule = rule
    operator.proxy.drop_watches()
    began = time.monotonic()
    operator.stay(8)
    by_path = [call.path for call in operator.proxy.calls_since(began) if call.is_watch]
    assert 2 <= max(by_path.count(path) for path in by_path) <= 6


def test_an_api_server_that_is_killed_and_started_again_is_found_again(
    operator: ProxiedOperator, namespace: Namespace
) -> None:
    kept, deleted = Subject(operator, namespace, "sd-kept"), Subject(operator, namespace, "sd-deleted")
    for subject in (kept, deleted):
        subject.apply(BROAD)
    wanted = kept.settled()
    restart_api_server(namespace.cluster)
    kept.delete_children("services")
    deleted.delete()
    added = Subject(operator, namespace, "sd-added")
    added.apply(BROAD)
    kept.wait_for(wanted, "its Services are back", seconds=60)
    added.wait_for(wanted, "it is made", seconds=60)
    deleted.wait_until_gone(90)


def test_where_nothing_happens_nothing_is_asked(operator: ProxiedOperator, namespace: Namespace) -> None:
    subject = Subject(operator, namespace)
    subject.apply(BROAD)
    subject.settled()
    began = time.monotonic()
    operator.stay(10)
    assert [str(call) for call in operator.proxy.calls_since(began)] == []
