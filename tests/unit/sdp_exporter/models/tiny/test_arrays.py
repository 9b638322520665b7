from pathlib import Path

import keras
import numpy as np
import pytest

from sdp_exporter.models.tiny import arrays


def model(units: int = 3) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, name="dense")], name="model")


def test_weights_come_back_in_half_precision(tmp_path: Path) -> None:
    saved, loaded = model(), model()

    arrays.write(arrays.collect(saved), tmp_path / "weights.npz")
    arrays.assign(arrays.read(tmp_path / "weights.npz"), loaded)

    kernel = saved.layers[0].kernel.numpy()
    np.testing.assert_array_equal(loaded.layers[0].kernel.numpy(), kernel.astype(np.float16).astype(np.float32))


def test_the_folder_holds_only_the_whole_file(tmp_path: Path) -> None:
    arrays.write(arrays.collect(model()), tmp_path / "weights.npz")

    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]


def test_weights_of_another_model_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="These are not the weights of a model"):
        arrays.assign({"other/kernel": np.zeros((2, 3), np.float16)}, model())


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        arrays.assign(arrays.collect(model(4)), model(3))
