"""deploy/, the chart and the operator's own defaults must not drift apart."""

import yaml
from tests.support.chart import REPOSITORY, render

from sdp_operator.settings import Settings

BASE = REPOSITORY / "deploy" / "base"


def test_kustomize_installs_what_helm_does() -> None:
    deployed = list(yaml.safe_load_all((BASE / "operator.yaml").read_text()))
    assert deployed == render({"crd.create": False}), "run `make generate`"


def test_kustomize_installs_the_definition_and_the_operators_namespace_too() -> None:
    assert yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"] == [
        "../../crds",
        "namespace.yaml",
        "operator.yaml",
    ]


def test_no_image_is_taken_at_its_latest() -> None:
    settings = Settings()
    images = [value for name, value in settings if name.endswith("_image")]
    assert len(images) == 5
    for image in images:
        assert image.rpartition(":")[2] not in {image, "latest"}
