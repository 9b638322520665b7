"""What the demo installs in its cluster: the storage emulator and the operator."""

import json
from typing import Final

from demo.shell import quietly
from demo.storage import NAMESPACE, SERVICE, storage_manifests
from demo.target import REPOSITORY, Target
from devcluster import images

_ROLLOUT: Final = "--timeout=120s"


def install_storage(target: Target) -> None:
    """Run the storage emulator in the operator's namespace and wait until it answers.

    Raises:
        DemoError: it does not.
    """
    manifests = storage_manifests(images.reference("storage-emulator"), target.storage_folder())
    quietly("kubectl", "apply", "-f", "-", stdin=json.dumps(manifests))
    quietly("kubectl", "-n", NAMESPACE, "rollout", "status", f"deployment/{SERVICE}", _ROLLOUT)


def install_operator() -> None:
    """Run the operator of this checkout and wait until it is ready.

    Raises:
        DemoError: it does not become so.
    """
    quietly("kubectl", "apply", "--server-side", "--force-conflicts", "-k", str(REPOSITORY / "deploy" / "local"))
    quietly("kubectl", "wait", "--for=condition=Established", "crd/stablediffusionpipelines.sdpipeline.dev", _ROLLOUT)
    operator = ("-n", NAMESPACE, "deployment/sdpipeline-operator")
    # The tag stays the same when the image changes, so that Kubernetes would keep the pod of an earlier run.
    quietly("kubectl", "rollout", "restart", *operator)
    quietly("kubectl", "rollout", "status", *operator, _ROLLOUT)
