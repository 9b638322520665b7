from pathlib import Path

import pytest
import tensorflow as tf
from tests.support.toy_models import toy_source

from sdp_exporter import saved_model
from sdp_exporter.errors import DiskFullError
from sdp_serving.contract.components import Component


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    weights = tmp_path / "weights"
    weights.write_text("1.0")

    with pytest.raises(DiskFullError, match=f"no room for the SavedModel in {tmp_path}: make some"):
        saved_model.write(toy_source(Component.DECODER, weights), tmp_path / "model")
