"""The commands `generate` and `replay` against the stand-in server, as a user types them."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image
from tests.support.standin import StandIn
from tests.support.toy_models import IMAGE_SIZE
from tests.support.toy_servers import ToyCluster, serving

import sdp_serving
from sdp_serving.client.cli import main
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.files import encoded, read_receipt

PROMPT = "a red circle"
SIDE = IMAGE_SIZE
ORIGINS: Mapping[Component, Mapping[str, Any]] = {
    component: {"serving": {"model": f"gs://b/{component}/7", "digest": f"sha256:{index:064x}"}}
    for index, component in enumerate(Component)
}


@pytest.fixture(scope="module")
def server(toys: Mapping[str, Mapping[Component, Path]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with serving(tmp_path_factory.mktemp("server"), toys["exported"]) as running:
        yield running


@pytest.fixture(autouse=True)
def cluster(tmp_path: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch) -> ToyCluster:
    """A cluster for this test, which runs in an empty folder."""
    (tmp_path / "bin").mkdir()
    cluster = ToyCluster(tmp_path / "bin", server)
    cluster.has(ready="True", components=ORIGINS)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return cluster


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(main, arguments, prog_name="sdpipeline")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def generate(*arguments: str) -> Result:
    done = run("generate", PROMPT, "--seed=5", "--steps=4", *arguments)
    assert done.exit_code == 0, done.stderr
    return done


def pixels(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def picture(path: str, shade: int = 200, size: tuple[int, int] = (40, 24)) -> str:
    Image.new("L", size, shade).save(path)
    return path


def test_several_pictures_are_a_grid_files_of_their_own_and_both() -> None:
    done = generate("-n3", "-o", "grid.png", "-o", "one-{seed}.png", "-o", "{seed}.jpg", "-o", "new/")

    names = ["grid.png", *(f"one-{seed}.png" for seed in (5, 6, 7)), "5.jpg", "6.jpg", "7.jpg"]
    names += [f"new/a-red-circle-{seed}.png" for seed in (5, 6, 7)]
    assert done.stdout.splitlines() == names
    assert "seeds 5 to 7, 4 steps, guidance scale 3, 16x16 pixels" in done.stderr
    assert re.search(r"connecting [\d.]+ s, encoding [\d.]+ s, denoising [\d.]+ s, decoding [\d.]+ s", done.stderr)
    grid = pixels("grid.png")
    assert grid.shape == (2 * SIDE, 2 * SIDE, 3)
    assert np.array_equal(grid[:SIDE, SIDE:], pixels("one-6.png"))
    assert np.array_equal(pixels("new/a-red-circle-7.png"), pixels("one-7.png"))
    assert [read_receipt(Path(name).read_bytes()).seed for name in names] == [5, *(5, 6, 7) * 3]
    assert read_receipt(Path("grid.png").read_bytes()).images == 3
    with Image.open("6.jpg") as image:
        assert image.format == "JPEG"


def test_pictures_in_a_folder_are_never_replaced_and_named_files_are() -> None:
    for _ in range(2):
        generate("-o", "new/", "-o", "named.webp")
    assert sorted(path.name for path in Path("new").iterdir()) == ["a-red-circle-5-2.png", "a-red-circle-5.png"]
    with Image.open("named.webp") as image:
        assert image.format == "WEBP"


def test_the_standard_output_takes_a_picture() -> None:
    done = generate("-n2", "-o", "-")
    with Image.open(io.BytesIO(done.stdout_bytes)) as image:
        assert (image.format, image.size) == ("PNG", (2 * SIDE, SIDE))
    assert "seeds 5 to 6" in done.stderr


def test_json_tells_files_receipt_and_seconds() -> None:
    done = generate("--json", "-o", "x.png", "--negative-prompt", "blue", "--sampler=euler", "--schedule=karras")

    told = json.loads(done.stdout)
    assert told["files"] == ["x.png"]
    receipt = read_receipt(Path("x.png").read_bytes())
    assert told["receipt"] == receipt.model_dump(mode="json")
    assert (receipt.negative_prompt, receipt.sampler, receipt.schedule) == ("blue", "euler", "karras")
    assert receipt.models[Component.DECODER].uri == "gs://b/decoder/7"
    assert list(told["seconds"]) == ["connecting", "encoding", "denoising", "decoding"]
    assert told["tokens_cut_off"] == 0


def test_a_prompt_that_is_too_long_is_told() -> None:
    done = run("generate", "cat " * 80, "--steps=1")
    assert done.exit_code == 0
    assert "The prompt is too long: the last 5 of its tokens say nothing, for 75 are read." in done.stderr


@pytest.mark.parametrize("name", ["one.png", "grid.png", "one.jpg", "grid.jpg", "one.webp"])
def test_a_picture_made_again_is_equal_and_can_be_kept(name: str) -> None:
    generate("-o", name, *(["-n3"] if name.startswith("grid") else []))

    done = run("replay", name, "-o", f"again-{name}")

    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, f"again-{name}")
    assert re.fullmatch(r"equal: all \d+ pixels are as they were", done.stdout.splitlines()[1])
    assert np.array_equal(pixels(f"again-{name}"), pixels(name))


def test_a_picture_that_comes_out_different_tells_by_how_much_and_what_was_replaced() -> None:
    generate("-o", "x.png")
    receipt, changed = read_receipt(Path("x.png").read_bytes()), pixels("x.png").copy()
    changed[3, 4] ^= 8
    Path("x.png").write_bytes(encoded(changed, Encoding.PNG, receipt))

    same_models = run("replay", "x.png")
    unet = receipt.models[Component.DIFFUSION_MODEL].model_copy(update={"digest": f"sha256:{9:064x}"})
    models = {**receipt.models, Component.DIFFUSION_MODEL: unet}
    Path("x.png").write_bytes(encoded(changed, Encoding.PNG, receipt.model_copy(update={"models": models})))
    other_models = run("replay", "x.png", "--json")

    assert (same_models.exit_code, other_models.exit_code) == (3, 3)
    assert same_models.stdout.splitlines()[0] == "different: 1 of 256 pixels, by up to 8 of 255"
    assert "the models are the same" in same_models.stdout
    told = json.loads(other_models.stdout)
    assert (told["equal"], told["differing_pixels"], told["largest_difference"]) == (False, 1, 8)
    [change] = told["changes"]
    assert (change["component"], change["was"]["digest"]) == ("diffusion-model", unet.digest)
    assert change["now"]["digest"] == receipt.models[Component.DIFFUSION_MODEL].digest


def test_a_picture_that_was_drawn_over_another_is_made_again_with_the_same_one() -> None:
    image, mask = picture("image.png"), picture("mask.png", 255)
    generate("--image", image, "--mask", mask, "--strength=0.5", "-o", "x.png")

    done = run("replay", "x.png", "--image", image, "--mask", mask)
    lacking = run("replay", "x.png", "--image", image)
    other = run("replay", "x.png", "--image", picture("other.png", 7), "--mask", mask)

    assert done.exit_code == 0, done.output
    assert (lacking.exit_code, other.exit_code) == (2, 2)
    assert "the receipt does not hold the mask" in lacking.stderr
    assert "this is not the image of then" in other.stderr


def test_a_canarys_picture_is_made_again_by_what_serves_when_it_is_gone(cluster: ToyCluster) -> None:
    cluster.has(ready="True", canary={"version": 7}, components=ORIGINS)
    generate("-o", "x.png")
    assert read_receipt(Path("x.png").read_bytes()).variant is Variant.CANARY

    assert run("replay", "x.png").exit_code == 0
    cluster.has(ready="True", components=ORIGINS)
    assert run("replay", "x.png").exit_code == 0


BROKEN = b"\x89PNG\r\n\x1a\n123"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "x", "--size=100x100"], "'100x100': give a width and a height in multiples of 64"),
        (["generate", "x", "--size=big"], "'big': give a width and a height in multiples of 64"),
        (["generate", "x", "--steps=0"], "0 is not in the range 1<=x<=1000"),
        (["generate", "x", "--guidance-scale=nan"], "the guidance scale is nan: give a number"),
        (["generate", "x", "--image=broken.png"], "broken.png cannot be read as a picture"),
        (["generate", "x", "--image=image.png", "--mask=mask.png"], "mask.png is 8x8 pixels, and the picture is 40x24"),
        (["generate", "x", "--mask=mask.png"], "a mask is of a picture: give --image too"),
        (["generate", "x", "--strength=0.5"], "give the image too"),
        (["generate", "x", "--json", "-o", "-"], "the standard output can have one picture, or --json"),
        (["generate", "x", "-o", "x.gif"], "end it in .png, .jpg or .webp"),
        (["replay", "image.png"], "image.png: the file holds no receipt of sdpipeline's"),
        (["replay", "broken.png"], "broken.png: the file holds no receipt"),
        (["replay", "no.png"], "does not exist"),
        (["replay", "drawn.png", "--image=image.png"], "the picture was drawn without any image"),
        (["replay", "cut.png"], "cut.png is 8x8 pixels, and its receipt says 16x16"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(cluster: ToyCluster, arguments: list[str], message: str) -> None:
    picture("image.png")
    picture("mask.png", 255, (8, 8))
    Path("broken.png").write_bytes(BROKEN)
    if {"drawn.png", "cut.png"} & set(arguments):
        generate("-o", "drawn.png")
        cut = encoded(pixels("drawn.png")[:8, :8], Encoding.PNG, read_receipt(Path("drawn.png").read_bytes()))
        Path("cut.png").write_bytes(cut)
        cluster.log.unlink()

    done = run(*arguments)

    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert not cluster.log.exists()


def test_what_fails_is_told_in_one_sentence_with_another_exit_code(cluster: ToyCluster) -> None:
    full = run("generate", "x", "--steps=1", "-o", "/dev/full")
    other_size = run("generate", "x", "--size=64x64")
    cluster.has(ready="False")
    not_ready = run("generate", "x")

    assert (full.exit_code, other_size.exit_code, not_ready.exit_code) == (1, 1, 1)
    assert full.stderr == "Error: /dev/full cannot be written (No space left on device): choose another --output.\n"
    assert "the diffusion-model draws 16x16 pixels only, not 64x64" in other_size.stderr
    assert not_ready.stderr == "Error: the pipeline sd is not Ready (Loading): the decoder is loading.\n"
    assert not list(Path().iterdir())


def test_a_terminal_sees_the_steps_and_the_picture() -> None:
    program = "from sdp_serving.client.cli import main; main(prog_name='sdpipeline')"
    ours, terminal = pty.openpty()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"TMUX", "TERM_PROGRAM", "NO_COLOR"}},
        "PYTHONPATH": str(Path(sdp_serving.__file__).parents[1]),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": "80",
        "LINES": "24",
    }
    command = [sys.executable, "-c", program, "generate", PROMPT, "--steps=9", "--preview"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment) as process:
        os.close(terminal)
        shown = read_all(ours)
        assert process.stdout is not None
        assert process.stdout.read() == b"out.png\n"
    os.close(ours)

    assert process.returncode == 0, shown
    assert re.search(r"\d/9 steps", shown)
    # A square picture, as high as the terminal lets it be, at least once while it was drawn and once in the end.
    rows = re.findall(r"(?:\x1b\[38;2;[\d;]+m▀){42}\x1b\[0m", shown)
    assert len(rows) >= 2 * 21
    assert re.search(r"decoding [\d.]+ s\r\n$", shown)


def read_all(terminal: int) -> str:
    """What is written until nobody has it open any more, which a pseudo-terminal tells by an error."""
    pieces = []
    try:
        while piece := os.read(terminal, 1 << 16):
            pieces.append(piece)
    except OSError:
        pass
    return b"".join(pieces).decode()
