import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.files import open_file, parts_of
from sdp_exporter.weights.safetensors import SafeTensors, open_safetensors

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def sharded(folder: Path, *, index: str = "model.safetensors.index.json") -> Path:
    """As diffusers and transformers write weights that are larger than a file may be."""
    save_file({"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2)}, folder / FIRST)
    save_file({"c": np.full((3,), 7, np.float16)}, folder / SECOND)
    path = folder / index
    path.write_text(json.dumps({"metadata": {}, "weight_map": {"a": FIRST, "b": FIRST, "c": SECOND}}))
    return path


@pytest.mark.parametrize("index", ["model.safetensors.index.json", "model.safetensors.index.fp16.json"])
def test_shards_are_read_as_one_file(index: str, tmp_path: Path) -> None:
    path = sharded(tmp_path, index=index)

    with open_file(path) as file:
        assert isinstance(file, SafeTensors)
        assert file.shapes == {"a": (2, 3), "b": (2,), "c": (3,)}
        np.testing.assert_array_equal(file.read("a"), np.arange(6.0).reshape(2, 3))
        np.testing.assert_array_equal(file.read("c"), np.full((3,), 7, np.float16))
    assert parts_of(path) == (path, tmp_path / FIRST, tmp_path / SECOND)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    path = sharded(tmp_path)
    (tmp_path / SECOND).unlink()

    with pytest.raises(UnusableWeightsError, match=f"names {SECOND}, which is not beside it: copy it there too"):
        open_safetensors(path)


@pytest.mark.parametrize("shard", ["../secret.safetensors", "/etc/x.safetensors", "model.bin", ".."])
def test_an_index_of_files_elsewhere_is_refused(shard: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": shard}}))

    with pytest.raises(UnusableWeightsError, match=r"which is no \.safetensors file beside it"):
        open_safetensors(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 7}', '{"weight_map": {"a": 7}}'])
def test_a_damaged_index_is_called_damaged(content: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(content)

    with pytest.raises(UnusableWeightsError, match="is damaged or not what its name says"):
        open_safetensors(path)


def test_an_index_that_is_not_there_is_called_missing(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match="does not exist: correct the path"):
        open_safetensors(tmp_path / "model.safetensors.index.json")


def test_rows_of_a_tensor_are_a_tensor(tmp_path: Path) -> None:
    save_file({"x": np.arange(24, dtype=np.float32).reshape(6, 4)}, tmp_path / "x.safetensors")

    rows = open_safetensors(tmp_path / "x.safetensors").entries["x"].rows(2, 5)

    assert rows.shape == (3, 4)
    np.testing.assert_array_equal(rows.read(), np.arange(8, 20, dtype=np.float32).reshape(3, 4))


@pytest.mark.parametrize("dtype", ["F8_E4M3", "I8"])
def test_quantised_weights_are_named_with_what_to_give_instead(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    header = json.dumps({"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0")

    with pytest.raises(
        UnusableWeightsError, match=f"holds a as {dtype}, which is quantised .*: give weights of F64, F32"
    ):
        open_safetensors(path)
