"""Invoices with base fees, and credit notes: as pages, as JSON and as PDF, from sessions that were really billed."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from shared.clock import ManualClock
from tests.crash.test_billing_fees import prepare, run
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.einvoice_rules import official_findings
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read

FEES, CREDIT = "RE-2026-000002", "RE-K-2026-000001"


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """October billed with its fee; then the session turned out smaller, and November ended with its fee alone."""
    clock = ManualClock(EVENING)
    asyncio.run(prepare(tmp_path / "db", clock))
    asyncio.run(run(tmp_path / "db", clock, None))
    return Installation(tmp_path / "db")


def test_a_credit_note_says_what_it_is_and_which_invoice_it_corrects(place: Installation) -> None:
    with place.client() as client:
        german, english = read(client, f"/invoices/{CREDIT}"), read(client, f"/invoices/{CREDIT}", "en")
        overview = read(client, "/invoices")
    assert "Rechnungskorrektur RE-K-2026-000001" in german
    assert "Guthaben 9,76 €" in german
    assert "Berichtigung der Rechnung RE-2026-000001" in german
    assert "Zurückgenommen: Ladestrom" in german
    assert "Credit note RE-K-2026-000001" in english
    assert "Credit balance" in english
    assert "−9,76 €" in overview


def test_an_invoice_of_a_fee_alone_shows_its_span(place: Installation) -> None:
    with place.client() as client:
        text = read(client, f"/invoices/{FEES}")
    assert "Grundgebühr 01.11.2026 – 30.11.2026, Vertrag C-1001" in text
    assert "5,94 €" in text


def test_a_session_tells_the_documents_that_corrected_it(place: Installation) -> None:
    with place.client() as client:
        text = read(client, "/transactions/1")
        linked = read(client, f"/invoices/{CREDIT}")
    assert "RE-2026-000001 , berichtigt durch RE-K-2026-000001" in text
    assert "Ladevorgang 1" in linked


def test_programs_read_kind_lines_and_what_they_correct(place: Installation) -> None:
    with place.client() as client:
        credit = client.get(f"/api/v1/invoices/{CREDIT}").json()
        fee = client.get(f"/api/v1/invoices/{FEES}").json()
    summary = credit["summary"]
    assert (summary["type_code"], summary["total_gross"]) == ("381", "-9.76")
    assert {line["corrects"] for line in credit["lines"]} == {"RE-2026-000001"}
    assert sum(Decimal(line["net"]) for line in credit["lines"]) == -Decimal(summary["total_net"])
    assert fee["summary"]["type_code"] == "380"
    assert [(line["transaction_id"], line["net"], line["corrects"]) for line in fee["lines"]] == [(None, "4.99", "")]


def test_the_einvoice_is_downloaded_from_the_page_and_by_programs(place: Installation) -> None:
    with place.client() as client:
        page = client.get(f"/invoices/{CREDIT}/xml")
        program = client.get(f"/api/v1/invoices/{CREDIT}/xml")
        linked, english = read(client, f"/invoices/{CREDIT}"), read(client, f"/invoices/{CREDIT}", "en")
        summary = client.get(f"/api/v1/invoices/{CREDIT}").json()["summary"]
        missing = [client.get(f"{root}/invoices/none/{kind}") for root in ("", "/api/v1") for kind in ("pdf", "xml")]
        unrendered = client.get(f"/api/v1/invoices/{CREDIT}/pdf")
    assert page.content == program.content
    assert official_findings(page.content) == []
    assert f"<ram:ID>{CREDIT}</ram:ID>" in page.text
    assert page.headers["Content-Type"] == "application/xml"
    assert page.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{CREDIT}.xml"
    assert "E-Rechnung (XML) herunterladen" in linked
    assert "Download e-invoice (XML)" in english
    assert (summary["has_pdf"], summary["has_xml"]) == (False, True)
    assert [answer.status_code for answer in (*missing, unrendered)] == [404] * 5
