"""A headless Chromium, driven over the DevTools protocol by its two pipes."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.eventually import eventually

from devcluster import debian
from devcluster.processes import tied

_PROGRAM: Final = "chromium-headless-shell"
_KEYS: Final = {
    "Enter": (13, "\r"),
    "Tab": (9, "\t"),
    "Escape": (27, ""),
    "ArrowRight": (39, ""),
    "ArrowLeft": (37, ""),
}

# Where it is installed, Inter stands for the fonts that users' systems have.
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
</fontconfig>
"""
_MIDDLE: Final = """selector => {
  const element = document.querySelector(selector);
  element.scrollIntoView({block: "center", behavior: "instant"});
  const {x, y, width, height} = element.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}"""


class Browser:
    """One that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._sent = 0
        self._rest = b""
        self._tabs: dict[str, Tab] = {}

    def open(self, url: str, *, width: int = 1280, height: int = 900, **features: str) -> "Tab":
        """Open a page in a tab of its own, which shares nothing with others; a narrow one is a phone's.

        Args:
            url: the page.
            width: of the window, in CSS pixels.
            height: of the window, in CSS pixels.
            features: what media queries are told, with `_` for `-`.
        """
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self._tabs[session] = Tab(self, session, context)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.ask(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        tab.ask("Emulation.setDeviceMetricsOverride", **size)
        told = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        tab.ask("Emulation.setEmulatedMedia", features=told)
        tab.ask("Page.navigate", url=url)
        tab.until("document.readyState === 'complete'")
        return tab

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        assert self._process.stdin is not None
        self._sent += 1
        number = self._sent
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        self._process.stdin.flush()
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("sessionId") in self._tabs:
                self._tabs[answer["sessionId"]].note(answer["method"], answer["params"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while b"\0" not in self._rest:
            read = self._process.stdout.read1()  # type: ignore[attr-defined] # a pipe is a BufferedReader
            assert read, "Chromium ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed


class Tab:
    """One page.

    Attributes:
        requested: the URL of each request that it made.
        complaints: what its console shows as wrong, and uncaught errors.
    """

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.requested: list[str] = []
        self.complaints: list[str] = []

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command about this page."""
        return self._browser.ask(method, self._session, **parameters)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, as JSON has it; a promise's once it is there."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, *, seconds: float = 20) -> None:
        """Wait until an expression is true as JavaScript has it, such as an element that is there."""
        eventually(lambda: self.evaluate(f"Boolean({script})"), script, seconds=seconds)

    def text(self, selector: str) -> str:
        """What an element reads as on the screen."""
        shown: str = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        return shown

    def click(self, selector: str) -> None:
        """Click into the middle of an element, as a mouse does."""
        x, y = self.evaluate(f"({_MIDDLE})({json.dumps(selector)})")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def download(self, selector: str, folder: Path) -> Path:
        """Click what gives a file, and wait for that in an empty folder."""
        self._browser.ask(
            "Browser.setDownloadBehavior",
            behavior="allow", downloadPath=str(folder), browserContextId=self._context,
        )  # fmt: skip
        self.click(selector)
        eventually(lambda: [*folder.iterdir()] and not [*folder.glob("*.crdownload")], "the file is there")
        [file] = folder.iterdir()
        return file

    def write(self, text: str) -> None:
        """Type a text into what has the focus."""
        self.ask("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key, such as Enter."""
        code, text = _KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def controls(self) -> list[str]:
        """Role and name of all that can have the focus, as assistive technology is told: such as `button Draw`."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [f"{node['role']['value']} {node['name']['value']}" for node in nodes if _can_have_focus(node)]

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        """Close the tab, and forget its cookies and storage."""
        self._browser.ask("Target.disposeBrowserContext", browserContextId=self._context)

    def note(self, event: str, details: Mapping[str, Any]) -> None:
        """Keep what the browser tells."""
        match event:
            case "Network.requestWillBeSent":
                self.requested.append(details["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(details["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if details["type"] in {"error", "warning"}:
                self.complaints.append(str(details["args"]))
            case "Log.entryAdded" if details["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")


def _can_have_focus(node: Mapping[str, Any]) -> bool:
    is_page = node["role"]["value"] == "RootWebArea"
    properties = {each["name"]: each["value"].get("value") for each in node.get("properties", ())}
    return not is_page and not node["ignored"] and bool(properties.get("focusable"))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start one, which is installed where it may be; kill it at the end.

    Args:
        folder: where its profile and its log go.
    """
    debian.provide({_PROGRAM: _PROGRAM})
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS)
    command = [
        _PROGRAM,
        "--remote-debugging-pipe",
        "--no-sandbox",  # Needs rights that containers don't have; it only opens what the tests serve.
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
    ]
    # It reads commands from its file 3 and answers on 4.
    at_its_pipes = ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh", *command]
    with (
        (folder / "chromium.log").open("wb") as log,
        subprocess.Popen(
            tied(at_its_pipes),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        ) as process,
    ):
        try:
            yield Browser(process)
        finally:
            process.kill()
