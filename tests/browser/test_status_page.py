"""The agent's status page in a real browser, as wide as a phone."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NoReturn

import pytest

from shared.clock import ManualClock
from station.status_page import StatusPage
from tests.browser.browser import Browser
from tests.unit.station.test_status_page import status

pytestmark = pytest.mark.browser

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the page in a thread of its own: the browser is asked from this one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    loop = asyncio.new_event_loop()
    page = StatusPage("DE*EMO*E0001-PARKHAUS-NORD", ("127.0.0.1", port), ManualClock(NOW), status)
    task = loop.create_task(page.run())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{port}/"
    asyncio.run_coroutine_threadsafe(ended(task), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


async def ended(task: "asyncio.Task[NoReturn]") -> None:
    """Wait until the server and its clients are gone."""
    task.cancel()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole_without_scrolling_sideways(browser: Browser, address: str, scheme: str) -> None:
    browser.resize(360, 740)
    browser.prefer(scheme)
    browser.complaints()
    browser.open(address)
    text = browser.text()
    assert "lädt" in text.casefold()
    assert "4.20 EUR" in text
    assert "<b>Net</b>" in text, "what a network calls itself is text"
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert [line for line in browser.complaints() if "favicon" not in line] == []


def test_the_language_is_one_tap_away(browser: Browser, address: str) -> None:
    browser.resize(360, 740)
    browser.open(address)
    browser.press("footer a")
    browser.wait(lambda: "Central system" in browser.text())
    height = browser.run("return document.querySelector('footer a').getBoundingClientRect().height")
    assert height >= 44, "a finger in a glove"
