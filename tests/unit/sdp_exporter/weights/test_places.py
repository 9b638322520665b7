import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sdp_exporter.errors import UnusableWeightsError, WeightsOutOfReachError
from sdp_exporter.weights import copies, places
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion

UNET = (Component.DIFFUSION_MODEL,)
CONTENT = b"weights" * 1000


class Server(BaseHTTPRequestHandler):
    """Answers /whole, breaks /half off, and refuses anything else."""

    def do_GET(self) -> None:
        status = {"/whole": 200, "/half": 200, "/busy": 503}.get(self.path, 404)
        self.send_response(status)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/whole" else CONTENT[:100])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_file_is_copied_from_the_web_whole(server: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()

    copied = copies.copy_web(f"{server}/whole#sha256={digest}", tmp_path / "new" / "x.safetensors")

    assert copied.read_bytes() == CONTENT
    assert list(copied.parent.iterdir()) == [copied]


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("half", WeightsOutOfReachError, "cannot be copied|broke off after 100 of 7000 bytes"),
        ("busy", WeightsOutOfReachError, r"out of order \(HTTP 503\): try again later"),
        ("gone", UnusableWeightsError, r"can't be had \(HTTP 404\): correct the URL"),
        ("whole#sha256=" + "0" * 64, UnusableWeightsError, "has the SHA-256 .*, not 000"),
    ],
)
def test_what_is_not_copied_whole_leaves_nothing(
    path: str, error: type[Exception], message: str, server: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        copies.copy_web(f"{server}/{path}", tmp_path / "x.safetensors")

    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_out_of_reach(server: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsOutOfReachError, match="check the network"):
        copies.copy_web("https://127.0.0.1:1/x.safetensors", tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:1/x.safetensors?token=secret",
        "https://127.0.0.1:1/x.safetensors?token=secret word",
        "https://me:secret@127.0.0.1/x.safetensors",
    ],
)
def test_a_secret_in_a_url_is_not_told(url: str, tmp_path: Path) -> None:
    with pytest.raises((WeightsOutOfReachError, UnusableWeightsError), match=r"https://127\.0\.0\.1") as refused:
        places.find(url, UNET, tmp_path)

    assert "secret" not in str(refused.value)


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_folder_of_diffusers_has_a_file_for_each_component(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.bin",
    )

    files = places.find(str(tmp_path), tuple(Component), tmp_path)

    assert {component: path.relative_to(tmp_path).as_posix() for component, path in files.items()} == {
        Component.TEXT_ENCODER: "text_encoder/model.safetensors",
        Component.DIFFUSION_MODEL: "unet/diffusion_pytorch_model.fp16.safetensors",
        Component.DECODER: "vae/diffusion_pytorch_model.safetensors",
        Component.IMAGE_ENCODER: "vae/diffusion_pytorch_model.safetensors",
    }


def test_a_folder_of_pickles_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder(tmp_path, "unet/diffusion_pytorch_model.bin")

    with pytest.raises(UnusableWeightsError, match=r"as a pickle only.*safe_serialization=True"):
        places.find(str(tmp_path), UNET, tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("", "holds no weights: give a file, or a folder"), ("x", "does not exist")]
)
def test_a_place_without_weights_is_named(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match=message):
        places.find(str(tmp_path / name), UNET, tmp_path)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"prediction_type": "v_prediction"}, "v"),
        ({"prediction_type": "epsilon"}, "epsilon"),
        ({}, "epsilon"),
        (None, None),
    ],
)
def test_what_the_model_predicts_is_said_by_the_scheduler_beside_it(
    config: dict[str, str] | None, expected: str | None, tmp_path: Path
) -> None:
    if config is not None:
        folder(tmp_path, "scheduler/scheduler_config.json")
        (tmp_path / "scheduler/scheduler_config.json").write_text(json.dumps(config))

    assert places.prediction(str(tmp_path), tmp_path) == expected


def test_a_prediction_that_no_sampler_takes_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "scheduler/scheduler_config.json")
    (tmp_path / "scheduler/scheduler_config.json").write_text(json.dumps({"prediction_type": "sample"}))

    with pytest.raises(UnusableWeightsError, match="predicts 'sample', which no sampler here takes"):
        places.prediction(str(tmp_path), tmp_path)


def test_pretrained_weights_are_those_in_kerascvs_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder(tmp_path, "datasets/kcv_diffusion_model.h5")

    assert places.pretrained(StableDiffusionVersion.V1_4, UNET) == {
        Component.DIFFUSION_MODEL: tmp_path / "datasets/kcv_diffusion_model.h5"
    }


def test_versions_that_kerascv_has_no_weights_of_are_refused() -> None:
    with pytest.raises(
        UnusableWeightsError, match=r"no pretrained weights of Stable Diffusion 1\.5, only of 1\.4 and 2\.1"
    ):
        places.pretrained(StableDiffusionVersion.V1_5, UNET)
