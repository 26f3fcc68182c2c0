"""The pages of data protection: what goes and what remains in words, erasing by form, the archive, whose customers."""

import asyncio
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from sqlalchemy import Connection, select

from backend.core.people.access import Account, Permission, Role, View
from backend.people.login import key_of
from backend.people.people import add_user
from backend.store import accounts
from backend.store.accounts import Token
from backend.store.invoice_tables import invoice
from backend.store.personal import Whom, restrict
from backend.store.scope import invoices_in
from backend.store.writer import Store
from tests.unit.backend.billing_example import BUYER
from tests.unit.backend.people.erased import charge, run, settle
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.people import add_people, add_second_operator
from tests.unit.backend.web.seed import NOW

PAGE = f"/persons/{BUYER.id}"
TOKEN = "emops_chef"


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    async def fill(store: Store) -> None:
        await charge(store)
        await store.write(_add_administrator)

    run(tmp_path / "db", fill)
    return Installation(tmp_path / "db")


def _add_administrator(unit: Connection) -> None:
    wanted = Account("", "chef@example.com", "Chef", Role.OPERATOR_ADMIN, "acme")
    made, scopes = add_user(unit, wanted, "x", NOW), (Permission.ANSWER_PERSONS,)
    accounts.add_token(unit, Token(0, made.id, "", scopes, NOW, NOW + timedelta(days=1), None), key_of(TOKEN))


def _settle(place: Installation) -> None:
    run(place.path, lambda store: store.write(settle))


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def test_what_hinders_is_told_and_there_is_no_button(place: Installation) -> None:
    with place.client() as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        page = client.get(PAGE, headers={"Accept-Language": "de"}).text
    assert "Posten oder Guthaben sind nicht ausgeglichen" in page
    assert "Endgültig löschen" not in page


def test_erase_by_form(place: Installation) -> None:
    _settle(place)
    with place.client() as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        client.headers["Accept-Language"] = "en"
        assert BUYER.name in client.get("/persons").text
        asked = client.get(PAGE).text
        assert "1 × name, address and contacts" in asked
        assert "1 × invoices and vouchers, until 2035-01-01" in asked
        csrf = csrf_of(asked)
        assert client.post(PAGE, data={"csrf": "forged", "sure": "yes"}).status_code == 403
        assert "Please confirm" in client.post(PAGE, data={"csrf": csrf}).text
        assert BUYER.name in client.get("/persons").text
        assert client.post(PAGE, data={"csrf": csrf, "sure": "yes"}).status_code == 303
        after = client.get(PAGE).text
        assert "erased, the rest is restricted until" in after
        assert "Delete for good" not in after
        assert BUYER.name not in client.get("/persons").text
        assert client.get(f"{PAGE}?user=P-0").status_code == 404


def test_the_archive_of_a_customer_and_of_a_user(place: Installation) -> None:
    with place.client() as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        whole, user = client.get(f"{PAGE}/archive"), client.get(f"{PAGE}/archive?user=P-1")
        assert client.get(f"{PAGE}/archive?user=P-0").status_code == 404
    about = json.loads(ZipFile(io.BytesIO(whole.content)).read("person.json"))
    assert about["customer"]["name"] == BUYER.name
    assert [one["login"] for one in about["accounts"]] == ["erika@example.com"]
    assert "password_hash" not in about["accounts"][0]
    assert len(about["letters"]) == 1
    archive = ZipFile(io.BytesIO(user.content))
    assert archive.namelist() == ["person.json", "sessions.csv"]
    assert json.loads(archive.read("person.json"))["persons"][0]["name"] == "Erika"
    assert archive.read("sessions.csv").decode().count("04FFEE") == 1


def test_who_may_and_whose(tmp_path: Path) -> None:
    async def story() -> None:
        async with Installation(tmp_path / "emops.sqlite").open() as (store, _, app):
            await store.write(add_second_operator)
            tokens = await store.write(add_people)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

                async def status(who: str, path: str) -> int:
                    return (await client.get(path, headers={"Authorization": f"Bearer {tokens[who]}"})).status_code

                for path in ("/persons/c1", "/persons/c1/archive"):
                    assert await status("operator_admin@op", path) == 200
                    assert await status("operator_admin@other", path) == 404
                    assert await status("staff@op", path) == 403
                number = await store.read(lambda unit: unit.scalars(select(invoice.c.number)).first())
                assert await status("staff@op", f"/invoices/{number}") == 200
                await store.write(lambda unit: restrict(unit, Whom("op", "c1"), None, NOW))
                assert await status("staff@op", f"/invoices/{number}") == 404
                assert await status("accounting@op", f"/invoices/{number}") == 200
                hidden = select(invoice.c.id).where(invoices_in(View("op", shows_restricted=False)))
                assert await store.read(lambda unit: unit.execute(hidden).all()) == []

    asyncio.run(story())
