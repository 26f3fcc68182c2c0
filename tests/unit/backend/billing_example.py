"""A small operator with one customer and a day and night tariff, for tests of the money chain."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backend.core.invoices.invoice import Account, Party, RatedSession
from backend.core.rates.base_fee import BaseFee
from backend.core.rates.periods import MeterPoint, cut
from backend.core.rates.rating import Policy, rate, rate_base_fee
from backend.core.tariffs.tariff import canonical, parse_tariff, version_id
from backend.core.tariffs.tariff_model import Scope
from shared.ids import IdToken
from shared.units import Wh

BERLIN = ZoneInfo("Europe/Berlin")
IBAN = "DE02120300000000202051"

DAY_NIGHT: dict[str, Any] = {
    "id": "day-night",
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
VOLUME: dict[str, Any] = {
    "id": "volume",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.45, "vat": 19}]}],
    "x_graduated": {
        "scope": "contract",
        "period": "calendar_month",
        "tiers": [{"up_to_kwh": "50", "price": "0.45"}, {"up_to_kwh": None, "price": "0.37"}],
        "base_fee_net": "4.99",
        "order": "session_end",
    },
}
"""Cheaper above 50 kWh a month, with a base fee of 4.99 EUR (5.94 with VAT)."""
DAY_NIGHT_NET = {**DAY_NIGHT, "tax_included": "NO"}

SELLER = Party(
    id="acme",
    name="Stadtlicht Laden GmbH",
    street="Lindenallee 12",
    postcode="10115",
    city="Berlin",
    country="DE",
    vat_id="DE123456789",
    email="rechnung@example.com",
    phone="+49 30 1234567",
)
BUYER = Party(
    id="C-1001",
    name="Erika Mustermann",
    street="Am Wiesengrund 3",
    postcode="14467",
    city="Potsdam",
    country="DE",
    vat_id="",
    email="erika@example.com",
    phone="",
)
EVENING = datetime(2026, 10, 15, 19, 10, tzinfo=UTC)  # 21:10 in Berlin


def account(**changes: Any) -> Account:
    values: dict[str, Any] = {
        "seller": SELLER,
        "buyer": BUYER,
        "iban": IBAN,
        "bic": "BYLADEM1001",
        "zone": BERLIN,
        "language": "de",
        "payment_days": 14,
    }
    return Account(**(values | changes))


def session(
    number: int = 1,
    registers: Sequence[tuple[float, int]] = ((0, 1_000_000), (50, 1_009_167), (150, 1_027_500)),
    tariff: dict[str, Any] = DAY_NIGHT,
    start: datetime = EVENING,
) -> RatedSession:
    """A rated session with the register at so many minutes after its start."""
    points = [MeterPoint(start + timedelta(minutes=minutes), Wh(energy)) for minutes, energy in registers]
    parsed = parse_tariff(tariff)
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
        tariff_id=parsed.id,
        tariff_version=version_id(canonical(tariff)),
        rating=rate(cut(points, parsed, BERLIN), parsed, BERLIN, Policy()),
    )


def base_fee(changes: dict[str, Any] | None = None) -> BaseFee:
    """The base fee of a contract for October 2026, by `VOLUME`."""
    tariff = VOLUME | (changes or {})
    start, end = (datetime(2026, month, 1, tzinfo=BERLIN).astimezone(UTC) for month in (10, 11))
    rating = rate_base_fee(parse_tariff(tariff), start, end, BERLIN)
    assert rating is not None
    version = version_id(canonical(tariff))
    return BaseFee(Scope.CONTRACT, BUYER.id, BUYER.id, start, end, tariff["id"], version, rating)
