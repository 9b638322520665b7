"""What kopf calls: it runs the process, and starts and stops the rest.

The pipelines are watched as all else is, by `cluster`. kopf's handlers for creation, update and resumption keep their
progress in annotations of the custom resource and know nothing of children; those for events never hear of a deletion
that its watch has missed, and end the process when a list or a watch is refused or answered by somebody else.
"""

from typing import Any

import kopf

from sdp_operator import login
from sdp_operator.connection import connect
from sdp_operator.controller import Controller
from sdp_operator.runtime import Runtime


@kopf.on.login()
def log_in(**_: Any) -> kopf.ConnectionInfo:
    """Say how kopf reaches the cluster."""
    return login.connection()


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Set kopf up, connect, and see what there is before the first pipeline is looked at."""
    runtime = Runtime.of(memo)
    settings.scanning.disabled = True  # There is nothing that kopf watches.
    memo.controller = Controller(runtime, await connect(runtime.fence))
    try:
        await memo.controller.start()
    except BaseException:
        await memo.controller.stop()  # kopf cleans up only after what has started.
        raise


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Let running work finish, and close the connections."""
    await memo.controller.stop()
