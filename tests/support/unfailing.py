"""Requests to a pipeline on real pods, none of which may fail."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.swap.clients import asking
from benchmarks.swap.load import Ask, Load, unhurried_load
from benchmarks.swap.rig import Rig
from tests.support.eventually import eventually

from devcluster.pytest_plugin import Namespace
from sdp_serving.client import ServerUnreachableError


@contextmanager
def asking_pods(namespace: Namespace, *, gateway: bool = False) -> Iterator[Ask]:
    """What asks the pipeline for a picture, once the node has the way to Services whose pods have just become ready."""
    with asking(Rig(namespace.cluster, namespace.name), gateway=gateway) as ask:
        eventually(lambda: _answers(ask), "the node has the way to the Services")
        yield ask


@contextmanager
def unfailing(ask: Ask) -> Iterator[Load]:
    """Ask for pictures all the time of a `with` block; none may be missing in the end."""
    with unhurried_load(ask) as load:
        eventually(lambda: load.samples, "the first answer")
        yield load
    told = [f"{at + 1} of {len(load.samples)}: {one.error}" for at, one in enumerate(load.samples) if one.error]
    assert told == []


def _answers(ask: Ask) -> bool:
    try:
        ask()
    except ServerUnreachableError:
        return False
    return True
