import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sdp_exporter.errors import UnusableWeightsError, WeightsOutOfReachError
from sdp_exporter.weights import copies, places
from sdp_serving.contract.components import Component

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


@pytest.mark.parametrize(
    ("index", "component", "folder_name"),
    [
        ("model.safetensors.index.json", Component.TEXT_ENCODER, "text_encoder"),
        ("diffusion_pytorch_model.safetensors.index.json", Component.DIFFUSION_MODEL, "unet"),
        ("diffusion_pytorch_model.safetensors.index.fp16.json", Component.DIFFUSION_MODEL, "unet"),
    ],
)
def test_of_shards_the_index_is_found(index: str, component: Component, folder_name: str, tmp_path: Path) -> None:
    folder(tmp_path, f"{folder_name}/{index}", f"{folder_name}/shard-00001-of-00002.safetensors")

    assert places.find(str(tmp_path), [component], tmp_path) == {component: tmp_path / folder_name / index}


@pytest.mark.parametrize("name", ["flax_model.msgpack", "openvino_model.xml", "config.json", "mine.safetensors"])
def test_a_component_in_a_form_that_cannot_be_read_is_not_left_out_silently(name: str, tmp_path: Path) -> None:
    folder(tmp_path, "unet/diffusion_pytorch_model.safetensors", f"text_encoder/{name}")

    with pytest.raises(UnusableWeightsError, match=f"no weights in text_encoder that can be read, but .*{name}: save"):
        places.find(str(tmp_path), tuple(Component), tmp_path)
    assert list(places.find(str(tmp_path), UNET, tmp_path)) == list(UNET)


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


def test_the_scheduler_beside_the_weights_is_found(tmp_path: Path) -> None:
    assert places.scheduler(str(tmp_path), tmp_path) is None
    assert places.scheduler("https://example.com/x.safetensors", tmp_path) is None

    folder(tmp_path, "scheduler/scheduler_config.json")

    assert places.scheduler(str(tmp_path), tmp_path) == tmp_path / "scheduler/scheduler_config.json"


@pytest.mark.parametrize("location", ["https://127.0.0.1:1/x.ckpt?token=secret", "gs://b/x.pt", "folder/x.bin"])
def test_a_pickle_is_refused_by_its_name_before_it_is_fetched(location: str, tmp_path: Path) -> None:
    for get in (lambda: places.find(location, UNET, tmp_path), lambda: places.fetch(location, tmp_path)):
        with pytest.raises(UnusableWeightsError, match=r"x\.\w+ is a pickle, which can run any program") as refused:
            get()
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("location", "copy", "told"),
    [
        ("gs://b/a/x.safetensors", "x.safetensors", "gs://b/a/x.safetensors is damaged"),
        ("gs://b/a/", "unet/x.safetensors", "gs://b/a/unet/x.safetensors is damaged"),
        ("https://me:secret@host/a/x.h5?token=secret", "x.h5", "https://host/a/x.h5 is damaged"),
        ("gs://b/other.h5", "lora-0/y.safetensors", "gs://styles/y.safetensors is damaged"),
    ],
)
def test_what_is_wrong_with_a_copy_is_told_of_what_the_user_wrote(
    location: str, copy: str, told: str, tmp_path: Path
) -> None:
    folders = {tmp_path / "lora-0": "gs://styles/y.safetensors", tmp_path: location}
    with pytest.raises(UnusableWeightsError) as refused, places.told_as_written(folders):
        raise UnusableWeightsError(f"{tmp_path / copy} is damaged")
    assert str(refused.value) == told
