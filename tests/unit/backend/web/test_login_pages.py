"""The door: names and passwords, sessions, pauses after wrong ones, and what users and strangers can't tell apart."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from backend.store.people_tables import audit_entry, login_session
from tests.unit.backend.web.installation import Installation, Running, with_password
from tests.unit.backend.web.people import PASSWORD, add_people, add_second_operator

ADMIN = "operator_admin@op"


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Running, httpx.Client]]:
    place = Installation(folder / "emops.sqlite", with_password("of before"))
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        for work in (add_second_operator, add_people):
            asyncio.run_coroutine_threadsafe(running.store.write(work), running.loop).result(10)
        client.headers["Accept-Language"] = "en"
        yield running, client


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def log_in(client: httpx.Client, login: str, password: str = PASSWORD.value, path: str = "/login") -> httpx.Response:
    csrf = csrf_of(client.get("/login").text)
    return client.post(path, data={"login": login, "password": password, "csrf": csrf})


def test_whoever_logs_in_comes_where_they_wanted_to_go_and_out_again(tmp_path: Path) -> None:
    with opened(tmp_path) as (running, client):
        wanted = client.get("/transactions?state=held")
        assert wanted.headers["Location"] == "/login?next=%2Ftransactions%3Fstate%3Dheld"
        assert "Beispielstadt" not in client.get("/login").text
        entered = log_in(client, ADMIN.upper(), path="/login?next=%2Ftransactions%3Fstate%3Dheld")
        assert entered.headers["Location"] == "/transactions?state=held"
        cookie = entered.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        page = client.get("/transactions")
        assert page.status_code == 200
        kept = running.store.read(lambda unit: unit.execute(select(login_session.c.key)).scalars().all())
        [key] = asyncio.run_coroutine_threadsafe(kept, running.loop).result(5)
        assert key not in cookie
        assert client.post("/logout", data={"csrf": csrf_of(page.text)}).headers["Location"] == "/login"
        assert client.get("/transactions").status_code == 303


def test_the_one_password_of_before_opens_nothing_once_there_are_users(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        assert client.get("/transactions", auth=("emops", "of before")).status_code == 303
        assert client.get("/api/v1/transactions", auth=("emops", "of before")).status_code == 401


def test_a_browser_changes_nothing_by_the_api(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        log_in(client, ADMIN)
        assert client.get("/api/v1/charge-points").status_code == 200
        assert client.post("/api/v1/orders", json={"action": "Reset", "every_station": True}).status_code == 401


@pytest.mark.parametrize("target", ["https://example.net/", "//example.net", "/\\example.net", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site_after_the_login(tmp_path: Path, target: str) -> None:
    with opened(tmp_path) as (_, client):
        csrf = csrf_of(client.get("/login").text)
        form = {"login": ADMIN, "password": PASSWORD.value, "csrf": csrf}
        assert client.post("/login", params={"next": target}, data=form).headers["Location"] == "/home"


def test_a_wrong_name_and_a_wrong_password_look_the_same_and_both_pause(tmp_path: Path) -> None:
    def bare(answer: httpx.Response) -> str:
        return re.sub(r'value="[^"]+"', "", answer.text)

    with opened(tmp_path) as (running, client):
        for _ in range(5):
            known, unknown = log_in(client, ADMIN, "wrong"), log_in(client, "nobody@example.com", "wrong")
            assert (known.status_code, unknown.status_code) == (403, 403)
            assert bare(known) == bare(unknown)
        assert log_in(client, ADMIN).status_code == 403, "the right password is not told from a wrong one in the pause"
        assert log_in(client, "staff@op").status_code == 303
        actions = running.store.read(lambda unit: unit.execute(select(audit_entry.c.action)).scalars().all())
        assert asyncio.run_coroutine_threadsafe(actions, running.loop).result(5) == ["login_failed"] * 5 + ["login"]


def test_what_a_user_does_is_recorded_before_it_is_done(tmp_path: Path) -> None:
    with opened(tmp_path) as (running, client):
        log_in(client, ADMIN)
        csrf = csrf_of(client.get("/transactions").text)
        client.post("/orders/99/cancel", data={"csrf": csrf})
        client.post("/invoice-run/issue", data={"csrf": csrf})
        query = select(audit_entry.c.actor, audit_entry.c.action, audit_entry.c.object).order_by(audit_entry.c.id)
        rows = running.store.read(lambda unit: [tuple(row) for row in unit.execute(query)])
        assert asyncio.run_coroutine_threadsafe(rows, running.loop).result(5) == [
            (ADMIN, "login", ""),
            (ADMIN, "issue_invoices", "POST /invoice-run/issue"),
        ]
