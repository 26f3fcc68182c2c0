"""The invoice run as a page, as JSON and by command: what would go out, what is kept back, and issuing it by hand."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, update

from backend.__main__ import main
from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings
from backend.jobs.rate_ended import rate_ended
from backend.settings import Settings
from backend.store import tables as t
from shared.clock import ManualClock, SystemClock
from tests.unit.backend.billing_example import BUYER, EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read

BY_HAND = Settings(billing=BillingSettings(automatic=False, grace_s=0))


def prepare(path: Path, **customer: Any) -> None:
    """Two days of October billed daily, the second customer without a city, and one held session."""

    async def run() -> None:
        async with billing_store(path, "day", customer=customer) as store:
            other = {"id": "C-2", "operator_id": "acme", "name": "Ohne Ort GmbH", "street": "Weg 1", "postcode": "1"}
            rest = {"city": "", "country": "DE", "vat_id": "", "email": "o@example.com", "language": "de"}
            values = {**other, **rest, "cycle": "day", "payment_days": 14}
            token = {"token": "AABBCCDD", "operator_id": "acme", "customer_id": "C-2", "holder": "", "blocked": False}
            await store.write(lambda unit: unit.execute(insert(t.customer).values(values)))
            await store.write(lambda unit: unit.execute(insert(t.id_token).values(token)))
            await add_transaction(store)
            await add_transaction(store, start=EVENING + timedelta(days=1))
            await add_transaction(store, start=EVENING + timedelta(hours=5), id_token="AABBCCDD")
            await add_transaction(store, ((0, 9), (5, 3)), start=EVENING + timedelta(hours=3))
            await rate_ended(store, ManualClock(EVENING + timedelta(days=3)), Policy())

    asyncio.run(run())


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    prepare(tmp_path / "db")
    return Installation(tmp_path / "db", BY_HAND)


def post(client: httpx.Client, key: str, csrf: str) -> httpx.Response:
    return client.post("/invoice-run/issue", data={"csrf": csrf, "key": key})


def csrf_of(client: httpx.Client, query: str = "") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(f"/invoice-run/issue{query}").text)
    assert found
    return found[1]


def test_the_page_shows_what_is_ready_what_is_blocked_and_why(place: Installation) -> None:
    with place.client() as client:
        german, english = read(client, "/invoice-run"), read(client, "/invoice-run", "en")
    assert "Alle ausstellen (2)" in german
    assert "Ohne Ort GmbH" in german
    assert "Kunde: city fehlt" in german
    assert "Nicht abrechenbare Ladevorgänge" in german
    assert "buyer: city is missing" in english
    assert "12,56 €" in german


def test_issuing_asks_first_and_then_issues_once(place: Installation) -> None:
    with place.client() as client:
        assert "Jetzt ausstellen" in read(client, "/invoice-run/issue")
        csrf = csrf_of(client)
        assert post(client, "", "forged").status_code == 403
        done = post(client, "", csrf)
        assert "RE-2026-000001" in done.text
        assert "RE-2026-000002" in done.text
        again = post(client, "", csrf)
        assert "RE-2026" not in again.text
        assert len(client.get("/api/v1/invoices").json()) == 2


def test_one_draft_is_issued_by_its_key_and_again_gives_its_number(place: Installation) -> None:
    with place.client() as client:
        drafts = {row["state"]: row for row in client.get("/api/v1/invoice-run").json()}
        key = drafts["ready"]["key"]
        first, again = (client.post(f"/api/v1/invoice-run/{key}").json() for _ in range(2))
        assert (first["again"], again["again"]) == (False, True)
        assert first["number"] == again["number"]
        blocked = client.post(f"/api/v1/invoice-run/{drafts['blocked']['key']}")
        assert (blocked.status_code, blocked.json()["detail"]) == (409, "the draft is blocked: buyer: city is missing")
        gone = client.post("/api/v1/invoice-run/nothing-1")
        assert gone.status_code == 409
        rest = client.post("/api/v1/invoice-run").json()
        assert (len(rest["issued"]), rest["blocked"]) == (1, 1)


def test_evidence_that_ends_is_on_the_page(tmp_path: Path) -> None:
    prepare(tmp_path / "db", tax_case="reseller_de", vat_id="DE987654321")
    values = {"operator_id": "acme", "customer_id": BUYER.id, "kind": "ust_1_th", "reference": "FA Köln 7"}

    async def add() -> None:
        async with billing_store(tmp_path / "db") as store:
            row = {**values, "valid_from": "2026-01-01", "valid_to": "2026-12-01"}
            await store.write(lambda unit: unit.execute(insert(t.tax_evidence).values(row)))

    asyncio.run(add())
    with Installation(tmp_path / "db", BY_HAND).client() as client:
        text = read(client, "/invoice-run")
    assert "Kunde C-1001: FA Köln 7, gültig bis 01.12.2026" in text
    assert "der Nachweis USt 1 TH des Kunden" in text
    assert "der eigene Nachweis USt 1 TH fehlt" in text


def run_command(config: Path, *arguments: str) -> int:
    return main(["invoice", *arguments, "--config", str(config)])


def test_by_command_it_is_previewed_run_listed_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path / "db")
    config = tmp_path / "backend.toml"
    epoch, origin = (EVENING + timedelta(days=3)).isoformat(), SystemClock().utc().isoformat()
    config.write_text(
        f'[store]\npath = "{tmp_path}/db"\n[billing]\nautomatic = false\n'
        f'[clock]\nlapse_rate = 1.5\nlapse_epoch = "{epoch}"\nlapse_origin = "{origin}"\n'
    )
    assert run_command(config, "preview") == 0
    assert capsys.readouterr().out.count("state=ready") == 2
    assert run_command(config, "blocked") == 0
    assert "no draft is blocked" in capsys.readouterr().out  # a preview stores nothing
    assert run_command(config, "run", "--json") == 1
    done = json.loads(capsys.readouterr().out)
    assert [row.get("number", row.get("reasons")) for row in done] == [
        "RE-2026-000001",
        "RE-2026-000002",
        ["buyer: city is missing"],
    ]
    assert run_command(config, "blocked") == 0
    assert "reasons=buyer: city is missing" in capsys.readouterr().out
    assert run_command(config, "held") == 0
    assert "transaction=4" in capsys.readouterr().out
    assert run_command(config, "list") == 0
    assert "number=RE-2026-000002" in capsys.readouterr().out
    assert run_command(config, "show", "RE-2026-000001") == 0
    assert "total 12.56 EUR" in capsys.readouterr().out
    assert run_command(config, "show", "RE-1") == 1
    assert "there is no invoice 'RE-1'" in capsys.readouterr().err


def test_small_amounts_and_open_periods_are_listed(tmp_path: Path) -> None:
    prepare(tmp_path / "db", threshold="100")

    async def monthly() -> None:
        async with billing_store(tmp_path / "db") as store:
            await store.write(
                lambda unit: unit.execute(update(t.customer).where(t.customer.c.id == "C-2").values(cycle="month"))
            )

    asyncio.run(monthly())
    with Installation(tmp_path / "db", BY_HAND).client() as client:
        text = read(client, "/invoice-run")
    assert "weniger als 100: vorgetragen, längstens bis 2027-01-01" in text
    assert "25,12 €" in text
    assert "01.10.2026 – 31.10.2026" in text
    assert "Fällig zur Abrechnung" in text
