"""The pages in a real browser: live, by keyboard, on a phone, in light and dark."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from backend.store.tables import meter_value
from tests.browser.browser import Browser
from tests.unit.backend.web.installation import Installation, Running
from tests.unit.backend.web.seed import ENDED_LATE, HELD, INVOICE, NOW, RATED, RUNNING, value

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/transactions",
    f"/transactions/{RUNNING}",
    f"/transactions/{ENDED_LATE}",
    f"/transactions/{RATED}",
    f"/transactions/{HELD}",
    "/invoices",
    f"/invoices/{INVOICE}",
    "/invoices/RE-2026-000002",
    "/charge-points/CP-RATHAUS/evses/2/start",
    f"/transactions/{RUNNING}/stop",
    "/api/docs",
    "/nope",
)

CONTRAST = """
const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = (one) => {
  for (; one; one = one.parentElement) {
    const colour = parse(getComputedStyle(one).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const one = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !one.getClientRects().length || one.closest("option, svg")) continue;
  const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push(`${walker.currentNode.data.trim()} ${ratio.toFixed(2)}`);
}
return poor;
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Installation(tmp_path / "emops.sqlite").running() as running:
        yield running


@pytest.fixture
def window(browser: Browser) -> Browser:
    browser.ask("DELETE", "cookie")
    browser.resize(1280, 900)
    browser.prefer("light")
    return browser


def add_value(running: Running, energy_wh: int) -> None:
    def work(connection: Connection) -> None:
        connection.execute(meter_value.insert(), value(RUNNING, NOW, energy_wh, 3_000))

    asyncio.run_coroutine_threadsafe(running.store.write(work), running.loop).result(5)


def open_live(window: Browser, url: str) -> None:
    window.open(url)
    window.wait(lambda: window.run("return document.getElementById('live').textContent") == "Live")


def test_a_meter_value_appears_within_a_second_without_a_reload(window: Browser, running: Running) -> None:
    open_live(window, f"{running.url}/")
    window.run("window.marker = 'not loaded again'")
    assert "10,736 kWh" in window.text()
    begun = time.monotonic()
    add_value(running, 1_021_480 + 12_345)
    window.wait(lambda: "12,345 kWh" in window.text())
    assert time.monotonic() - begun < 1
    assert window.run("return window.marker") == "not loaded again"


def test_a_lost_connection_of_a_charge_point_appears_by_itself(window: Browser, running: Running) -> None:
    open_live(window, f"{running.url}/")
    assert "Laden beenden" in window.text()
    running.call(lambda: running.connections.remove(running.connections.all()[0]))
    window.wait(lambda: "Laden beenden" not in window.text())
    assert "0 von 3" in window.text()


def test_what_the_keyboard_points_at_stays_when_the_page_changes(window: Browser, running: Running) -> None:
    open_live(window, f"{running.url}/")
    window.run(f"document.querySelector('#fresh a[href=\"/transactions/{RUNNING}/stop\"]').focus()")
    add_value(running, 1_021_480 + 12_345)
    window.wait(lambda: "12,345 kWh" in window.text())
    assert window.run("return document.activeElement.getAttribute('href')") == f"/transactions/{RUNNING}/stop"


def test_without_the_server_the_page_says_so_and_comes_back(window: Browser, tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite")
    with place.running() as running:
        open_live(window, f"{running.url}/")
    window.wait(lambda: "Verbindung unterbrochen" in window.text())
    assert "10,736 kWh" in window.text()


def test_a_charge_is_started_with_the_keyboard_alone(window: Browser, tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite")
    with place.running() as running:
        window.open(f"{running.url}/charge-points/CP-RATHAUS/evses/2/start")
        window.type("#token", "Max")
        window.type("form button", "\ue007")  # Enter
        window.wait(lambda: "Die Station hat den Start angenommen." in window.text())
    assert place.sent == [("RemoteStartTransaction", {"connectorId": 2, "idTag": "04D2E4F6A8B0C2"})]


def test_a_charge_is_stopped_in_two_steps(window: Browser, tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite")
    with place.running() as running:
        open_live(window, f"{running.url}/")
        window.press("#fresh .danger")
        window.wait(lambda: f"Ladevorgang {RUNNING} an Tiefgarage Rathaus" in window.text())
        assert place.sent == []
        window.press("button.danger")
        window.wait(lambda: "Die Station hat das Ende angenommen." in window.text())
    assert place.sent == [("RemoteStopTransaction", {"transactionId": RUNNING})]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_and_nothing_is_blocked(window: Browser, running: Running, scheme: str) -> None:
    window.prefer(scheme)
    window.complaints()
    for path in PAGES:
        window.open(running.url + path)
        assert window.run(CONTRAST) == [], path
        assert [one for one in window.complaints() if "/nope" not in one] == [], path


@pytest.mark.parametrize("language", ["de", "en"])
def test_on_a_phone_nothing_sticks_out(window: Browser, running: Running, language: str) -> None:
    window.resize(360, 740)
    for path in PAGES:
        window.open(f"{running.url}{path}?lang={language}")
        assert window.run("return document.scrollingElement.scrollWidth") <= 360, path


def test_every_control_has_a_name_and_every_page_one_heading(window: Browser, running: Running) -> None:
    for path in PAGES:
        window.open(running.url + path)
        nameless = (
            "[...document.querySelectorAll('a,button,select')].filter((e) => !(e.labels?.length || e.innerText.trim()))"
        )
        assert window.run(f"return {nameless}.map((e) => e.outerHTML)") == [], path
        assert window.run("return document.querySelectorAll('h1').length") == 1, path
        assert window.run("return document.documentElement.lang") == "de", path
