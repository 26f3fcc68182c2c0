"""The door: names and passwords, sessions, pauses after wrong ones, and what users and strangers can't tell apart."""

import asyncio
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from sqlalchemy import Connection, select

from backend.errors import AccessError
from backend.people.archive import write_archive
from backend.people.login import LoginSettings
from backend.people.people import known, set_up_second_factor
from backend.people.second_factor import code_at
from backend.people.vault import Vault, key_path
from backend.settings import Settings
from backend.store.accounts import read_keys
from backend.store.people_tables import audit_entry, login_session
from shared.ids import Secret
from tests.unit.backend.web.installation import Installation, Running, with_password
from tests.unit.backend.web.people import PASSWORD, add_people, add_second_operator
from tests.unit.backend.web.seed import NOW

ADMIN = "operator_admin@op"


@contextmanager
def opened(folder: Path, settings: Settings | None = None) -> Iterator[tuple[Running, httpx.Client]]:
    place = Installation(folder / "emops.sqlite", settings or with_password("of before"))
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
            (ADMIN, "give_orders", "POST /orders/99/cancel: 404"),
            (ADMIN, "issue_invoices", "POST /invoice-run/issue"),
        ]


def test_a_second_factor_is_asked_for_and_each_code_works_once(tmp_path: Path) -> None:
    with opened(tmp_path) as (running, client):
        vault = Vault(key_path(running.store.path))

        def set_up(unit: Connection) -> tuple[Secret, list[str]]:
            return set_up_second_factor(unit, known(unit, ADMIN).id, vault)

        secret, recovery = asyncio.run_coroutine_threadsafe(running.store.write(set_up), running.loop).result(5)

        def enter(code: str) -> httpx.Response:
            client.cookies.delete("emops_session")
            asked = log_in(client, ADMIN)
            assert asked.headers["Location"].startswith("/login/code")
            assert client.get("/transactions").status_code == 303, "the password alone opens nothing"
            csrf = csrf_of(client.get("/login/code").text)
            return client.post("/login/code", data={"code": code, "csrf": csrf})

        client.cookies.set("emops_session", "")
        code = code_at(secret, NOW)
        assert enter(code).headers["Location"] == "/home"
        assert client.get("/transactions").status_code == 200
        assert enter(code).status_code == 403
        assert enter(recovery[0]).headers["Location"] == "/home"
        assert enter(recovery[0]).status_code == 403


def test_a_program_that_asks_too_often_or_guesses_tokens_is_told_to_wait(tmp_path: Path) -> None:
    login = LoginSettings(requests_of_token=3, unknown_tokens=2)
    with opened(tmp_path, Settings(login=login)) as (_, client):
        for token, free in ((f"emops_{ADMIN}", 3), ("emops_nobody", 2)):
            answers = [
                client.get("/api/v1/charge-points", headers={"Authorization": f"Bearer {token}"})
                for _ in range(free + 1)
            ]
            assert [one.status_code for one in answers[:free]] == [200 if token.endswith(ADMIN) else 401] * free
            assert answers[-1].status_code == 429
            assert answers[-1].headers["Retry-After"] == "60"


def test_the_secret_of_a_second_factor_is_not_in_the_database(tmp_path: Path) -> None:
    with opened(tmp_path) as (running, _):
        key = key_path(running.store.path)
        vault = Vault(key)
        secret, _codes = asyncio.run_coroutine_threadsafe(
            running.store.write(lambda unit: set_up_second_factor(unit, known(unit, ADMIN).id, vault)), running.loop
        ).result(5)
        read = running.store.read(lambda unit: read_keys(unit, known(unit, ADMIN).id))
        keys = asyncio.run_coroutine_threadsafe(read, running.loop).result(5)
        assert secret.value not in keys.totp_secret
        assert Vault(key).open(keys.totp_secret) == secret
        assert key.stat().st_mode & 0o777 == 0o600
        with pytest.raises(AccessError, match="is not the key of this database"):
            Vault(tmp_path / "other.key").open(keys.totp_secret)


def test_an_archive_holds_what_is_known_of_a_customer_and_of_nobody_else(tmp_path: Path) -> None:
    with opened(tmp_path) as (running, _):

        def write(unit: Connection) -> bytes:
            file = io.BytesIO()
            with ZipFile(file, "w") as out:
                write_archive(unit, "op", "c1", out)
                with pytest.raises(AccessError):
                    write_archive(unit, "op", "c2", out)
            return file.getvalue()

        content = asyncio.run_coroutine_threadsafe(running.store.read(write), running.loop).result(5)
        archive = ZipFile(io.BytesIO(content))
        assert {"person.json", "sessions.csv", "invoices/RE-2026-000001.pdf"} <= set(archive.namelist())
        about = json.loads(archive.read("person.json"))
        assert about["customer"]["name"] == "Möbel Muster GmbH"
        assert "04A1B2C3D4E5F6" in archive.read("sessions.csv").decode()
        assert "Andere KG" not in archive.read("person.json").decode()
