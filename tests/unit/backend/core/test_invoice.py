from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.invoice import (
    Charges,
    Invoice,
    InvoiceDraft,
    RatedSession,
    draft_invoice,
    format_number,
    with_number,
)
from backend.core.invoice_check import is_iban, problems
from backend.core.record import RecordError, from_json, to_json
from backend.core.tariff import PriceBasis
from tests.unit.backend.billing_example import DAY_NIGHT, DAY_NIGHT_NET, EVENING, account, session

LATER = EVENING + timedelta(days=20)


def draft(*sessions: RatedSession, **changes: Any) -> InvoiceDraft:
    return draft_invoice(account(**changes), Charges(sessions), LATER)


def test_session_has_a_line_per_price() -> None:
    document = draft(session())
    assert [(line.text, line.quantity, line.unit, line.unit_price, line.gross) for line in document.lines] == [
        ("Ladestrom", Decimal("9.167"), "KWH", Decimal("0.59"), Decimal("5.41")),
        ("Ladestrom (22:00–06:00 Uhr)", Decimal("18.333"), "KWH", Decimal("0.39"), Decimal("7.15")),
    ]
    assert problems(document) == ()


def test_gross_prices_keep_the_promised_total() -> None:
    document = draft(session(1), session(2), session(3))
    assert document.due == 3 * Decimal("12.56")
    assert document.total_net == sum((line.net for line in document.lines), Decimal(0))
    assert document.total_net + document.total_vat + document.rounding == document.due


def test_cent_between_tax_and_promise_is_shown_as_rounding() -> None:
    # 0.09 gross: net 0.08 (0.0756), VAT 0.02 (0.0152): a cent more than promised
    cheap = session(1, ((0, 0), (10, 1)), {**DAY_NIGHT, "elements": [{"price_components": [PER_KWH_90]}]})
    document = draft(cheap)
    assert (document.total_net, document.total_vat, document.rounding, document.due) == (
        Decimal("0.08"),
        Decimal("0.02"),
        Decimal("-0.01"),
        Decimal("0.09"),
    )
    assert problems(document) == ()


PER_KWH_90 = {"type": "ENERGY", "price": 90, "vat": 19}


def test_net_prices_are_rounded_per_line_and_taxed_once() -> None:
    document = draft(session(1, tariff=DAY_NIGHT_NET), session(2, tariff=DAY_NIGHT_NET))
    assert [line.net for line in document.lines] == [Decimal("5.41"), Decimal("7.15")] * 2
    assert (document.total_net, document.total_vat, document.due) == (
        Decimal("25.12"),
        Decimal("4.77"),
        Decimal("29.89"),
    )
    assert document.rounding == 0
    assert problems(document) == ()


def test_other_units_and_price_limits_stand_on_lines_of_their_own() -> None:
    tariff = {
        "id": "mix",
        "currency": "EUR",
        "max_price": {"excl_vat": 5, "incl_vat": 5.95},
        "elements": [
            {
                "price_components": [
                    {"type": "FLAT", "price": 0.5, "vat": 19},
                    {"type": "ENERGY", "price": 0.4, "vat": 19},
                    {"type": "TIME", "price": 6, "vat": 19},
                    {"type": "PARKING_TIME", "price": 1.9, "vat": 19},
                ]
            }
        ],
    }
    document = draft(session(1, ((0, 0), (10, 2000), (45, 2000)), tariff), language="en")
    assert [(line.text, line.quantity, line.unit, line.unit_price, line.net) for line in document.lines] == [
        ("Start fee", Decimal(1), "C62", Decimal("0.5"), Decimal("0.50")),
        ("Energy", Decimal(2), "KWH", Decimal("0.4"), Decimal("0.80")),
        ("Charging time", Decimal(10), "MIN", Decimal("0.1"), Decimal("1.00")),
        ("Time connected without charging", Decimal("0.5833"), "HUR", Decimal("1.9"), Decimal("1.11")),
    ]
    assert problems(document) == ()
    limited = draft(session(1, ((0, 0), (60, 20000)), tariff))
    assert limited.lines[-1].text == "Nachlass auf den Höchstpreis"
    assert limited.lines[-1].quantity == -1
    assert limited.total_net == Decimal("5.00")
    assert problems(limited) == ()


def test_proof_tells_times_registers_and_masked_token() -> None:
    (proof,) = draft(session()).sessions
    assert (proof.meter_start, proof.meter_stop, proof.energy_kwh) == (1_000_000, 1_027_500, Decimal("27.500"))
    assert proof.started_at.isoformat() == "2026-10-15T21:10:00+02:00"
    assert proof.token == "***F6"
    assert not proof.interpolated
    assert proof.reasons[1] == "Ladestrom 18,333 kWh × 0,39 EUR/kWh (22:00–06:00 Uhr)"


def test_interpolated_register_is_told() -> None:
    document = draft(session(1, ((0, 0), (100, 10_000))))
    assert document.sessions[0].interpolated
    assert all(line.interpolated for line in document.lines)


def test_dates_are_local_to_the_seller() -> None:
    late = session(start=datetime(2026, 10, 31, 22, 30, tzinfo=UTC))  # 23:30, on to the first of November
    document = draft_invoice(account(), Charges((late,)), datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert (document.period_start, document.period_end) == (date(2026, 10, 31), date(2026, 11, 1))
    assert (document.issued_on, document.due_on) == (date(2027, 1, 1), date(2027, 1, 15))


def test_invoice_survives_its_json() -> None:
    invoice = with_number(draft(session()), format_number("RE", 2026, 17))
    assert invoice.number == "RE-2026-000017"
    text = to_json(invoice)
    assert from_json(Invoice, text) == invoice
    assert to_json(from_json(Invoice, text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Invoice is not JSON"),
        ("{}", "is missing"),
        ('{"number": 5}', "is missing"),
        ("[]", "Invoice = .* is no Invoice"),
    ],
)
def test_damaged_json_is_named(text: str, said: str) -> None:
    with pytest.raises(RecordError, match=said):
        from_json(Invoice, text)


def test_wrong_type_in_json_is_named() -> None:
    text = to_json(with_number(draft(session()), "RE-2026-000001"))
    with pytest.raises(RecordError, match=r"Invoice.lines\[0\].quantity = 'x' is no Decimal"):
        from_json(Invoice, text.replace('"9.167"', '"x"', 1))


GOOD = draft(session(1), session(2, start=EVENING + timedelta(days=1)))
SELLER, BUYER = GOOD.seller, GOOD.buyer


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (replace(GOOD, seller=replace(SELLER, vat_id=" ")), "seller: vat_id is missing"),
        (replace(GOOD, seller=replace(SELLER, phone="n/a")), "seller: the phone number has fewer than three digits"),
        (replace(GOOD, buyer=replace(BUYER, city="")), "buyer: city is missing"),
        (replace(GOOD, buyer=replace(BUYER, email="erika")), "buyer: 'erika' is no e-mail address"),
        (
            replace(GOOD, buyer=replace(BUYER, name="Eri\x00ka")),
            "buyer: name has a character that can't be printed: U+0000",
        ),
        (replace(GOOD, buyer=replace(BUYER, name="漢字")), "buyer: name has a character that can't be printed: U+6F22"),
        (
            replace(GOOD, sessions=(replace(GOOD.sessions[0], charge_point="⚡ 1"), GOOD.sessions[1])),
            r"session 1: '\u26a1 1' has a character that can't be printed: U+26A1",
        ),
        (replace(GOOD, iban="DE02120300000000202052"), "seller: the IBAN 'DE02120300000000202052' is not valid"),
        (replace(GOOD, language="fr"), "the language 'fr' is not one of de, en"),
        (replace(GOOD, due_on=GOOD.issued_on - timedelta(days=1)), "it is due before it is issued"),
        (replace(GOOD, sessions=()), "it has neither sessions nor base fees"),
        (replace(GOOD, sessions=(GOOD.sessions[0],) * 2), "a session is on it twice"),
        (replace(GOOD, period_end=GOOD.period_start), "session 2 lies outside the period"),
        (
            replace(GOOD, sessions=(replace(GOOD.sessions[0], meter_stop=0), GOOD.sessions[1])),
            "session 1: 27.500 kWh, but the registers say -1000.000 kWh",
        ),
        (replace(GOOD, total_net=Decimal("1.00")), "the net total is 1.00, its parts sum to 21.11"),
        (replace(GOOD, rounding=Decimal("0.05")), "the rounding of 0.05 is more than 0.01"),
        (
            replace(GOOD, lines=(replace(GOOD.lines[0], vat=None), *GOOD.lines[1:])),
            "line 1: the tariff names no VAT rate for it; give the price component a vat",
        ),
        (
            replace(GOOD, lines=(replace(GOOD.lines[0], unit="kWh"), *GOOD.lines[1:])),
            "line 1: the unit 'kWh' is not one",
        ),
        (
            replace(GOOD, lines=(replace(GOOD.lines[0], net_unit_price=Decimal(2)), *GOOD.lines[1:])),
            "line 1: 9.167 × 2 is not 4.55",
        ),
    ],
)
def test_bad_draft_is_blocked_with_the_reason(bad: InvoiceDraft, reason: str) -> None:
    assert problems(GOOD) == ()
    assert any(found.startswith(reason) for found in problems(bad)), problems(bad)


@pytest.mark.parametrize(
    ("iban", "valid"),
    [
        ("DE02120300000000202051", True),
        ("de02 1203 0000 0000 2020 51", True),
        ("DE03120300000000202051", False),
        ("", False),
        ("DE0212030000000020205١", False),
    ],
)
def test_iban_is_checked(iban: str, valid: bool) -> None:
    assert is_iban(iban) is valid


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 60_000), min_size=1, max_size=12),
    st.sampled_from([DAY_NIGHT, DAY_NIGHT_NET]),
)
def test_any_invoice_passes_its_check_and_keeps_the_promise(energies: list[int], tariff: dict[str, Any]) -> None:
    sessions = [
        session(i, ((0, 0), (47, energy // 3), (131, energy)), tariff, EVENING + timedelta(days=i))
        for i, energy in enumerate(energies)
    ]
    document = draft(*sessions)
    assert problems(document) == ()
    if document.basis is PriceBasis.GROSS:
        assert document.due == sum((s.rating.total_gross for s in sessions), Decimal(0))
    energy_lines = sum((line.quantity for line in document.lines), Decimal(0))
    assert energy_lines == sum((proof.energy_kwh for proof in document.sessions), Decimal(0))
