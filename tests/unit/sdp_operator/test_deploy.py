"""deploy/ and the operator's own defaults must not drift apart."""

from pathlib import Path

import yaml

from sdp_operator.settings import Settings

BASE = Path(__file__).parents[3] / "deploy" / "base"


def test_the_deployment_names_the_images_that_the_operator_defaults_to() -> None:
    deployment = yaml.safe_load((BASE / "operator.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment == {
        "SDP_PULLER_IMAGE": Settings().puller_image,
        "SDP_SERVER_IMAGE": Settings().server_image,
        "SDP_GPU_SERVER_IMAGE": Settings().gpu_server_image,
    }


def test_no_image_is_taken_at_its_latest() -> None:
    for image in (Settings().puller_image, Settings().server_image, Settings().gpu_server_image):
        assert image.rpartition(":")[2] not in {image, "latest"}
