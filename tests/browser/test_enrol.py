"""Setting up a second factor in a real browser, and logging in with it."""

import asyncio
from pathlib import Path

import pytest

from backend.people.second_factor import code_at
from shared.ids import Secret
from tests.browser.browser import Browser
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.people import PASSWORD, add_people, add_second_operator
from tests.unit.backend.web.seed import NOW

pytestmark = pytest.mark.browser

WIDTHS = (1280, 900, 390)


def enter(browser: Browser, url: str) -> None:
    browser.ask("DELETE", "cookie")
    browser.open(f"{url}/account")
    browser.type("#login", "operator_admin@op")
    browser.type("#password", PASSWORD.value)
    browser.press("main button")


def test_a_second_factor_is_set_up_by_its_code_and_asked_for(tmp_path: Path, browser: Browser) -> None:
    with Installation(tmp_path / "emops.sqlite").running() as running:
        for work in (add_second_operator, add_people):
            asyncio.run_coroutine_threadsafe(running.store.write(work), running.loop).result(10)
        browser.resize(1280, 1000)
        browser.prefer("light")
        enter(browser, running.url)
        browser.wait(lambda: "Zweiter Faktor" in browser.text())
        browser.type("#prove", PASSWORD.value)
        browser.press("#factor button")
        secret = Secret(browser.wait(lambda: browser.run("return document.querySelector('#secret')?.innerText")))
        assert browser.run("return document.querySelector('.qr svg').getBoundingClientRect().width") > 150
        browser.screenshot(tmp_path / "enrol.png")
        browser.type("#code", code_at(secret, NOW))
        browser.press("#factor button")
        browser.wait(lambda: "Wiederherstellungscodes" in browser.text())
        codes = browser.run("return [...document.querySelectorAll('.codes code')].map(one => one.innerText)")
        assert len(codes) == 8
        browser.screenshot(tmp_path / "codes.png")
        enter(browser, running.url)
        browser.wait(lambda: "den Ihre App jetzt zeigt" in browser.text())
        browser.type("#code", codes[0])
        browser.press("main button")
        browser.wait(lambda: "Noch 7 Wiederherstellungscodes" in browser.text())
        for path in ("/account", "/users", "/audit"):
            for width in WIDTHS:
                browser.resize(width, 1000)
                browser.open(f"{running.url}{path}")
                wider = browser.run("return document.documentElement.scrollWidth - window.innerWidth")
                assert wider <= 0, (path, width, wider)
                browser.screenshot(tmp_path / f"{path.strip('/')}-{width}.png")
