"""What kopf calls: every event about a pipeline or one of its children asks for a reconcile of that pipeline.

kopf watches; whether there is anything to do is found in the cluster and not in the event. Its handlers for creation,
update and resumption keep their progress in annotations of the custom resource and know nothing of children. These keep
nothing, an event about a pod is worth as much as one about the pipeline, and what failed is tried again either way.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import kopf

from sdp_operator import login
from sdp_operator.api.v1alpha1 import GROUP, PLURAL, VERSION
from sdp_operator.cluster import Cluster
from sdp_operator.desired.identity import INSTANCE, MANAGED_BY, MANAGER
from sdp_operator.reconcile import reconcile
from sdp_operator.settings import Settings
from sdp_operator.work_queue import WorkQueue

_CHILDREN: Final = (("apps", "v1", "deployments"), ("", "v1", "services"), ("", "v1", "pods"))
_CONCURRENCY: Final = 10
_WATCH_SECONDS: Final = 600


class PipelineKey(NamedTuple):
    """Which pipeline."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@kopf.on.login()
def log_in(**_: Any) -> kopf.ConnectionInfo:
    """Say how kopf reaches the cluster."""
    return login.connection()


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Set kopf up, connect, and open the queue of pipelines to reconcile."""
    _configure(settings)
    operator_settings = Settings()
    cluster = await Cluster.connect()

    async def work(key: PipelineKey) -> timedelta | None:
        body = await cluster.pipeline(key.namespace, key.name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return None
        return await reconcile(body, cluster, operator_settings, lambda: datetime.now(UTC))

    memo.cluster = cluster
    memo.queue = WorkQueue(work, concurrency=_CONCURRENCY)


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Close the queue and the connections."""
    await memo.queue.close()
    await memo.cluster.close()


@kopf.on.event(GROUP, VERSION, PLURAL)
async def on_pipeline(namespace: str | None, name: str, memo: kopf.Memo, **_: Any) -> None:
    """A pipeline was made, changed or deleted, or was there when the operator started."""
    assert namespace is not None
    memo.queue.call(PipelineKey(namespace, name))


@kopf.on.event("apps", "v1", "deployments", labels={MANAGED_BY: MANAGER})
@kopf.on.event("", "v1", "services", labels={MANAGED_BY: MANAGER})
@kopf.on.event("", "v1", "pods", labels={MANAGED_BY: MANAGER})
async def on_child(namespace: str | None, labels: Mapping[str, str], memo: kopf.Memo, **_: Any) -> None:
    """A child of a pipeline was made, changed or deleted."""
    if namespace is not None and INSTANCE in labels:
        memo.queue.call(PipelineKey(namespace, labels[INSTANCE]))


def _configure(settings: kopf.OperatorSettings) -> None:
    settings.posting.enabled = False  # Events are recorded where conditions change.
    settings.peering.standalone = True
    settings.watching.server_timeout = _WATCH_SECONDS
    settings.networking.request_timeout = 30
    for resource in _CHILDREN:
        settings.watching.label_selectors[resource] = f"{MANAGED_BY}={MANAGER}"
    # Nothing of ours is kept in annotations; should kopf ever keep something, then under our name.
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.persistence.finalizer = f"{GROUP}/unused"
    # These tell of every event and every probe; what matters is told where it is done.
    for chatty in ("kopf.objects", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
