"""The manifests that install the operator."""

import yaml
from tests.support.chart import NAMESPACE, OPERATOR, REPOSITORY, container, environment

from devcluster.cluster import Cluster

DEPLOY = REPOSITORY / "deploy"


def test_the_base_is_accepted(installed: Cluster) -> None:
    installed.kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "--kustomize", str(DEPLOY))


def test_the_local_overlay_is_accepted_and_pulls_no_image(installed: Cluster) -> None:
    rendered = installed.kubectl("kustomize", str(DEPLOY / "local"))
    installed.kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "--filename=-", stdin=rendered)
    objects = list(yaml.safe_load_all(rendered))
    images = {name: value for name, value in environment(objects).items() if name.endswith("_IMAGE")}
    assert set(images) == {
        "SDP_PULLER_IMAGE",
        "SDP_GATEWAY_IMAGE",
        "SDP_EXPORTER_IMAGE",
        "SDP_SERVER_IMAGE",
        "SDP_GPU_SERVER_IMAGE",
    }
    for image in (container(objects)["image"], *images.values()):
        assert image.startswith("localhost/sdpipeline-")
    assert container(objects)["imagePullPolicy"] == "Never"


def test_the_operators_pods_satisfy_the_level_of_their_namespace(installed: Cluster) -> None:
    made = "--for=jsonpath={.status.replicas}=2"
    installed.kubectl("wait", f"deployment/{OPERATOR}", f"--namespace={NAMESPACE}", made, "--timeout=30s")
