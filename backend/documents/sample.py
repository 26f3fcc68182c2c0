"""A made-up invoice that shows how an operator's papers look. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.core.invoices.invoice import draft_invoice, with_number
from backend.core.invoices.invoice_model import Account, Charges, Invoice, Party, RatedSession
from backend.core.rates.periods import MeterPoint, cut
from backend.core.rates.rating import Policy, rate
from backend.core.tariffs.tariff import canonical, parse_tariff, version_id
from shared.ids import IdToken
from shared.units import Wh

_TARIFF: dict[str, object] = {
    "id": "example",
    "currency": "EUR",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.39, "vat": 19}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.59, "vat": 19}]},
    ],
}
_BUYERS = {
    "de": ("Erika Mustermann", "Am Wiesengrund 3", "14467", "Potsdam"),
    "en": ("Alex Example", "12 Example Road", "14467", "Potsdam"),
}
_REGISTERS = ((0, 1_000_000), (50, 1_009_167), (150, 1_027_500))
"""Minutes after the begin, and Wh."""


def sample_invoice(seller: Party, iban: str, bic: str, *, zone: ZoneInfo, language: str, now: datetime) -> Invoice:
    """Make an invoice of three sessions around a change of price; it is marked as a sample and owed by nobody.

    Args:
        seller: whose papers.
        iban: that its customers pay to.
        bic: of that account.
        zone: of the seller.
        language: `de` or `en`.
        now: the day of issue.
    """
    name, street, postcode, city = _BUYERS[language]
    buyer = Party(
        id="C-1001",
        name=name,
        street=street,
        postcode=postcode,
        city=city,
        country="DE",
        vat_id="",
        email="customer@example.com",
        phone="",
    )
    account = Account(seller=seller, buyer=buyer, iban=iban, bic=bic, zone=zone, language=language, payment_days=14)
    evening = now.astimezone(zone).replace(hour=21, minute=10, second=0, microsecond=0) - timedelta(days=20)
    sessions = tuple(_session(number, evening + timedelta(days=number), zone) for number in range(1, 4))
    draft = draft_invoice(account, Charges(sessions), now)
    return with_number(replace(draft, sample=True), "RE-0000-000001")


def _session(number: int, start: datetime, zone: ZoneInfo) -> RatedSession:
    points = [MeterPoint(start + timedelta(minutes=minutes), Wh(energy)) for minutes, energy in _REGISTERS]
    tariff = parse_tariff(_TARIFF)
    return RatedSession(
        cdr_id=number,
        transaction_id=number,
        charge_point="Parkhaus Mitte",
        address="Marktplatz 1, 14467 Potsdam",
        evse_id=1,
        id_token=IdToken("04A1B2C3D4E5F6"),
        started_at=points[0].at,
        ended_at=points[-1].at,
        meter_start=points[0].energy,
        meter_stop=points[-1].energy,
        tariff_id=tariff.id,
        tariff_version=version_id(canonical(_TARIFF)),
        rating=rate(cut(points, tariff, zone), tariff, zone, Policy()),
    )
