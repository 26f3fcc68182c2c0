"""Logging in with a second factor in a real browser, and a page whose addresses are masked."""

import asyncio
from pathlib import Path

import pytest

from backend.people.people import known, set_up_second_factor
from backend.people.second_factor import code_at
from backend.people.vault import Vault, key_path
from tests.browser.browser import Browser
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.people import PASSWORD, add_people, add_second_operator
from tests.unit.backend.web.seed import INVOICE, NOW

pytestmark = pytest.mark.browser


def test_a_user_logs_in_with_a_code_and_sees_masked_addresses(tmp_path: Path, browser: Browser) -> None:
    with Installation(tmp_path / "emops.sqlite").running() as running:
        for work in (add_second_operator, add_people):
            asyncio.run_coroutine_threadsafe(running.store.write(work), running.loop).result(10)
        vault = Vault(key_path(running.store.path))
        enrol = running.store.write(lambda unit: set_up_second_factor(unit, known(unit, "read_only@op").id, vault))
        secret, _ = asyncio.run_coroutine_threadsafe(enrol, running.loop).result(5)
        browser.ask("DELETE", "cookie")
        browser.resize(1280, 900)
        browser.prefer("light")
        browser.open(f"{running.url}/invoices/{INVOICE}")
        assert "Beispielstadt" not in browser.text()
        browser.screenshot(tmp_path / "login.png")
        browser.type("#login", "read_only@op")
        browser.type("#password", PASSWORD.value)
        browser.press("main button")
        browser.wait(lambda: "Zweiter Faktor" in browser.text())
        browser.type("#code", code_at(secret, NOW))
        browser.press("main button")
        browser.wait(lambda: "r***@example.com" in browser.text())
        assert "rechnung@example.com" not in browser.text()
        browser.screenshot(tmp_path / "masked.png")
