"""The manifests that install the operator."""

from pathlib import Path

import yaml

from devcluster.cluster import Cluster

LOCAL = Path(__file__).parents[3] / "deploy" / "local"


def test_the_local_overlay_is_accepted_and_pulls_no_image(installed: Cluster) -> None:
    rendered = installed.kubectl("kustomize", str(LOCAL))
    installed.kubectl("apply", "--dry-run=server", "--filename=-", stdin=rendered)
    (deployment,) = [one for one in yaml.safe_load_all(rendered) if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    images = [container["image"], *(one["value"] for one in container["env"] if one["name"].endswith("_IMAGE"))]
    assert len(images) == 4
    assert all(image.startswith("localhost/sdpipeline-") for image in images)
    assert container["imagePullPolicy"] == "Never"


def test_the_operators_pod_satisfies_the_level_of_its_namespace(installed: Cluster) -> None:
    made = "--for=jsonpath={.status.replicas}=1"
    deployment = "deployment/sdpipeline-operator"
    installed.kubectl("wait", deployment, "--namespace=sdpipeline-system", made, "--timeout=30s")
