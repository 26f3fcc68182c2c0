"""Long invoices are read by whom each part is for: bands with sums."""

import asyncio
import io
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pypdf import PdfReader

from backend.core.invoices.invoice import Charges, Invoice, RatedSession, draft_invoice, with_number
from backend.core.record import to_json
from backend.documents.invoice_view import bands, invoice_view
from backend.documents.render import open_renderer
from tests.unit.backend.billing_example import EVENING, account, session


def fleet_invoice(count: int, **of: list[str]) -> Invoice:
    """An invoice of so many sessions; fields of the i-th are the i-th values, over and over."""

    def one(i: int) -> RatedSession:
        changes: dict[str, Any] = {name: values[i % len(values)] for name, values in of.items()}
        return replace(session(i + 1, start=EVENING + timedelta(hours=3 * i)), **changes)

    rated = tuple(one(i) for i in range(count))
    return with_number(draft_invoice(account(), Charges(rated), EVENING + timedelta(days=60)), "RE-2026-000007")


def _bands(invoice: Invoice) -> dict[str, list[int]]:
    return dict(bands(invoice))


def test_one_driver_s_sessions_are_not_parted() -> None:
    assert _bands(fleet_invoice(3)) == {"": [0, 1, 2]}
    assert _bands(fleet_invoice(9, driver=["Erika"])) == {"": list(range(9))}


def test_cost_centres_go_before_drivers_and_drivers_before_charge_points() -> None:
    fleet = {"driver": ["Max", "Erika", ""], "charge_point": ["Hof", "Tor"]}
    assert _bands(fleet_invoice(6, **fleet)) == {"Erika": [1, 4], "Max": [0, 3], "Ohne Zuordnung": [2, 5]}
    assert _bands(fleet_invoice(4, **fleet, cost_centre=["4711", "4712"])) == {
        "Kostenstelle 4711": [0, 2],
        "Kostenstelle 4712": [1, 3],
    }


def test_charge_points_are_parted_only_where_there_are_many_sessions() -> None:
    assert _bands(fleet_invoice(5, charge_point=["Hof", "Tor"])) == {"": [0, 1, 2, 3, 4]}
    assert _bands(fleet_invoice(6, charge_point=["Hof", "Tor"])) == {"Hof": [0, 2, 4], "Tor": [1, 3, 5]}


def test_the_sums_of_all_bands_are_the_invoice_s() -> None:
    invoice = fleet_invoice(7, driver=["Max", "Erika", ""])
    groups = invoice_view(invoice)["groups"]
    assert isinstance(groups, list)
    sums = [group["amount"] for group in groups if group["kind"] == "sum"]
    assert len(sums) == 3
    told = sum(Decimal(re.sub(r"[^\d,]", "", text).replace(",", ".")) for text in sums)
    assert told == invoice.due
    assert sum(group["kind"] == "session" for group in groups) == 7


def test_a_fleet_of_200_sessions_is_whole_on_paper_with_its_headings_on_every_page() -> None:
    invoice = fleet_invoice(200, driver=["Max", "Erika", "Kim", "Sam"], meter_serial=["SN-1"], contract=["V-9"])

    async def render() -> bytes:
        async with open_renderer() as renderer:
            return await renderer.render(invoice.number, to_json(invoice), None)

    pages = [page.extract_text() for page in PdfReader(io.BytesIO(asyncio.run(render()))).pages]
    text = "\n".join(pages)
    for title in ("Erika", "Kim", "Max", "Sam"):
        assert f"Summe {title}" in text
    proof = next(i for i, page in enumerate(pages) if "Zählerstand" in page)
    for page in pages[: proof - 1]:
        assert "Menge" in page, "the columns have their titles on every page"
    assert all(f"Ladevorgang {number}" in text for number in range(1, 201))
    assert "SN-1" in pages[proof]
    assert "V-9" in pages[proof]
    assert f"Seite {len(pages)} von {len(pages)}" in pages[-1]
