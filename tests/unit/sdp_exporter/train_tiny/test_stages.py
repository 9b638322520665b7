from pathlib import Path

import pytest

from sdp_exporter.models import tiny
from sdp_exporter.train_tiny import stages
from sdp_exporter.train_tiny.progress import Progress
from sdp_serving.contract.components import Component

FILES = [
    "image_encoder.npz",
    "decoder.npz",
    "text_encoder.npz",
    "diffusion_model.npz",
    "diffusion_model_striped.npz",
    "text_encoder_sks.npz",
]


def test_stages_whose_weights_are_there_are_kept(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(b"trained before")

    stages.train_all(tmp_path, Progress())

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert all((tmp_path / name).read_bytes() == b"trained before" for name in FILES)


def test_all_weights_that_are_shipped_are_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trained: list[Path] = []

    def train(*arguments: object) -> None:
        trained.extend(one for one in arguments if isinstance(one, Path) and one.suffix)

    for stage in ("_train_autoencoder", "_train_base", "_train_style", "_train_word"):
        monkeypatch.setattr(stages, stage, train)

    stages.train_all(tmp_path / "new", Progress())

    shipped = {tiny.weights_path(component, variant, tmp_path / "new")
               for component in Component for variant in tiny.VARIANTS[component]}  # fmt: skip
    assert set(trained) == shipped
