"""Who may do what on every route of the pages and the API, and that nobody sees what is another operator's."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Mount, Route

from backend.api.permissions import OPEN, Need, all_routes, check_declared, need_of
from backend.core.order import NewOrder
from backend.core.people.access import GRANTS, Account, Permission, Role
from backend.errors import BackendError
from backend.people.login import LoginSettings
from backend.services.payments import import_file
from backend.settings import Settings
from backend.store import orders
from backend.store import tables as t
from backend.store.accounts import add_account
from backend.store.load import put_site
from backend.store.scope import Owned
from backend.store.writer import Store
from tests.unit.backend.bank_files import Payment, camt
from tests.unit.backend.web.installation import RATHAUS, Installation
from tests.unit.backend.web.people import (
    DRIVER,
    HASH,
    OTHER,
    SITE,
    add_payments,
    add_people,
    add_second_operator,
    token_with,
)
from tests.unit.backend.web.seed import ELSEWHERE, HELD, INVOICE, NOW, RATED, RUNNING

ENDLESS = "/api/v1/live"
EXAMPLES = ("/api/openapi.json", "/api/docs", "/mail/texts", "/mail/texts/invoice/html")
"""Pages that show nobody's data but made-up ones, which look like those of the tests."""

FOREIGN = (
    "RATHAUS",
    "BAHNHOF",
    "Rathaus",
    "Beispielstadt",
    "Muster",
    "RE-2026-",
    "day-night",
    "Erika",
    "rechnung@",
)
"""What only the first operator has: none of it may reach a user of the other one."""

OBJECTS = {
    Owned.CHARGE_POINT: str(RATHAUS),
    Owned.TRANSACTION: str(RATED),
    Owned.INVOICE: INVOICE,
    Owned.LETTER: "1",
    Owned.ORDER: "1",
    Owned.TARIFF: "day-night",
    Owned.CUSTOMER: "c1",
    Owned.DEBIT_BATCH: "1",
    Owned.BANK_ENTRY: "1",
    Owned.BOOKING: "1",
    Owned.DUNNING: "1",
    Owned.ACCOUNT: "one-of-op",
    Owned.LOAD_SITE: "rathaus",
    Owned.EXPORT: "1",
    Owned.ALERT: "1",
}
LOAD_SITE = {
    "name": "Rathaus",
    "circuits": [{"id": "grid", "limit_a": 63}],
    "evses": [{"charge_point": str(RATHAUS), "evse": 1, "circuit": "grid"}],
}
OTHERS = {
    "evse": "1",
    "file": "bookings",
    "action": "Reset",
    "version": "1.6",
    "name": "invoice",
    "series": "spot",
    "key": "0-1",
    "token": "x",
}

PATIENT = Settings(login=LoginSettings(requests_of_token=10_000, unknown_tokens=10_000))
"""These tests ask faster than any program should."""

Test = Callable[[httpx.AsyncClient, FastAPI, dict[str, str], Store], Awaitable[None]]


def run(folder: Path, test: Test) -> None:
    """Run a test on the example database with two operators and all their users."""

    async def work() -> None:
        async with Installation(folder / "emops.sqlite", PATIENT).open() as (store, _, app):
            await store.write(add_second_operator)
            tokens = await store.write(add_people)
            one = Account(OBJECTS[Owned.ACCOUNT], "one@op", "Erika", Role.READ_ONLY, "op")
            await store.write(lambda unit: add_account(unit, one, HASH, NOW))
            order = NewOrder(str(RATHAUS), "Reset", "{}", NOW, False, "test", "batch")
            await store.write(lambda unit: orders.give(unit, [order], NOW))
            await store.write(lambda unit: put_site(unit, "op", OBJECTS[Owned.LOAD_SITE], LOAD_SITE, NOW))
            await store.write(add_payments)
            await import_file(store, "op", "a.xml", camt(Payment("40.00", "Rathaus", iban="")), now=NOW)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                await test(client, app, tokens, store)

    asyncio.run(work())


def addresses(app: FastAPI) -> list[tuple[str, str, Need]]:
    """List method, address and need of every route, with objects of the first operator in the addresses."""
    found = []
    for route in all_routes(app.routes):
        if isinstance(route, Mount):
            continue
        assert isinstance(route, Route)
        need = need_of(route)
        assert need, route.path
        objects = dict.fromkeys(("id", "number", "letter_id", "customer"), OBJECTS[need.of]) if need.of else {}
        names = {**OTHERS, "number": "1", **objects}
        path = re.sub(r"{(\w+)(:path)?}", partial(_name, names), route.path)
        found += [(method, path, need) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


def _name(names: dict[str, str], match: re.Match[str]) -> str:
    return names[match[1]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}


async def ask(client: httpx.AsyncClient, method: str, path: str, token: str) -> httpx.Response:
    body = None if method in {"GET", "DELETE"} else {"reason": "x"}
    return await client.request(method, path, headers=bearer(token) if token else {}, json=body)


@pytest.mark.parametrize("role", Role)
def test_a_role_may_exactly_what_is_granted_to_it(tmp_path: Path, role: Role) -> None:
    async def test(client: httpx.AsyncClient, app: FastAPI, tokens: dict[str, str], _: Store) -> None:
        token = tokens[f"{role}@{'platform' if role is Role.PLATFORM else 'op'}"]
        for method, path, need in addresses(app):
            if need == OPEN or path == ENDLESS:
                continue
            assert need.permission
            granted = need.permission in GRANTS[role]
            if granted and method != "GET":
                continue  # allowed changes have their own tests
            status = (await ask(client, method, path, token)).status_code
            if granted:
                assert status not in {401, 403}, (method, path)
                assert status < 500, (method, path)
            else:
                assert status == 403, (method, path)

    run(tmp_path, test)


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.PLATFORM])
def test_nothing_of_another_operator_is_there(tmp_path: Path, role: Role) -> None:
    async def test(client: httpx.AsyncClient, app: FastAPI, tokens: dict[str, str], _: Store) -> None:
        tried: set[str] = set()
        for method, path, need in addresses(app):
            if need == OPEN or path == ENDLESS or need.permission not in GRANTS[role]:
                continue
            if method != "GET" and not need.of:
                continue  # what a body names is tested one by one
            answer = await ask(client, method, path, tokens[f"{role}@{OTHER}"])
            if need.of:
                assert answer.status_code == 404, (method, path)
            elif path not in EXAMPLES:
                text = answer.text
                for own in sorted(tried, key=len, reverse=True):
                    text = text.replace(own, "")  # the audit log tells visitors what they typed themselves
                shown = [word for word in FOREIGN if word in text]
                assert not shown, (path, shown, text)
            tried.add(path)

    run(tmp_path, test)


def test_whoever_is_not_logged_in_gets_no_further_than_the_door(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, app: FastAPI, _tokens: dict[str, str], _: Store) -> None:
        for token in ("", "emops_nobody"):
            for method, path, need in addresses(app):
                if need == OPEN:
                    continue
                answer = await ask(client, method, path, token)
                if method == "GET" and not path.startswith(("/api/", "/fragments/")):
                    assert answer.headers["Location"].startswith("/login?next=%2F"), path
                else:
                    assert answer.status_code == 401, (method, path)
                assert "Beispielstadt" not in answer.text
        assert (await client.get("/nothing/here")).headers["Location"] == "/login?next=%2Fnothing%2Fhere"
        assert (await client.get("/static/style.css")).status_code == 200
        assert (await client.get("/healthz")).status_code == 200

    run(tmp_path, test)


def test_a_body_can_name_nothing_of_another_operator(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, _app: FastAPI, tokens: dict[str, str], _: Store) -> None:
        admin = bearer(tokens[f"operator_admin@{OTHER}"])
        for path, body in (
            ("/api/v1/orders", {"action": "Reset", "charge_points": ["CP-ANDERS", str(RATHAUS)]}),
            ("/api/v1/tariff-assignments", {"operator": "op", "tariff": "day-night", "scope": "operator"}),
            ("/api/v1/simulations", {"month": "2026-10", "operator": "op"}),
            (
                "/api/v1/profile-switches",
                {"operator": "op", "scope": "charge_point", "target": "CP-RATHAUS", "at": NOW.isoformat()}
                | {"profile": "PROFILE_GREEN"},
            ),
        ):
            answer = await client.post(path, json=body, headers=admin)
            assert answer.status_code == 404, (path, answer.text)
        as_csv = admin | {"Content-Type": "text/csv"}
        refused = await client.post("/api/v1/price-series/spot?operator=op", content="start,price\n", headers=as_csv)
        assert refused.status_code == 404
        issued = await client.post("/api/v1/invoice-run", headers=admin)
        assert issued.json() == {"issued": [], "blocked": 0}
        every = await client.post("/api/v1/orders", json={"action": "Reset", "every_station": True}, headers=admin)
        assert [one["charge_point_id"] for one in every.json()] == ["CP-ANDERS"]
        assert every.json()[0]["ordered_by"] == f"operator_admin@{OTHER}"

    run(tmp_path, test)


def test_the_same_key_of_two_operators_names_two_orders(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, _app: FastAPI, tokens: dict[str, str], _: Store) -> None:
        async def order(who: str) -> list[str]:
            headers = bearer(tokens[who]) | {"Idempotency-Key": "k"}
            wanted = {"action": "ClearCache", "every_station": True}
            given = (await client.post("/api/v1/orders", json=wanted, headers=headers)).json()
            return [one["charge_point_id"] for one in given]

        assert await order(f"staff@{OTHER}") == ["CP-ANDERS"]
        assert "CP-ANDERS" not in await order("staff@op")
        assert await order(f"staff@{OTHER}") == ["CP-ANDERS"]

    run(tmp_path, test)


def test_a_token_may_no_more_than_its_scopes(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, _app: FastAPI, _tokens: dict[str, str], store: Store) -> None:
        token = await store.write(lambda unit: token_with(unit, "staff@op", Permission.SEE_STATIONS))
        wide = await store.write(lambda unit: token_with(unit, "read_only@op", Permission.GIVE_ORDERS))
        assert (await client.get("/api/v1/charge-points", headers=bearer(token))).status_code == 200
        assert (await client.get("/api/v1/transactions", headers=bearer(token))).status_code == 403
        order = {"action": "Reset", "every_station": True}
        assert (await client.post("/api/v1/orders", json=order, headers=bearer(wide))).status_code == 403

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("login", "shown"), [("accounting@op", True), ("read_only@op", False), ("platform@platform", False)]
)
def test_mail_addresses_are_masked_by_role(tmp_path: Path, login: str, shown: bool) -> None:
    async def test(client: httpx.AsyncClient, _app: FastAPI, tokens: dict[str, str], _: Store) -> None:
        page = (await client.get(f"/invoices/{INVOICE}", headers=bearer(tokens[login]))).text
        assert ("rechnung@example.com" in page) is shown
        assert ("r***@example.com" in page) is not shown

    run(tmp_path, test)


def test_a_route_that_declares_nothing_stops_the_start() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/secret")
    async def secret() -> Response:
        return Response()

    with pytest.raises(BackendError, match="/secret does not declare"):
        check_declared(app)


def test_customers_drivers_and_hosts_see_their_own_rows_only(tmp_path: Path) -> None:
    async def test(client: httpx.AsyncClient, _app: FastAPI, tokens: dict[str, str], store: Store) -> None:
        def arrange(unit: Connection) -> None:
            unit.execute(t.id_token.update().where(t.id_token.c.holder == "Erika Mustermann").values(user_id=DRIVER))
            unit.execute(t.charge_point.update().where(t.charge_point.c.id == "CP-BAHNHOF").values(location_id=SITE))

        await store.write(arrange)

        async def seen(who: str) -> set[int]:
            rows = await client.get("/api/v1/transactions", headers=bearer(tokens[who]))
            return {row["id"] for row in rows.json()}

        everything = await seen("read_only@op")
        held = {HELD}  # its token is nobody's
        assert await seen("customer@op") == everything - held
        assert await seen("driver@op") == {1, RATED, RUNNING}
        assert await seen("host@op") == {HELD, ELSEWHERE}
        for who in (f"customer@{OTHER}", f"driver@{OTHER}", f"host@{OTHER}"):
            assert await seen(who) == set()
        foreign = await client.get(f"/api/v1/transactions/{ELSEWHERE}", headers=bearer(tokens["driver@op"]))
        assert foreign.status_code == 404
        stations = await client.get("/api/v1/charge-points", headers=bearer(tokens["host@op"]))
        assert [row["id"] for row in stations.json()] == ["CP-BAHNHOF"]
        invoices = (await client.get("/api/v1/invoices", headers=bearer(tokens["customer@op"]))).json()
        assert INVOICE in {row["number"] for row in invoices}

    run(tmp_path, test)
