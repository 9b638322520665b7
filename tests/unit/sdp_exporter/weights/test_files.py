import json
import struct
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.files import LegacyWeights, open_file, open_torch


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, ml_dtypes.bfloat16])
def test_safetensors_are_read_one_by_one_in_their_own_type(dtype: type, tmp_path: Path) -> None:
    tensors: dict[str, np.ndarray] = {"b": np.arange(6).reshape(2, 3).astype(dtype), "a": np.ones((1, 2, 1), dtype)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"made by": "a test"})

    file = open_torch(tmp_path / "x.safetensors")

    assert file.shapes == {"b": (2, 3), "a": (1, 2, 1)}
    for name, tensor in tensors.items():
        assert file.read(name).dtype == dtype
        np.testing.assert_array_equal(file.read(name), tensor)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xff{}",
        *(
            struct.pack("<Q", len(header)) + header
            for header in (
                json.dumps({"a": entry}).encode()
                for entry in (
                    {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                    {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
                    {"dtype": "F32", "shape": "x", "data_offsets": [0, 0]},
                    {"dtype": "F32"},
                    7,
                )
            )
        ),
    ],
)
def test_a_damaged_file_is_called_damaged(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)

    with pytest.raises(UnusableWeightsError, match=r"x\.safetensors is damaged or not what its name says"):
        open_torch(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".h5", ".weights.h5", ".keras"])
def test_a_file_that_is_not_there_is_called_missing(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match="does not exist: correct the path"):
        open_file(tmp_path / f"x{suffix}").__enter__()


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".bin"])
def test_pickles_are_refused_without_being_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")

    with pytest.raises(UnusableWeightsError, match=r"is a pickle.*convert it to \.safetensors"), open_file(path):
        pass
    with pytest.raises(UnusableWeightsError, match=r"is a pickle.*convert it to \.safetensors"):
        open_torch(path)


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".keras"])
def test_what_is_no_keras_file_is_called_damaged(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"nonsense")

    with pytest.raises(UnusableWeightsError, match="damaged"), open_file(path):
        pass


def test_a_file_of_another_kind_is_refused_with_the_kinds_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match=r"give \.safetensors, \.h5, \.weights\.h5 or \.keras"):
        open_file(tmp_path / "x.onnx").__enter__()


@pytest.mark.parametrize("layers", ["layers", "_layer_checkpoint_dependencies"])
@pytest.mark.parametrize("packed", [False, True])
def test_keras_weights_are_found_by_their_paths_whatever_version_wrote_them(
    layers: str, packed: bool, tmp_path: Path
) -> None:
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        file[f"{layers}/dense/vars/0"] = np.eye(2)
        file["optimizer/vars/0"] = np.zeros(3)
    if packed:
        with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
            archive.write(path, "model.weights.h5")
        path = tmp_path / "x.keras"

    with open_file(path) as file:
        assert file.shapes == {"layers/dense/vars/0": (2, 2)}
        np.testing.assert_array_equal(file.read("layers/dense/vars/0"), np.eye(2))


def write_legacy(root: h5py.Group, layers: dict[str, list[str]]) -> None:
    root.attrs["layer_names"] = [name.encode() for name in layers]
    for layer, weights in layers.items():
        group = root.create_group(layer)
        group.attrs["weight_names"] = [name.encode() for name in weights]
        for index, name in enumerate(weights):
            group[name] = np.full(index + 1, index)


@pytest.mark.parametrize("whole_model", [False, True])
def test_keras_2_weights_stand_in_the_order_of_the_layers(whole_model: bool, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        root = file.create_group("model_weights") if whole_model else file
        write_legacy(root, {"z": ["z/kernel:0", "z/bias:0"], "input": [], "a": ["a/kernel:0"]})

    with open_file(tmp_path / "x.h5") as opened:
        assert isinstance(opened, LegacyWeights)
        assert list(opened.shapes.items()) == [("z/z/kernel:0", (1,)), ("z/z/bias:0", (2,)), ("a/a/kernel:0", (1,))]


def test_names_that_hdf5_has_split_are_read_whole(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        write_legacy(file, {"a": ["a/kernel:0"], "b": ["b/kernel:0"]})
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = [b"a"]
        file.attrs["layer_names1"] = [b"b"]

    with open_file(tmp_path / "x.h5") as opened:
        assert list(opened.shapes) == ["a/a/kernel:0", "b/b/kernel:0"]


def test_a_keras_3_file_under_keras_2s_name_is_explained(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["layers/dense/vars/0"] = np.eye(2)

    with pytest.raises(UnusableWeightsError, match=r"must be named \.weights\.h5"), open_file(tmp_path / "x.h5"):
        pass
