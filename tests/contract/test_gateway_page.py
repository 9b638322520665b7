"""The gateway's page in a browser, in front of sd-tiny.

With UPDATE_DOCS=1 in the environment, the pictures of it in docs/ are taken anew; install Debian's fonts-inter before.
"""

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from PIL import Image
from tests.support.chromium import Browser, Tab, chromium
from tests.support.eventually import eventually
from tests.support.gateway_process import GatewayProcess, gateway
from tests.support.page_checks import faint_texts, nameless_controls, overflowing
from tests.support.ports import free_ports
from tests.support.standin import StandIn
from tests.support.tiny_pipeline import served_tiny_pipeline

from sdp_serving.contract.components import DRAWING, Component

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
UPDATE_DOCS: Final = bool(os.environ.get("UPDATE_DOCS"))
PROMPT: Final = "a large red circle on a blue background"
ENDED: Final = "document.querySelector('#draw').textContent === 'Draw'"
PIXELS: Final = """(() => {
  const image = document.querySelector(".drawing .open img");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
})()"""
WATCH_PREVIEWS: Final = """(() => {
  window.previews = new Set();
  new MutationObserver(() => {
    const bars = [...document.querySelectorAll("progress")].filter((bar) => bar.value);
    for (const bar of bars) window.previews.add(`${bar.ariaLabel}: ${bar.value}`);
  }).observe(document.querySelector("main"), {subtree: true, attributes: true, childList: true});
})()"""


@pytest.fixture(scope="module")
def server(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with served_tiny_pipeline(tiny_models, tmp_path_factory.mktemp("tiny")) as running:
        yield running


class Told:
    """The operator's file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tell()

    def tell(self, **of_diffusion_model: Any) -> None:
        """Write it: all is of sd-tiny, but for what is given."""
        components = {component: {"serving": model("sd-tiny", component)} for component in DRAWING}
        components[Component.DIFFUSION_MODEL] |= of_diffusion_model
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"pipeline": "sd", "namespace": "default", "components": components}))
        new.rename(self.path)


def model(name: str, component: Component = Component.DIFFUSION_MODEL) -> dict[str, Any]:
    return {
        "uri": f"gs://sdpipeline-demo/{name}/{component}/1700000000000",
        "version": 1700000000000,
        "digest": "sha256:" + "4f2a81c6" * 8,
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("routes") / "routes.json")


@contextmanager
def gateway_before(server: StandIn, folder: Path, *flags: str, **instead: str) -> Iterator[GatewayProcess]:
    urls = {component.value.replace("-", "_"): server.url for component in DRAWING} | instead
    grpc = [f"--grpc={component}=127.0.0.1:{server.grpc_port}" for component in DRAWING]
    with gateway(folder, *grpc, *flags, **urls) as running:
        yield running


@pytest.fixture(scope="module")
def front(server: StandIn, told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway_before(server, tmp_path_factory.mktemp("gateway"), f"--routes={told.path}") as running:
        eventually(lambda: running.get("/readyz").status_code == 200, "the models are loaded", seconds=60)
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def open_page(browser: Browser, front: GatewayProcess, **options: Any) -> Tab:
    """Open the page, and wait until it shows the models."""
    options = {"prefers_color_scheme": "light", **options}
    tab = browser.open(front.url, **options)
    tab.until("document.querySelectorAll('#models > li').length === 3")
    return tab


def draw(tab: Tab, prompt: str, *, pictures: int = 1) -> None:
    """Fill the form in and send it, and wait until all is there."""
    tab.evaluate("document.querySelector('#prompt').select()")
    tab.write(prompt)
    tab.click(f".count label:has([value='{pictures}'])")
    tab.click("#draw")
    tab.until(f"{ENDED} && document.querySelectorAll('.drawing:first-of-type .open').length === {pictures}")


def test_a_prompt_becomes_pictures_that_are_seen_while_they_are_drawn(browser: Browser, front: GatewayProcess) -> None:
    tab = open_page(browser, front)
    tab.evaluate(WATCH_PREVIEWS)
    tab.click(".count label:has([value='2'])")
    tab.click("#seed")
    tab.write("7")
    tab.click("#prompt")
    tab.write(PROMPT)
    tab.press("Enter")

    tab.until(f"{ENDED} && document.querySelectorAll('.open img').length === 2")

    assert tab.evaluate("[...document.querySelectorAll('.caption')].map((each) => each.innerText)") == [
        "seed 7",
        "seed 8",
    ]
    steps = tab.evaluate("[...window.previews]")
    assert len(steps) > 2
    assert {step.partition(":")[0] for step in steps} == {"Picture 1 of 2", "Picture 2 of 2"}
    assert tab.text(".drawing h3") == PROMPT
    assert re.match(r"2 pictures in .* s", tab.text(".progress-line"))
    tab.until("document.querySelector('#spoken').innerText.startsWith('2 pictures in')")
    assert tab.complaints == []
    assert {url.partition("/page/")[0] for url in tab.requested if not url.startswith(f"blob:{front.url}/")} <= {
        front.url, f"{front.url}/", f"{front.url}/api/state", f"{front.url}/v1/images/generations",
    }  # fmt: skip


def test_a_picture_has_its_receipt_and_its_settings_draw_it_again(
    browser: Browser, front: GatewayProcess, tmp_path: Path
) -> None:
    tab = open_page(browser, front)
    draw(tab, PROMPT)
    drawn = tab.evaluate(PIXELS)
    tab.click(".open")
    receipt = tab.text("#viewer-receipt")
    assert tab.evaluate("document.querySelector('#viewer').open")
    assert PROMPT in receipt
    assert "gs://sdpipeline-demo/sd-tiny/diffusion-model/1700000000000" in receipt

    file = tab.download("#viewer-download", tmp_path)
    tab.click("#viewer-again")

    assert re.fullmatch(r"a-large-red-circle-on-a-blue-background-\d+\.png", file.name)
    with Image.open(file) as picture:
        assert PROMPT in "".join(str(text) for text in picture.info.values())
    assert not tab.evaluate("document.querySelector('#viewer').open")
    assert tab.evaluate("document.activeElement.id") == "prompt"
    tab.press("Enter")
    tab.until(f"{ENDED} && document.querySelectorAll('.open').length === 2")
    assert tab.evaluate(PIXELS) == drawn
    tab.click("#random")
    draw(tab, PROMPT)
    assert tab.evaluate(PIXELS) != drawn
    assert tab.complaints == []


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_read_however_the_stream_is_cut(browser: Browser, front: GatewayProcess, size: int) -> None:
    tab = open_page(browser, front)
    text = ':\\n\\nevent: a\\ndata: {"b": "ü"}\\n\\n: c\\n\\ndata: {"d":\\ndata: 1}\\n\\nevent: half'

    found = tab.evaluate(f"""(async () => {{
      const {{ events }} = await import("/page/events.js");
      const bytes = new TextEncoder().encode('{text}');
      const body = new ReadableStream({{ start(stream) {{
        for (let at = 0; at < bytes.length; at += {size}) stream.enqueue(bytes.slice(at, at + {size}));
        stream.close();
      }} }});
      const found = [];
      for await (const event of events(body)) found.push(event);
      return found;
    }})()""")

    assert found == [{"type": "a", "data": {"b": "ü"}}, {"type": "message", "data": {"d": 1}}]


def test_a_prompt_that_is_cut_is_told_of(browser: Browser, front: GatewayProcess) -> None:
    tab = open_page(browser, front)

    draw(tab, "circle " * 80)

    assert "prompt cut" in tab.text(".caption")
    tab.click(".open")
    assert tab.text("#viewer-cut").startswith("Not read: the last 5 tokens of the prompt.")


def test_a_drawing_can_be_stopped_and_begun_again(browser: Browser, front: GatewayProcess) -> None:
    tab = open_page(browser, front)
    tab.evaluate("document.querySelector('#steps').value = 400")
    tab.click("#prompt")
    tab.write(PROMPT)
    tab.press("Enter")
    tab.until("document.querySelector('.drawing progress')?.value > 0")

    tab.click(".drawing button")

    tab.until(ENDED)
    assert tab.text(".drawing .line").startswith("Stopped")
    eventually(lambda: front.get("/api/state").json()["queue"]["running"] == 0, "nothing is drawn any more")
    assert tab.text(".drawing button") == "Draw again"
    tab.click(".drawing button")
    tab.until("document.querySelectorAll('.drawing').length === 2")
    tab.close()


def test_what_the_gateway_refuses_is_told_in_its_words(browser: Browser, front: GatewayProcess) -> None:
    tab = open_page(browser, front)
    tab.click("#size")
    tab.write("100x100")
    tab.click("#prompt")
    tab.write(PROMPT)
    tab.press("Enter")

    tab.until("document.querySelector('.drawing[data-failed]')")

    request = {"prompt": PROMPT, "size": "100x100"}
    answer = requests.post(f"{front.url}/v1/images/generations", json=request, timeout=30)
    assert answer.status_code == 400
    assert tab.text(".progress-line") == answer.json()["error"]["message"].replace("`", "")


def test_a_swap_is_shown_as_it_happens(browser: Browser, front: GatewayProcess, told: Told) -> None:
    tab = open_page(browser, front)
    shown = "#models > li:nth-child(2)"
    assert tab.text(f"{shown} .names") == "sd-tiny"

    next_one = model("sd-tiny-striped")
    told.tell(swap={"step": "Loading", "candidate": next_one["uri"], "strategy": "InPlace"})
    tab.until(f"document.querySelector(\"{shown}\").dataset.state === 'swapping'")

    assert [tab.text(f"{shown} .{part}") for part in ("model", "next")] == ["sd-tiny", "sd-tiny-striped"]
    assert tab.text(f"{shown} .state") == "loading"
    told.tell(serving=next_one)
    tab.until(f"document.querySelector(\"{shown}\").dataset.state === 'ready'")
    assert tab.text(f"{shown} .names") == "sd-tiny-striped"
    tab.until("document.querySelector('#spoken').innerText === 'Diffusion model: sd-tiny-striped serves now.'")
    told.tell()


def test_a_component_that_is_away_is_named_with_what_to_do(
    browser: Browser, server: StandIn, told: Told, tmp_path: Path
) -> None:
    [closed] = free_ports(1)
    with gateway_before(server, tmp_path, f"--routes={told.path}", decoder=f"http://127.0.0.1:{closed}") as front:
        tab = open_page(browser, front)
        tab.until("document.querySelector('.notice')")

        notice = tab.text(".notice")

    assert notice.startswith("The decoder cannot answer (it cannot be reached")
    assert notice.endswith("see why with kubectl get sdpipeline -o wide.")
    tab.until("document.querySelector('.notice').innerText.startsWith('The gateway does not answer')")


def test_a_key_is_asked_for_and_kept_in_the_tab_only(
    browser: Browser, server: StandIn, told: Told, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("open-sesame\n")
    with gateway_before(server, tmp_path, f"--api-keys={keys}", f"--routes={told.path}") as front:
        tab = browser.open(front.url, prefers_color_scheme="light")
        tab.until("document.querySelector('#key').open")
        first = tab.text("#key-why")
        tab.write("wrong")
        tab.press("Enter")
        tab.until(f"document.querySelector('#key').open && document.querySelector('#key-why').innerText !== '{first}'")
        tab.write("open-sesame")
        tab.press("Enter")
        tab.until("document.querySelectorAll('#models > li').length === 3")
        draw(tab, PROMPT)

    assert tab.evaluate("Object.values(sessionStorage)") == ["open-sesame"]
    assert tab.evaluate("[localStorage.length, document.cookie]") == [0, ""]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_all_can_be_read_named_and_reached(browser: Browser, front: GatewayProcess, scheme: str, width: int) -> None:
    tab = open_page(browser, front, width=width, prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    draw(tab, f"{PROMPT} {'x' * 100}", pictures=4)
    tab.evaluate("document.querySelector('#settings').open = true")
    assert (faint_texts(tab), nameless_controls(tab), overflowing(tab)) == ([], [], [])
    assert len(tab.controls()) > 20

    tab.click("#models > li:nth-child(2) summary")
    assert (faint_texts(tab), overflowing(tab)) == ([], [])

    tab.press("Escape")
    tab.click(".open")
    assert (faint_texts(tab), nameless_controls(tab), overflowing(tab)) == ([], [], [])
    tab.press("ArrowRight")
    assert tab.evaluate("document.querySelector('#viewer-image').src === document.querySelectorAll('.open img')[1].src")
    tab.press("Escape")
    tab.until("document.activeElement === document.querySelectorAll('.open')[1]")
    assert tab.complaints == []


def test_on_a_desk_the_drawing_and_the_swap_are_seen_at_once_as_in_the_documentation(
    browser: Browser, front: GatewayProcess, told: Told
) -> None:
    tab = open_page(browser, front, height=800)
    tab.evaluate("document.querySelector('#seed').value = 7")
    draw(tab, PROMPT, pictures=4)
    told.tell(swap={"step": "Loading", "candidate": model("sd-tiny-striped")["uri"], "strategy": "InPlace"})
    tab.until("document.querySelector('[data-state=swapping]')")
    tab.evaluate("document.querySelector('#steps').value = 100")
    tab.evaluate("document.querySelector('#prompt').select()")
    tab.write("a small green star on a pink background")
    tab.press("Enter")
    tab.until("document.querySelector('.drawing progress')?.value > 40")

    # Time stands still while the page is looked at.
    front.process.send_signal(signal.SIGSTOP)
    try:
        seen, shown = all_seen(tab, "[data-state=swapping]", "#draw", "progress", ".open"), tab.screenshot()
    finally:
        front.process.send_signal(signal.SIGCONT)
    told.tell()

    assert seen
    as_documented("gateway-page.png", shown)


def test_on_a_phone_the_picture_and_its_receipt_are_seen_at_once_as_in_the_documentation(
    browser: Browser, front: GatewayProcess
) -> None:
    tab = open_page(browser, front, width=390, height=844, prefers_color_scheme="dark")
    tab.evaluate("document.querySelector('#seed').value = 7")
    draw(tab, "a large yellow star on a blue background", pictures=2)
    tab.click(".open")
    tab.until("document.querySelector('#viewer-image').complete")

    assert all_seen(tab, "#viewer-image", "#viewer-receipt dd", "#viewer-again", "#viewer-download", "#viewer-close")
    as_documented("gateway-page-phone.png", tab.screenshot())


def all_seen(tab: Tab, *selectors: str) -> bool:
    """Whether the first of each is in the window as a whole."""
    seen: bool = tab.evaluate(f"""{json.dumps(selectors)}.every((selector) => {{
      const {{ top, left, bottom, right }} = document.querySelector(selector).getBoundingClientRect();
      return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
    }})""")
    return seen


def as_documented(name: str, shown: bytes) -> None:
    """The documentation has a picture of this size; with UPDATE_DOCS this one."""
    if UPDATE_DOCS:
        with Image.open(io.BytesIO(shown)) as taken:
            taken.convert("RGB").quantize(256).save(IMAGES / name, optimize=True)
    with Image.open(IMAGES / name) as documented, Image.open(io.BytesIO(shown)) as taken:
        assert documented.size == taken.size
