"""Storno and credit notes by line: as pages that ask first, and for programs; each only once."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read

NUMBER = "RE-2026-000001"


def prepare(path: Path, *, ad_hoc: bool = False) -> None:
    async def run() -> None:
        async with billing_store(path, "at_once", customer={"ad_hoc": ad_hoc}) as store:
            clock = ManualClock(EVENING)
            await add_transaction(store)
            clock.advance(86_400)
            await rate_ended(store, clock, Policy())
            await InvoiceIssuer(store, clock, BillingSettings(grace_s=0)).run()

    asyncio.run(run())


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    prepare(tmp_path / "db")
    return Installation(tmp_path / "db")


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))


def post(client: httpx.Client, what: str, **form: str) -> httpx.Response:
    return client.post(f"/invoices/{NUMBER}/{what}", data=form, follow_redirects=True)


def test_a_storno_needs_a_reason_and_a_confirmation(place: Installation) -> None:
    with place.client() as client:
        assert "Stornieren" in read(client, f"/invoices/{NUMBER}")
        asked = client.get(f"/invoices/{NUMBER}/cancel").text
        csrf = fields(asked)["csrf"]
        assert post(client, "cancel", csrf="forged", reason="Probe").status_code == 403
        empty = post(client, "cancel", csrf=csrf, reason=" ")
        assert empty.status_code == 409
        assert "Bitte den Grund angeben" in empty.text
        done = post(client, "cancel", csrf=csrf, reason="falscher Empfänger")
        assert done.url.path == "/invoices/ST-2026-000001"
        storno = read(client, "/invoices/ST-2026-000001")
        original, english = read(client, f"/invoices/{NUMBER}"), read(client, f"/invoices/{NUMBER}", "en")
        again = post(client, "cancel", csrf=csrf, reason="Probe")
    assert "Stornorechnung ST-2026-000001" in storno
    assert "Storniert RE-2026-000001 · Grund: falscher Empfänger" in storno
    assert "Guthaben 12,56 €" in storno
    assert "Storniert durch ST-2026-000001" in original
    assert "Stornieren" not in original
    assert "Cancelled by ST-2026-000001" in english
    assert again.status_code == 409
    assert "wurde schon durch ST-2026-000001 storniert" in again.text


def test_a_credit_is_shown_before_it_is_issued_and_is_issued_once(place: Installation) -> None:
    with place.client() as client:
        asked = client.get(f"/invoices/{NUMBER}/credit").text
        form = fields(asked) | {"reason": "Säule gestört", "amount-1": "2,50", "amount-2": ""}
        too_much = post(client, "credit", **form | {"amount-1": "99", "sure": "yes"})
        assert too_much.status_code == 409
        assert "mehr als die 5.41" in too_much.text
        shown = post(client, "credit", **form)
        assert shown.status_code == 200
        assert "Jetzt ausstellen" in shown.text
        sure = fields(shown.text)
        assert (sure["amount-1"], sure["reason"]) == ("2.50", "Säule gestört")
        done = post(client, "credit", **sure)
        assert done.url.path == "/invoices/RE-K-2026-000001"
        twice = post(client, "credit", **sure)
        note, original = read(client, "/invoices/RE-K-2026-000001"), read(client, f"/invoices/{NUMBER}")
    assert twice.status_code == 409
    assert "inzwischen etwas gutgebracht" in twice.text
    assert "Rechnungskorrektur RE-K-2026-000001" in note
    assert "Guthaben 2,50 €" in note
    assert "Berichtigt durch RE-K-2026-000001" in original


def test_programs_cancel_and_credit_with_a_reason(place: Installation) -> None:
    with place.client() as client:
        address = f"/api/v1/invoices/{NUMBER}"
        wanted = {"reason": "gestört", "lines": [{"line": 1, "amount": "1.00"}], "after": 0}
        credit = client.post(f"{address}/credit", json=wanted)
        again = client.post(f"{address}/credit", json=wanted)
        refused = client.post(f"{address}/cancel", json={"reason": "Probe"})
        nothing = client.post(f"{address}/cancel", json={"reason": ""})
        taken_back = client.post("/api/v1/invoices/RE-K-2026-000001/cancel", json={"reason": "Probe"})
        cancelled = client.post(f"{address}/cancel", json={"reason": "Probe"})
    assert (credit.status_code, credit.json()["number"], credit.json()["total"]) == (201, "RE-K-2026-000001", "-1.00")
    assert [again.status_code, refused.status_code, nothing.status_code] == [409, 409, 422]
    assert "credited meanwhile" in again.json()["detail"]
    assert "cancel RE-K-2026-000001 first" in refused.json()["detail"]
    assert taken_back.json() == {"number": "ST-2026-000001", "type_code": "384", "total": "1.00", "currency": "EUR"}
    assert cancelled.json()["total"] == "-12.56"


def test_a_receipt_is_called_so(tmp_path: Path) -> None:
    prepare(tmp_path / "db", ad_hoc=True)
    with Installation(tmp_path / "db").client() as client:
        text = read(client, "/invoices/AH-2026-000001")
        assert client.get("/invoices/AH-2026-000001/xml").status_code == 404
    assert "Beleg AH-2026-000001" in text
    assert "Gesamtbetrag, bezahlt 12,56 €" in text
