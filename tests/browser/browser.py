"""A real browser, driven over the WebDriver protocol (W3C) with plain HTTP."""

import shutil
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

PROGRAMS = ("chromium", "chromedriver")
INSTALL = "apt-get install -y chromium chromium-driver"

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""Key of an element's id in answers (W3C WebDriver §12)."""

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
)


def missing_programs() -> list[str]:
    """Tell which of the programs are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


class Browser:
    """One window."""

    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver, self._session = driver, session

    # Any: JSON of every shape, as the protocol and the page's scripts give it.
    def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        answer = self._driver.request(
            method, f"/session/{self._session}/{path}", json=(body or {}) if method == "POST" else None
        )
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def open(self, url: str) -> None:
        self.ask("POST", "url", {"url": url})

    def run(self, script: str) -> Any:
        """Run the body of a function in the page and give what it returns."""
        return self.ask("POST", "execute/sync", {"script": script, "args": []})

    def text(self) -> str:
        text: str = self.run("return document.body.innerText")
        return text.replace("\N{NARROW NO-BREAK SPACE}", " ")

    def press(self, selector: str) -> None:
        """Click on the first element that a CSS selector finds."""
        found = self.ask("POST", "element", {"using": "css selector", "value": selector})
        self.ask("POST", f"element/{found[_ELEMENT]}/click")

    def type(self, selector: str, keys: str) -> None:
        found = self.ask("POST", "element", {"using": "css selector", "value": selector})
        self.ask("POST", f"element/{found[_ELEMENT]}/value", {"text": keys})

    def wait(self, question: Callable[[], T], seconds: float = 10) -> T:
        """Ask until the answer is true, and give it."""
        until = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < until, f"not within {seconds} s: {self.text()}"
            time.sleep(0.02)
        return answer

    def command(self, name: str, **parameters: object) -> None:
        """Send a command of Chromium's own protocol."""
        self.ask("POST", "goog/cdp/execute", {"cmd": name, "params": parameters})

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def prefer(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def complaints(self) -> list[str]:
        """Give what the browser has complained about since the last call: blocked content, errors in scripts."""
        return [entry["message"] for entry in self.ask("POST", "se/log", {"type": "browser"})]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(b64decode(self.ask("GET", "screenshot")))


@contextmanager
def start_browser(folder: Path) -> Iterator[Browser]:
    """Start the browser with its profile in `folder`; it has ended when the block has been left."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        [_path("chromedriver"), f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _await_driver(client)
            session = client.post("/session", json={"capabilities": {"alwaysMatch": _capabilities(folder)}}).json()
            assert "sessionId" in session["value"], session
            browser = Browser(client, session["value"]["sessionId"])
            try:
                yield browser
            finally:
                client.delete(f"/session/{session['value']['sessionId']}")
    finally:
        driver.terminate()
        driver.wait(10)


def _capabilities(folder: Path) -> dict[str, object]:
    options = {"binary": _path("chromium"), "args": [*_ARGUMENTS, f"--user-data-dir={folder}", "--accept-lang=de"]}
    return {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}


def _path(program: str) -> str:
    found = shutil.which(program)
    assert found is not None
    return found


def _await_driver(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            if client.get("/status").json()["value"]["ready"]:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("chromedriver did not start")
