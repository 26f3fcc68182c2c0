"""A database as an operator has it after some days, for tests and for a look at the pages."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, create_engine

from backend.core.invoices.invoice import Account, Charges, Invoice, Party, RatedSession, draft_invoice, with_number
from backend.core.rates.periods import MeterPoint, cut
from backend.core.rates.rating import Policy, Rating, rate
from backend.core.record import to_json
from backend.core.tariffs.tariff import canonical, load_tariff
from backend.store import tables as t
from shared.ids import IdToken
from shared.units import Wh

NOW = datetime(2026, 10, 27, 15, 42, 10, tzinfo=UTC)
"""16:42:10 in Berlin, two days after the clocks went back."""

EVIL = "<script>alert('x')</script>&\"'"
"""Stands in names that stations and operators give: it must never reach a page as it is."""

RUNNING, ENDED_LATE, HELD, RATED, ELSEWHERE = 5, 3, 4, 2, 6
"""Numbers of the transactions that tests look at."""

INVOICE = "RE-2026-000001"

_ZONE = ZoneInfo("Europe/Berlin")

_RATED_AT = datetime(2026, 10, 25, 19, 54, tzinfo=UTC)
"""20:54 in Berlin: the charge goes over the change from the day price to the night price at 22:00."""

PDF = b"%PDF-1.7 example"

# Any: rows have the columns of their table.
Row = dict[str, Any]


def seed(path: Path, *, empty: bool = False) -> None:
    """Make the database at `path` and fill it, or leave it empty."""
    engine = create_engine(f"sqlite:///{path}")
    t.metadata.create_all(engine)
    with engine.begin() as connection:
        for table, rows in ({} if empty else _rows()).items():
            for row in rows:
                connection.execute(_table(table).insert(), row)
    engine.dispose()


def write_values(path: Path, rows: list[Row]) -> None:
    """Add meter values, as a station's messages would."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(t.meter_value.insert(), rows)
    engine.dispose()


def value(transaction: int, at: datetime, energy_wh: int, power_w: int | None, context: str = "Sample.Periodic") -> Row:
    return {
        "transaction_id": transaction,
        "at": at,
        "context": context,
        "energy_wh": energy_wh,
        "power_w": power_w,
    }


def _table(name: str) -> Table:
    return t.metadata.tables[name]


def _rows() -> dict[str, list[Row]]:
    return {
        "operator": [_operator()],
        "customer": [_customer()],
        "id_token": _tokens(),
        "charge_point": _charge_points(),
        "evse": _evses(),
        "tariff_version": [_tariff()],
        "charging_transaction": _transactions(),
        "transaction_event": _events(),
        "meter_value": _values(),
        "rating": [_rating()],
        "cdr": [_cdr()],
        "invoice": _invoices(),
        "invoice_cdr": [{"cdr_id": 1, "invoice_id": 1}],
        "invoice_pdf": _pdfs(),
        "letter": _letters(),
    }


def _operator() -> Row:
    return {
        "id": "op",
        "name": "Stadtwerke Beispielstadt",
        "street": "Marktplatz 1",
        "postcode": "12345",
        "city": "Beispielstadt",
        "country": "DE",
        "vat_id": "DE123456788",
        "email": "laden@example.com",
        "phone": "+49 30 123456",
        "iban": "DE02120300000000202051",
        "bic": "BYLADEM1001",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "invoice_prefix": "RE-",
    }


def _customer() -> Row:
    return {
        "id": "c1",
        "operator_id": "op",
        "name": "Möbel Muster GmbH",
        "street": "Gewerbering 7",
        "postcode": "12345",
        "city": "Beispielstadt",
        "country": "DE",
        "vat_id": "",
        "email": "rechnung@example.com",
        "language": "de",
        "cycle": "month",
        "payment_days": 14,
    }


def _tokens() -> list[Row]:
    rows = [
        ("04A1B2C3D4E5F6", "Erika Mustermann", False, None),
        ("04D2E4F6A8B0C2", "Max Beispiel", False, None),
        ("04FFFFFFFFFF01", "Gesperrte Karte", True, None),
        ("04FFFFFFFFFF02", "Abgelaufene Karte", False, NOW - timedelta(days=1)),
    ]
    return [
        {
            "token": token,
            "operator_id": "op",
            "customer_id": "c1",
            "holder": holder,
            "blocked": blocked,
            "expires_at": expires,
        }
        for token, holder, blocked, expires in rows
    ]


def _charge_points() -> list[Row]:
    rows = [
        ("CP-RATHAUS", "Tiefgarage Rathaus", "Rathausstraße 3", NOW - timedelta(seconds=8)),
        ("CP-BAHNHOF", "P+R Bahnhof Nord", "Bahnhofsallee 21", NOW - timedelta(hours=3, minutes=20)),
        ("CP-NEU", EVIL, "Lagerplatz", None),
    ]
    return [
        {
            "id": id_,
            "operator_id": "op",
            "name": name,
            "street": street,
            "postcode": "12345",
            "city": "Beispielstadt",
            "password_hash": "",
            "vendor": "" if seen is None else "Example",
            "model": "" if seen is None else "Duo 22",
            "serial": "",
            "firmware": "" if seen is None else "0.1.0",
            "booted_at": seen,
            "seen_at": seen,
        }
        for id_, name, street, seen in rows
    ]


def _evses() -> list[Row]:
    rows = [
        ("CP-RATHAUS", 1, "Charging", "NoError", timedelta(minutes=72)),
        ("CP-RATHAUS", 2, "Available", "NoError", timedelta(hours=26)),
        ("CP-BAHNHOF", 1, "Charging", "NoError", timedelta(hours=4)),
        ("CP-BAHNHOF", 2, "Faulted", "GroundFailure", timedelta(hours=9)),
    ]
    return [
        {"charge_point_id": point, "evse_id": evse, "status": status, "error_code": code, "status_at": NOW - age}
        for point, evse, status, code, age in rows
    ]


def _tariff() -> Row:
    return {
        "id": "a" * 64,
        "operator_id": "op",
        "tariff_id": "day-night",
        "valid_from": NOW - timedelta(days=100),
        "body": _tariff_body(),
    }


def _transaction(number: int, point: str, evse: int, token: str, age: timedelta, register: int, **more: object) -> Row:
    row: Row = {
        "id": number,
        "charge_point_id": point,
        "operator_id": "op",
        "evse_id": evse,
        "id_token": token,
        "started_at": NOW - age,
        "meter_start": register,
        "ended_at": None,
        "meter_stop": None,
        "stop_reason": None,
        "state": "running",
        "held_reason": "",
        "tariff_version_id": "a" * 64,
        "tariff_reason": "customer c1 has day-night",
    }
    return row | more


def _transactions() -> list[Row]:
    erika, max_ = "04A1B2C3D4E5F6", "04D2E4F6A8B0C2"
    day = timedelta(days=1)
    return [
        _transaction(1, "CP-RATHAUS", 2, erika, 5 * day, 900_000, ended_at=NOW - 4.8 * day, meter_stop=911_250)
        | {"stop_reason": "Local", "state": "rated"},
        _transaction(RATED, "CP-RATHAUS", 1, erika, NOW - _RATED_AT, 1_000_000, meter_stop=1_021_480)
        | {"ended_at": _RATED_AT + timedelta(minutes=144), "stop_reason": "EVDisconnected", "state": "rated"},
        _transaction(ENDED_LATE, "CP-RATHAUS", 2, max_, timedelta(hours=9), 911_250, ended_at=NOW - timedelta(hours=7))
        | {"meter_stop": 930_000, "stop_reason": "Local", "state": "ended"},
        _transaction(HELD, "CP-BAHNHOF", 2, "04FFFFFFFFFF09", timedelta(hours=30), 50_000, state="held")
        | {"held_reason": f"the register falls from 58200 to 12 Wh between 14:01 and 14:03 {EVIL}"},
        _transaction(RUNNING, "CP-RATHAUS", 1, erika, timedelta(minutes=72), 1_021_480),
        _transaction(ELSEWHERE, "CP-BAHNHOF", 1, max_, timedelta(hours=4), 70_000),
    ]


def _event(number: int, transaction: int, kind: str, at: datetime, received_at: datetime, payload: Row) -> Row:
    stamp = at.isoformat().replace("+00:00", "Z")
    body = {"meterValue": [{"timestamp": stamp}]} if kind == "Updated" else {"timestamp": stamp}
    return {
        "transaction_id": transaction,
        "kind": kind,
        "message_id": f"m{number}",
        "received_at": received_at,
        "payload": json.dumps(body | payload),
    }


def _events() -> list[Row]:
    begin, end, online = NOW - timedelta(hours=9), NOW - timedelta(hours=7), NOW - timedelta(hours=5)
    direct = NOW - timedelta(minutes=72)
    return [
        _event(1, ENDED_LATE, "Started", begin, begin + timedelta(seconds=2), {"connectorId": 2}),
        _event(2, ENDED_LATE, "Updated", begin + timedelta(minutes=60), online, {}),
        _event(3, ENDED_LATE, "Ended", end, online + timedelta(seconds=3), {"reason": "Local"}),
        _event(4, RUNNING, "Started", direct, direct + timedelta(seconds=1), {"connectorId": 1}),
    ]


def _values() -> list[Row]:
    rows = []
    energy = Decimal(1_021_480)
    for minute in range(73):
        power = min(11_000, 2_000 + 900 * minute) if minute < 45 else max(3_600, 11_000 - 280 * (minute - 45))
        rows.append(value(RUNNING, NOW - timedelta(minutes=72 - minute), int(energy), power))
        energy += Decimal(power) / 60
    rows += [
        value(ENDED_LATE, NOW - timedelta(hours=9 - step / 4), 911_250 + int(step * 2343.75), 9_375)
        for step in range(9)
    ]
    rows += _rated_values()
    rows.append(value(HELD, NOW - timedelta(hours=29), 58_200, None))
    rows += [
        value(ELSEWHERE, NOW - timedelta(hours=4), 70_000, 0),
        value(ELSEWHERE, NOW - timedelta(hours=3, minutes=21), 74_310, 6_630),
    ]
    return rows


def _tariff_body() -> str:
    def element(price: str, start: str, end: str) -> Row:
        component = {"type": "ENERGY", "price": Decimal(price), "vat": Decimal(19), "step_size": 1}
        return {"price_components": [component], "restrictions": {"start_time": start, "end_time": end}}

    return canonical(
        {
            "country_code": "DE",
            "party_id": "EXA",
            "id": "day-night",
            "currency": "EUR",
            "tax_included": "YES",
            "elements": [element("0.49", "06:00", "22:00"), element("0.39", "22:00", "06:00")],
            "last_updated": "2026-07-01T00:00:00Z",
        }
    )


def _rated() -> Rating:
    points = [MeterPoint(row["at"], Wh(row["energy_wh"]), row["power_w"]) for row in _rated_values()]
    tariff = load_tariff(_tariff_body())
    return rate(cut(points, tariff, _ZONE), tariff, _ZONE, Policy())


def _rated_values() -> list[Row]:
    return [
        value(RATED, _RATED_AT + timedelta(minutes=12 * step), 1_000_000 + step * 1790, 8_950) for step in range(13)
    ]


def _rating() -> Row:
    rating = _rated()
    return {
        "transaction_id": RATED,
        "tariff_version_id": "a" * 64,
        "created_at": NOW,
        "reason": "first rating",
        "body": to_json(rating),
        "total_net": rating.total_net,
        "total_gross": rating.total_gross,
    }


def _document() -> Invoice:
    operator, customer = _operator(), _customer()
    session = RatedSession(
        cdr_id=1,
        transaction_id=RATED,
        charge_point="Tiefgarage Rathaus",
        address="Rathausstraße 3, 12345 Beispielstadt",
        evse_id=1,
        id_token=IdToken("04A1B2C3D4E5F6"),
        started_at=_RATED_AT,
        ended_at=_RATED_AT + timedelta(minutes=144),
        meter_start=Wh(1_000_000),
        meter_stop=Wh(1_021_480),
        tariff_id="day-night",
        tariff_version="a" * 64,
        rating=_rated(),
    )
    account = Account(_party(operator), _party(customer), operator["iban"], operator["bic"], _ZONE, "de", 14)
    return with_number(draft_invoice(account, Charges((session,)), NOW), INVOICE)


def _party(row: Row) -> Party:
    return Party(**{name: row.get(name, "") for name in Party.__match_args__})


def _cdr() -> Row:
    return {
        "transaction_id": RATED,
        "rating_id": 1,
        "operator_id": "op",
        "customer_id": "c1",
        "ended_at": _RATED_AT + timedelta(minutes=144),
        "body": "{}",
    }


def _invoices() -> list[Row]:
    document = _document()
    return [
        {
            "operator_id": "op",
            "customer_id": "c1",
            "number": number,
            "issued_at": NOW - timedelta(hours=2),
            "period_start": _RATED_AT,
            "period_end": NOW - timedelta(days=1),
            "currency": "EUR",
            "total_net": document.total_net,
            "total_gross": document.total_gross,
            "body": to_json(document) if number == INVOICE else "{}",
        }
        for number in (INVOICE, "RE-2026-000002", "RE/2026/3")
    ]


def _pdfs() -> list[Row]:
    return [{"invoice_id": number, "content": pdf, "next_at": NOW} for number, pdf in ((1, PDF), (2, PDF), (3, None))]


def _letters() -> list[Row]:
    rows: list[tuple[str, str, datetime | None, int, str]] = [
        (INVOICE, "sent", NOW - timedelta(hours=1), 250, "2.0.0 taken"),
        ("RE-2026-000002", "bounced", None, 550, "5.1.1 no such user"),
        ("RE/2026/3", "queued", None, 0, ""),
    ]
    values = {"customer": "Möbel Muster GmbH", "credit": False, "sessions": True, "preceding": [], "amount": "12.34"}
    values |= {"currency": "EUR", "start": "2026-10-01", "end": "2026-10-26", "due": "2026-11-10", "sample": False}
    return [
        {
            "key": number,
            "operator_id": "op",
            "purpose": "invoice",
            "document": number,
            "generation": 1,
            "recipients": json.dumps({"to": ["rechnung@example.com"], "cc": [], "name": "Möbel Muster GmbH"}),
            "language": "de",
            "template": "invoice",
            "body": json.dumps(values | {"number": number}),
            "state": state,
            "tries": 1,
            "next_at": NOW,
            "last_code": code,
            "last_text": text,
            "settled": "{}",
            "message_id": f"<{number}@example.com>",
            "token": f"{position:016x}",
            "created_at": NOW - timedelta(hours=2),
            "sent_at": sent_at,
        }
        for position, (number, state, sent_at, code, text) in enumerate(rows)
    ]
