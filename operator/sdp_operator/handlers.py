"""What kopf calls: it watches the pipelines, and starts and stops the rest.

What there is to do is found in the cluster and not in the event. kopf's handlers for creation, update and resumption
keep their progress in annotations of the custom resource and know nothing of children; these keep nothing.
"""

from typing import Any, Final

import kopf

from sdp_operator import login
from sdp_operator.api.v1alpha1 import GROUP, PLURAL, VERSION
from sdp_operator.connection import connect
from sdp_operator.controller import Controller
from sdp_operator.runtime import Runtime

_WATCH_SECONDS: Final = 600


@kopf.on.login()
def log_in(**_: Any) -> kopf.ConnectionInfo:
    """Say how kopf reaches the cluster."""
    return login.connection()


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Set kopf up, connect, and see what there is before the first pipeline is looked at."""
    runtime = Runtime.of(memo)
    _configure(settings)
    # Where the operator sees some namespaces only, it may not look for new ones, nor need it.
    settings.scanning.disabled = bool(runtime.settings.namespaces)
    memo.controller = Controller(runtime, await connect(runtime.fence))
    await memo.controller.start()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Let running work finish, and close the connections."""
    await memo.controller.stop()


@kopf.on.event(GROUP, VERSION, PLURAL)
async def on_pipeline(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A pipeline was made, changed or deleted, or was there when the operator started."""
    pipeline: Any = event["object"]
    if event["type"] == "DELETED":
        memo.controller.lost(pipeline)
    else:
        memo.controller.saw(pipeline)


def _configure(settings: kopf.OperatorSettings) -> None:
    settings.posting.enabled = False  # Events are recorded where conditions change.
    settings.peering.standalone = True
    settings.watching.server_timeout = _WATCH_SECONDS
    settings.networking.request_timeout = 30
    # Nothing of ours is kept in annotations; should kopf ever keep something, then under our name.
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.persistence.finalizer = f"{GROUP}/unused"
