"""The gateway's images API in front of sd-tiny, asked over plain HTTP and by the official openai package."""

import base64
import importlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from tests.support.eventually import eventually
from tests.support.gateway_process import GatewayProcess, gateway
from tests.support.ports import free_ports
from tests.support.standin import StandIn
from tests.support.tiny_pipeline import served_tiny_pipeline

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import VARIANT_HEADER, Canary, RoutedComponent, RoutedModel, Routes
from sdp_serving.generation.files import read_receipt

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"
PROMPT = "a large red circle on a white background"
CIRCLE = {"prompt": PROMPT, "seed": 7, "steps": 12}
LONG = {"prompt": PROMPT, "steps": 1000}
SERVED = RoutedModel(uri="gs://b/decoder/1", version=1, digest=f"sha256:{'1' * 64}")


@pytest.fixture(scope="module")
def pipeline(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with served_tiny_pipeline(tiny_models, tmp_path_factory.mktemp("tiny")) as running:
        yield running


@contextmanager
def in_front(
    folder: Path, pipeline: StandIn, *flags: str, components: Iterable[Component] = Component, **elsewhere: int
) -> Iterator[GatewayProcess]:
    """A gateway; `elsewhere` are the ports of components whose gRPC API is not the pipeline's."""
    ports = {component: elsewhere.get(component.replace("-", "_"), pipeline.grpc_port) for component in components}
    grpc = [f"--grpc={component}=127.0.0.1:{port}" for component, port in ports.items()]
    servers = {component.replace("-", "_"): pipeline.url for component in ports}
    with gateway(folder, *grpc, *flags, **servers) as front:
        yield front


@pytest.fixture(scope="module")
def front(pipeline: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    decoder = RoutedComponent(serving=SERVED)
    routes = Routes(pipeline="tiny", components={Component.DECODER: decoder})
    (folder / "routes.json").write_text(routes.model_dump_json())
    with in_front(folder, pipeline, f"--routes={folder}/routes.json") as running:
        yield running


def post(front: GatewayProcess, content: Any = None, path: str = GENERATIONS, **kwargs: Any) -> requests.Response:
    return requests.post(front.url + path, json=content, **{"timeout": 60, **kwargs})


def drawn(front: GatewayProcess, **fields: Any) -> list[bytes]:
    """The files of a request's pictures."""
    answer = post(front, {**CIRCLE, **fields})
    assert answer.status_code == 200, answer.text
    return [base64.b64decode(one["b64_json"]) for one in answer.json()["data"]]


def pixels(file: bytes) -> NDArray[np.int16]:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def events(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.headers["Content-Type"] == "text/event-stream"
    blocks = [block.split("\n") for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    return [{"event": name.removeprefix("event: "), **json.loads(data.removeprefix("data: "))} for name, data in blocks]


def test_a_prompt_becomes_pictures_that_say_what_they_were_made_of(front: GatewayProcess) -> None:
    answer = post(front, {**CIRCLE, "n": 2}).json()

    assert (answer["size"], answer["output_format"], answer["tokens_cut_off"]) == ("64x64", "png", 0)
    assert [one["seed"] for one in answer["data"]] == [7, 8]
    for one in answer["data"]:
        file = base64.b64decode(one["b64_json"])
        assert pixels(file).shape == (64, 64, 3)
        assert read_receipt(file).model_dump(mode="json", exclude_none=True) == one["receipt"]
    receipt = answer["data"][0]["receipt"]
    assert (receipt["prompt"], receipt["steps"], receipt["seed"]) == (PROMPT, 12, 7)
    assert receipt["models"]["decoder"].items() >= {"uri": SERVED.uri, "digest": SERVED.digest}.items()
    red, green, blue = pixels(base64.b64decode(answer["data"][0]["b64_json"]))[32, 32]
    assert red > max(green, blue) + 60, "the circle is red"


def test_a_picture_is_the_same_however_many_are_asked_for(front: GatewayProcess) -> None:
    # More than are drawn together.
    together = drawn(front, n=6)
    alone = [drawn(front, seed=7 + index)[0] for index in (0, 5)]

    assert len(together) == 6
    for one, same in zip((together[0], together[5]), alone, strict=True):
        assert np.abs(pixels(one) - pixels(same)).max() <= 2
        assert read_receipt(one) == read_receipt(same)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"output_format": "jpeg"}, "JPEG"),
        ({"output_format": "jpeg", "output_compression": 40}, "JPEG"),
        ({"output_format": "webp"}, "WEBP"),
        ({"output_format": "webp", "output_compression": 0, "size": "64x64", "sampler": "euler"}, "WEBP"),
    ],
)
def test_pictures_come_in_the_format_that_is_asked_for(
    front: GatewayProcess, fields: dict[str, Any], kind: str
) -> None:
    [file] = drawn(front, **fields)

    with Image.open(io.BytesIO(file)) as image:
        assert (image.format, image.size) == (kind, (64, 64))
    assert read_receipt(file).prompt == PROMPT


def test_a_picture_can_be_fetched_by_its_url(front: GatewayProcess) -> None:
    answer = post(front, {**CIRCLE, "response_format": "url", "output_format": "webp"}).json()
    url = answer["data"][0]["url"]
    fetched = requests.get(url, timeout=30)

    assert url.startswith(f"{front.url}/images/")
    assert fetched.headers["Content-Type"] == "image/webp"
    assert "b64_json" not in answer["data"][0]
    assert read_receipt(fetched.content).seed == 7
    assert front.get("/images/guessed.png").status_code == 404
    name = url.rpartition("/")[2].partition(".")[0]
    eventually(lambda: front.lines(path="/images/\N{HORIZONTAL ELLIPSIS}", status=200), "it is logged")
    assert name not in front.log.read_text(), "who knows its name may have it"


def test_a_stream_shows_each_picture_on_its_way_and_then_finished(front: GatewayProcess) -> None:
    shown = events(post(front, {**CIRCLE, "n": 2, "stream": True, "partial_images": 3}))

    partial, completed = shown[:-2], shown[-2:]
    assert [(one["image_index"], one["partial_image_index"], one["step"]) for one in partial] == [
        (index, number, step) for number, step in enumerate((3, 6, 9)) for index in (0, 1)
    ]
    assert all(one["event"] == one["type"] == "image_generation.partial_image" for one in partial)
    assert all(pixels(base64.b64decode(one["b64_json"])).shape == (64, 64, 3) for one in partial)
    assert [one["type"] for one in completed] == ["image_generation.completed"] * 2
    assert [base64.b64decode(one["b64_json"]) for one in completed] == drawn(front, n=2)


@pytest.mark.parametrize(
    ("prompt", "cut_off"),
    [
        ("word " * 2000, True),
        ("a 🐈 and 👩‍👩‍👧 " * 3, False),
        ("עיגול אדום \u202eabc", False),
        ("\U0010ffff\u0301", False),
    ],
    ids=["10,000 characters", "emoji", "right to left", "no character"],
)
def test_any_text_is_a_prompt_and_what_is_not_read_of_it_is_told(
    front: GatewayProcess, prompt: str, cut_off: bool
) -> None:
    answer = post(front, {"prompt": prompt, "negative_prompt": prompt, "steps": 1}).json()

    assert (answer["tokens_cut_off"] > 0, answer["negative_tokens_cut_off"] > 0) == (cut_off, cut_off)


BAD = {
    "no prompt": ("{}", "prompt"),
    "an empty prompt": ('{"prompt": " "}', "prompt"),
    "a null byte": ('{"prompt": "a\\u0000"}', "prompt"),
    "half a character": ('{"prompt": "\\ud800"}', None),
    "too long a prompt": (json.dumps({"prompt": "a" * 40_000}), "prompt"),
    "a size that is no multiple of 64": ('{"prompt": "a", "size": "100x100"}', "size"),
    "no size": ('{"prompt": "a", "size": "0x64"}', "size"),
    "a size that the model does not draw": ('{"prompt": "a", "size": "128x64"}', None),
    "such a size in a stream": ('{"prompt": "a", "size": "128x64", "stream": true}', None),
    "an enormous size": ('{"prompt": "a", "size": "9984x9984"}', "size"),
    "no steps": ('{"prompt": "a", "steps": 0}', "steps"),
    "10,000 steps": ('{"prompt": "a", "steps": 10000}', "steps"),
    "a guidance scale that is no number": ('{"prompt": "a", "guidance_scale": NaN}', "guidance_scale"),
    "an infinite guidance scale": ('{"prompt": "a", "guidance_scale": 1e999}', "guidance_scale"),
    "too many pictures": ('{"prompt": "a", "n": 11}', "n"),
    "a text for a number": ('{"prompt": "a", "n": "2"}', "n"),
    "a negative seed": ('{"prompt": "a", "seed": -1}', "seed"),
    "an unknown sampler": ('{"prompt": "a", "sampler": "best"}', "sampler"),
    "an unknown field": ('{"prompt": "a", "step": 3}', "step"),
    "previews without a stream": ('{"prompt": "a", "partial_images": 2}', None),
    "a format that is not drawn": ('{"prompt": "a", "output_format": "svg"}', "output_format"),
    "no object": ("[1]", None),
    "no JSON": ("{prompt", None),
    "nothing": ("", None),
    "deep brackets": ("[" * 100_000, None),
}


@pytest.mark.parametrize(("body", "param"), BAD.values(), ids=BAD)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(front: GatewayProcess, body: str, param: str | None) -> None:
    answer = post(front, data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"][0].isupper()


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": json.dumps(CIRCLE)}, 415),
        ({"json": CIRCLE, "headers": {"Content-Encoding": "gzip"}}, 415),
        ({"data": " " * 2_000_000, "headers": {"Content-Type": "application/json"}}, 413),
        ({"json": {**CIRCLE, "model": "dall-e-3"}}, 404),
        ({"json": CIRCLE, "headers": {"X-Sdpipeline-Variant": "other"}}, 400),
    ],
    ids=["another type", "compressed", "too large", "another model", "another variant"],
)
def test_bodies_that_are_not_taken_are_refused(front: GatewayProcess, options: dict[str, Any], status: int) -> None:
    answer = requests.post(front.url + GENERATIONS, timeout=30, **options)

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.fixture(scope="module")
def picture(front: GatewayProcess) -> bytes:
    return drawn(front)[0]


def left_half() -> bytes:
    """A mask of the left half."""
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    return png(mask)


def edit(front: GatewayProcess, files: dict[str, bytes], **fields: Any) -> requests.Response:
    data = {"prompt": "a large green circle on a white background", "seed": "3", "steps": "12", **fields}
    return requests.post(front.url + EDITS, files=files, data=data, timeout=60)


def test_a_picture_is_drawn_over(front: GatewayProcess, picture: bytes) -> None:
    answer = edit(front, {"image": picture}, strength="0.6").json()

    [one] = answer["data"]
    assert one["receipt"]["source"]["strength"] == pytest.approx(0.6)
    assert "image-encoder" in one["receipt"]["models"]
    assert np.abs(pixels(base64.b64decode(one["b64_json"])) - pixels(picture)).mean() > 1


def test_a_mask_leaves_the_rest_as_it_is(front: GatewayProcess, picture: bytes) -> None:
    answer = edit(front, {"image": picture, "mask": left_half()}).json()

    change = np.abs(pixels(base64.b64decode(answer["data"][0]["b64_json"])) - pixels(picture)).mean(axis=(0, 2))
    assert change[:24].mean() > 2 * change[40:].mean()
    assert answer["data"][0]["receipt"]["source"]["strength"] == 1


def test_an_edit_can_be_a_stream(front: GatewayProcess, picture: bytes) -> None:
    shown = events(edit(front, {"image": picture}, stream="true", partial_images="1"))

    assert [one["type"] for one in shown] == ["image_edit.partial_image", "image_edit.completed"]


UPLOADS: dict[str, tuple[Callable[[bytes], dict[str, bytes]], str]] = {
    "no picture": (lambda _: {"image": b"nonsense"}, "image"),
    "half a picture": (lambda picture: {"image": picture[: len(picture) * 2 // 3]}, "image"),
    "a picture of 400 million pixels": (lambda _: {"image": png(Image.new("1", (20_000, 20_000)))}, "image"),
    "a picture of too many pixels": (lambda _: {"image": png(Image.new("1", (5000, 10)))}, "image"),
    "a vector drawing": (lambda _: {"image": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, "image"),
    "no image": (lambda _: {"mask": left_half()}, "image"),
    "a mask without transparency": (lambda it: {"image": it, "mask": png(Image.new("RGB", (64, 64)))}, "mask"),
    "a mask that covers nothing": (lambda it: {"image": it, "mask": png(Image.new("RGBA", (64, 64), "red"))}, "mask"),
    "a mask of another size": (lambda it: {"image": it, "mask": png(Image.new("RGBA", (8, 8)))}, "mask"),
}


@pytest.mark.parametrize(("files", "param"), UPLOADS.values(), ids=UPLOADS)
def test_uploads_that_are_no_pictures_are_refused(
    front: GatewayProcess, picture: bytes, files: Callable[[bytes], dict[str, bytes]], param: str
) -> None:
    answer = edit(front, files(picture))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("field", [{"strength": "nan"}, {"strength": "0"}, {"steps": "many"}, {"colour": "red"}])
def test_fields_of_an_edit_are_checked(front: GatewayProcess, picture: bytes, field: dict[str, str]) -> None:
    answer = edit(front, {"image": picture}, **field)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(field))


FORMS = {
    "nothing": b"",
    "no part": b"--x\r\n\r\n",
    "a part without a name": b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
    "a part of parts": b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n1\r\n--y--\r\n--x--\r\n",
    "a header that is none": b"--x\r\nContent\xe4Disposition form-data\r\n\r\n1\r\n--x--\r\n",
    "an endless header": b"--x\r\nA: " + b"a" * 50_000 + b"\r\n\r\n1\r\n--x--\r\n",
    "text that is none": b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\r\n--x--\r\n',
    "many parts": b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na\r\n' * 2,
    "another boundary": b"--y\r\n\r\n1\r\n--y--\r\n",
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_forms_that_are_broken_are_refused(front: GatewayProcess, body: bytes) -> None:
    answer = post(front, path=EDITS, data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status_code == 400


def test_the_pipeline_is_a_model_and_its_components_stay_what_they_were(front: GatewayProcess) -> None:
    listed, one = front.get("/v1/models").json(), front.get("/v1/models/tiny").json()

    assert (listed["object"], listed["data"]) == ("list", [one])
    assert (one["id"], one["object"]) == ("tiny", "model")
    assert "model_version_status" in front.get("/v1/models/decoder").json()
    assert post(front, {**CIRCLE, "model": "tiny"}).status_code == 200


def test_the_state_tells_what_serves(front: GatewayProcess) -> None:
    state = front.get("/api/state").json()

    assert (state["pipeline"], state["ready"], state["edits"]) == ("tiny", True, True)
    decoder = state["components"]["decoder"]
    assert decoder["ready"] is True
    assert decoder["version"] > 0
    assert decoder["model"]["uri"] == SERVED.uri
    assert state["components"]["text-encoder"]["model"] is None


def test_a_canary_draws_the_requests_that_are_its_own_and_nobody_fails_when_it_is_gone(
    pipeline: StandIn, tmp_path: Path
) -> None:
    [version] = map(int, pipeline.states("diffusion-model"))
    file = tmp_path / "routes.json"

    def variant(front: GatewayProcess, of: int, **headers: str) -> str:
        canary = Canary(version=of, percent=0, model="gs://b/next")
        file.write_text(Routes(canaries={Component.DIFFUSION_MODEL: canary}).model_dump_json())
        answer = post(front, {**CIRCLE, "steps": 2}, headers=headers)
        assert answer.status_code == 200, answer.text
        drawn_by: str = answer.json()["data"][0]["receipt"]["variant"]
        return drawn_by

    with in_front(tmp_path, pipeline, f"--routes={file}") as canaried:
        assert variant(canaried, version) == "stable"
        assert variant(canaried, version, **{VARIANT_HEADER: "canary"}) == "canary"
        assert variant(canaried, 5, **{VARIANT_HEADER: "canary"}) == "stable"


def test_the_description_names_every_field(front: GatewayProcess) -> None:
    described = front.get("/openapi.json").json()

    fields = described["components"]["schemas"]["GenerationRequest"]["properties"]
    assert {"prompt", "n", "seed", "guidance_scale"} <= fields.keys()
    assert {"/v1/images/generations", "/v1/images/edits", "/v1/models", "/api/state"} == described["paths"].keys()


def test_prompts_are_in_no_log(front: GatewayProcess) -> None:
    secret = "unspeakable"
    assert post(front, {"prompt": secret, "steps": 1}).status_code == 200
    assert post(front, {"prompt": secret, "steps": 0, secret: 1}).status_code == 400

    eventually(lambda: front.lines(path=GENERATIONS, status=200), "the request is in the log")
    assert secret not in front.log.read_text()
    assert "Traceback" not in front.log.read_text()


def test_what_was_drawn_is_counted(front: GatewayProcess) -> None:
    pictures, cut_off = front.counted("pictures_total"), front.counted("tokens_cut_off_total")
    drawn(front, n=2, prompt="word " * 80)

    assert front.counted("pictures_total") == pictures + 2
    assert front.counted("tokens_cut_off_total") > cut_off
    assert front.counted("component_call_duration_seconds_count") > 0
    assert front.counted("requests_total") > 0


def _state(front: GatewayProcess, **headers: str) -> dict[str, Any]:
    queue: dict[str, Any] = requests.get(f"{front.url}/api/state", headers=headers, timeout=30).json()["queue"]
    return queue


@contextmanager
def busy(front: GatewayProcess) -> Iterator[None]:
    """The pipeline draws something long, until its client leaves."""
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        body = json.dumps(LONG).encode()
        head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        eventually(lambda: _state(front)["running"] == 1, "it draws")
        yield
    eventually(lambda: front.lines(path=GENERATIONS, status=499), "the client has left")


def test_what_waits_is_drawn_together_and_the_rest_of_what_nobody_wants_is_not(front: GatewayProcess) -> None:
    alone = [drawn(front, prompt=prompt)[0] for prompt in (PROMPT, "a small blue square")]
    batches, waited = front.counted("batch_pictures_count"), time.monotonic()
    with ThreadPoolExecutor() as pool:
        with busy(front):
            prompts = (PROMPT, "a small blue square", PROMPT)
            asked = [pool.submit(drawn, front, prompt=prompt) for prompt in prompts]
            eventually(lambda: _state(front)["waiting"] == 3, "they wait")
        together = [one.result()[0] for one in asked]

    # The thousand steps alone would have taken longer.
    assert time.monotonic() - waited < 30
    assert front.counted("batch_pictures_count") == batches + 2
    for file, same in zip(together, [*alone, alone[0]], strict=True):
        assert np.abs(pixels(file) - pixels(same)).max() <= 2


@pytest.fixture(scope="module")
def strict(pipeline: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayProcess, Path]]:
    """A gateway with limits, and the folder of its keys."""
    folder = tmp_path_factory.mktemp("strict")
    keys = folder / "keys"
    keys.mkdir()
    (keys / "alice").write_text("key-of-alice\n")
    (keys / "bob").write_text("key-of-bob")
    flags = (f"--api-keys={keys}", "--queue-length=1", "--requests-per-minute=4", "--request-seconds=20")
    with in_front(folder, pipeline, *flags) as running:
        yield running, keys


def test_who_has_no_key_gets_nothing_but_the_page_and_the_probes(strict: tuple[GatewayProcess, Path]) -> None:
    front, _ = strict
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "key-of-alice"}, {"Authorization": "Ä"}):
        encoded = {name: value.encode() for name, value in headers.items()}
        refused = post(front, CIRCLE, headers=encoded)
        assert refused.status_code == 401
        assert refused.json()["error"]["type"] == "authentication_error"
        for path in ("/v1/models", "/v1/models/decoder", "/api/state"):
            assert requests.get(front.url + path, headers=encoded, timeout=30).status_code == 401
        as_tensorflow_serving = requests.get(f"{front.url}/v1/models/decoder", headers=encoded, timeout=30)
        assert "There is no such API key" in as_tensorflow_serving.json()["error"]
        assert as_tensorflow_serving.headers["WWW-Authenticate"] == "Bearer"
    for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json"):
        assert front.get(path).status_code == 200


def test_keys_are_read_again_when_they_change(strict: tuple[GatewayProcess, Path]) -> None:
    front, keys = strict

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.get(f"{front.url}/v1/models/decoder", headers=headers, timeout=30).status_code

    assert (status("key-of-bob"), status("key-of-carol")) == (200, 401)
    (keys / "bob").unlink()
    (keys / "carol").write_text("key-of-carol")
    assert (status("key-of-bob"), status("key-of-carol"), status("key-of-alice")) == (401, 200, 200)
    assert "key-of" not in front.log.read_text()


def test_a_client_that_sends_too_much_is_told_when_to_come_back(strict: tuple[GatewayProcess, Path]) -> None:
    front, keys = strict
    (keys / "dave").write_text("key-of-dave")
    headers = {"Authorization": "Bearer key-of-dave"}
    answers = [post(front, {"prompt": ""}, headers=headers) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 400, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"


def test_one_more_than_may_wait_is_told_when_to_come_back(pipeline: StandIn, tmp_path: Path) -> None:
    with in_front(tmp_path, pipeline, "--queue-length=1") as front, ThreadPoolExecutor() as pool:
        with busy(front):
            waits = pool.submit(post, front, CIRCLE)
            eventually(lambda: _state(front)["waiting"] == 1, "one waits")
            refused = post(front, CIRCLE)
            assert refused.status_code == 429
            assert refused.json()["error"]["code"] == "queue_full"
            assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert waits.result().status_code == 200


def test_at_the_end_those_whose_turn_has_not_come_are_told_at_once(pipeline: StandIn, tmp_path: Path) -> None:
    with in_front(tmp_path, pipeline) as front, ThreadPoolExecutor() as pool, busy(front):
        waits = pool.submit(post, front, CIRCLE)
        eventually(lambda: _state(front)["waiting"] == 1, "one waits")
        front.process.terminate()
        refused = waits.result()

        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
        assert int(refused.headers["Retry-After"]) > 0
        assert front.process.poll() is None, "the other one is still drawn"


def test_a_pipeline_without_an_image_encoder_says_so_to_who_edits(pipeline: StandIn, tmp_path: Path) -> None:
    three = [component for component in Component if component is not Component.IMAGE_ENCODER]
    with in_front(tmp_path, pipeline, components=three) as front:
        refused = edit(front, {"image": png(Image.new("RGB", (64, 64)))})
        assert drawn(front)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_offered")
    assert "image-encoder" in refused.json()["error"]["message"]


def test_a_component_that_is_away_or_silent_is_named(pipeline: StandIn, tmp_path: Path) -> None:
    [closed] = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with in_front(tmp_path, pipeline, "--request-seconds=4", decoder=closed, image_encoder=port) as front:
            away = post(front, CIRCLE)
            slow = edit(front, {"image": png(Image.new("RGB", (64, 64)))})
            streamed = post(front, {**CIRCLE, "stream": True})

    assert (away.status_code, away.json()["error"]["code"]) == (503, "decoder")
    assert "decoder" in away.json()["error"]["message"]
    assert int(away.headers["Retry-After"]) > 0
    assert (slow.status_code, slow.json()["error"]["code"]) in {(503, "decoder"), (504, "image-encoder")}
    assert (streamed.status_code, streamed.json()["error"]["type"]) == (503, "server_error")


def test_a_request_waits_for_a_component_that_is_away(pipeline: StandIn, tmp_path: Path) -> None:
    [port] = free_ports(1)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        front = stack.enter_context(in_front(tmp_path, pipeline, "--hold-seconds=60", decoder=port))
        waits = pool.submit(post, front, CIRCLE)
        eventually(lambda: front.counted("held_requests") == 1, "it is held")
        with forwarding(port, pipeline.grpc_port):
            answer = waits.result()
            # Its connections end here, and so does the forwarding.
            stack.close()

    assert answer.status_code == 200


@contextmanager
def forwarding(port: int, to: int) -> Iterator[None]:
    """Connections to `port` lead to another one."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            pass
        finally:
            # The other direction ends with this one.
            with suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)
            source.close()

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", to))
            for ends in ((near, far), (far, near)):
                threads.append(threading.Thread(target=pump, args=ends))
                threads[-1].start()

    threads = [threading.Thread(target=serve)]
    with socket.create_server(("127.0.0.1", port)) as listener:
        threads[0].start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()


@pytest.fixture
def openai(front: GatewayProcess) -> Iterator[Any]:
    package = importlib.import_module("openai")
    with package.OpenAI(base_url=f"{front.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_the_openai_package_draws(openai: Any) -> None:
    answer = openai.images.generate(
        prompt=PROMPT, model="tiny", n=2, size="64x64", output_format="jpeg", extra_body={"seed": 7, "steps": 12}
    )

    assert [one.seed for one in answer.data] == [7, 8]
    assert pixels(base64.b64decode(answer.data[0].b64_json)).shape == (64, 64, 3)


def test_the_openai_package_streams(openai: Any) -> None:
    stream = openai.images.generate(prompt=PROMPT, stream=True, partial_images=2, extra_body={"steps": 12})
    shown = list(stream)

    assert [type(event).__name__ for event in shown] == ["ImageGenPartialImageEvent"] * 2 + ["ImageGenCompletedEvent"]
    assert shown[-1].usage.total_tokens == 0


def test_the_openai_package_edits(openai: Any, picture: bytes) -> None:
    images = openai.images
    masked = images.edit(image=("a.png", picture), mask=("m.png", left_half()), prompt=PROMPT, extra_body={"steps": 4})
    listed = images.edit(image=[("a.png", picture)], prompt=PROMPT, n=2, extra_body={"steps": 4, "strength": 0.5})

    assert (len(masked.data), len(listed.data)) == (1, 2)
    assert masked.data[0].receipt["source"]["strength"] == 1


def test_the_openai_package_lists_models_and_understands_refusals(
    openai: Any, strict: tuple[GatewayProcess, Path]
) -> None:
    errors = importlib.import_module("openai")

    assert [model.id for model in openai.models.list()] == ["tiny"]
    assert openai.models.retrieve("tiny").object == "model"
    with pytest.raises(errors.BadRequestError) as bad:
        openai.images.generate(prompt=PROMPT, extra_body={"steps": 0})
    assert bad.value.param == "steps"
    with pytest.raises(errors.NotFoundError):
        openai.images.generate(prompt=PROMPT, model="dall-e-3")
    with pytest.raises(errors.AuthenticationError):
        openai.with_options(base_url=f"{strict[0].url}/v1").images.generate(prompt=PROMPT)
