import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.invoices.document_kind import format_number
from backend.core.invoices.invoice import (
    Charges,
    Correction,
    Invoice,
    InvoiceDraft,
    Preceding,
    RatedSession,
    draft_documents,
    draft_invoice,
    with_number,
)
from backend.core.invoices.invoice_check import problems
from backend.core.rates.rounding import cents
from backend.core.record import RecordError, from_json, to_json
from backend.core.tariffs.tariff import PriceBasis
from tests.unit.backend.billing_example import DAY_NIGHT, DAY_NIGHT_NET, EVENING, account, base_fee, session

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


BEFORE = Preceding("RE-2026-000001", date(2026, 10, 17))


def correction(before: Sequence[tuple[float, int]], now: Sequence[tuple[float, int]], tariff: Any = None) -> Correction:
    old, new = (session(1, registers, tariff or DAY_NIGHT) for registers in (before, now))
    return Correction(new, old.rating, BEFORE)


SMALL, MIDDLE, LARGE = (((0, 0), (50, 9_167), (150, energy)) for energy in (20_000, 27_500, 30_000))


@pytest.mark.parametrize("tariff", [DAY_NIGHT, DAY_NIGHT_NET])
def test_a_correction_takes_back_exactly_what_was_charged_and_charges_the_rest(tariff: dict[str, Any]) -> None:
    charges = Charges(corrections=(correction(MIDDLE, LARGE, tariff),))
    ((document, bears),) = draft_documents(account(), charges, LATER)
    assert (document.type_code, bears) == ("380", charges)
    assert problems(document) == ()
    old, new = (draft(session(1, registers, tariff)) for registers in (MIDDLE, LARGE))
    assert document.due == new.due - old.due
    assert document.total_net == new.total_net - old.total_net
    credited = [line for line in document.lines if line.credited]
    assert [(-o.quantity, -o.net) for o in credited] == [(o.quantity, o.net) for o in old.lines]
    assert all(line.net_unit_price > 0 for line in document.lines)
    assert document.preceding == (BEFORE,)


def test_what_is_not_owed_in_sum_is_a_credit_note_and_new_sessions_have_their_invoice() -> None:
    small = session(2, ((0, 0), (10, 1000)), start=EVENING + timedelta(days=5))
    charges = Charges((small,), (correction(MIDDLE, SMALL),))
    (note, bears), (invoice, rest) = draft_documents(account(), charges, LATER)
    assert (note.type_code, bears.sessions, invoice.type_code, rest.corrections) == ("381", (), "380", ())
    assert (note.due, note.owed, invoice.due) == (Decimal("2.93"), Decimal("-2.93"), Decimal("0.59"))
    assert [(line.credited, line.quantity > 0) for line in note.lines] == [(True, True)] * 2 + [(False, False)] * 2
    assert (note.total_net + note.total_vat + note.rounding, note.sessions[0].preceding) == (note.due, BEFORE)
    assert (problems(note), problems(invoice)) == ((), ())
    assert format_number("RE-K", 2026, 3) == "RE-K-2026-000003"
    assert from_json(Invoice, to_json(with_number(note, "RE-K-2026-000003"))).owed == Decimal("-2.93")


def test_a_small_credit_rides_on_an_invoice_that_is_larger() -> None:
    charges = Charges((session(2, start=EVENING + timedelta(days=5)),), (correction(MIDDLE, SMALL),))
    ((document, _),) = draft_documents(account(language="en"), charges, LATER)
    assert document.due == Decimal("12.56") - Decimal("2.93")
    assert document.lines[2].text == "Taken back: Energy"
    assert (document.period_start, document.period_end) == (date(2026, 10, 20), date(2026, 10, 20))
    assert problems(document) == ()


def test_what_became_free_is_given_back_in_full() -> None:
    ((note, _),) = draft_documents(account(), Charges(corrections=(correction(MIDDLE, ((0, 500), (9, 500))),)), LATER)
    assert (note.type_code, note.due) == ("381", Decimal("12.56"))
    assert problems(note) == ()


CREDIT = draft_documents(account(), Charges(corrections=(correction(MIDDLE, SMALL),)), LATER)[0][0]
FEE = base_fee()
WITH_FEE = draft_invoice(account(), Charges((session(1, tariff=DAY_NIGHT_NET),), fees=(FEE,)), LATER)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (replace(CREDIT, preceding=()), "the invoices that it corrects are not those that its sessions name"),
        (
            replace(CREDIT, preceding=(), sessions=(replace(CREDIT.sessions[0], preceding=None),)),
            "a credit note charges",
        ),
        (
            replace(CREDIT, sessions=(replace(CREDIT.sessions[0], preceding=None),), preceding=()),
            "line 1: it takes back what no invoice charged",
        ),
        (replace(CREDIT, fees=WITH_FEE.fees), "a credit note gives back what an invoice charged, and nothing else"),
        (replace(CREDIT, issued_on=date(2026, 10, 1)), "it corrects the invoice 'RE-2026-000001' of 2026-10-17"),
        (replace(CREDIT, due=-CREDIT.due), "the amount due is negative"),
        (replace(WITH_FEE, fees=WITH_FEE.fees * 2), "a base fee is on it twice"),
        (replace(WITH_FEE, fees=()), "its base fees are not on one line each"),
        (replace(WITH_FEE, period_end=date(2026, 10, 30)), "the base fee of Vertrag C-1001 from 2026-10-01 to"),
        (
            replace(WITH_FEE, lines=(*WITH_FEE.lines[:-1], replace(WITH_FEE.lines[-1], fee=None))),
            "line 3: it is neither",
        ),
    ],
)
def test_bad_correction_or_fee_is_blocked_with_the_reason(bad: InvoiceDraft, reason: str) -> None:
    assert (problems(CREDIT), problems(WITH_FEE)) == ((), ())
    assert any(found.startswith(reason) for found in problems(bad)), problems(bad)


@pytest.mark.parametrize(
    ("tariff", "net", "gross", "due"),
    [
        ({}, "4.99", None, "5.94"),
        ({"tax_included": "YES"}, "4.99", "5.94", "5.94"),
        ({"x_graduated": {"tiers": [{"price": 1}], "base_fee_gross": 5}}, "4.20", None, "5.00"),
        (
            {"tax_included": "YES", "x_graduated": {"tiers": [{"price": 1}], "base_fee_gross": 5}},
            "4.20",
            "5.00",
            "5.00",
        ),
    ],
)
def test_a_fee_is_billed_in_the_price_basis_of_its_tariff(
    tariff: dict[str, Any], net: str, gross: str | None, due: str
) -> None:
    document = draft_invoice(account(), Charges(fees=(base_fee(tariff),)), LATER)
    (line,) = document.lines
    assert (str(line.net), line.gross, str(document.due)) == (net, None if gross is None else Decimal(gross), due)
    assert (line.text, line.unit) == ("Grundgebühr 01.10.2026 – 31.10.2026, Vertrag C-1001", "C62")
    assert problems(document) == ()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 60_000)), min_size=1, max_size=6),
    st.sampled_from([DAY_NIGHT, DAY_NIGHT_NET]),
)
def test_any_corrections_pass_the_check_and_sum_to_what_is_right(
    energies: list[tuple[int, int]], tariff: dict[str, Any]
) -> None:
    corrections = tuple(
        correction(((0, 0), (47, before // 3), (131, before)), ((0, 0), (47, now // 3), (131, now)), tariff)
        for before, now in energies
    )
    corrections = tuple(
        replace(one, session=replace(one.session, transaction_id=i)) for i, one in enumerate(corrections)
    )
    for document, _ in draft_documents(account(), Charges(corrections=corrections), LATER):
        assert problems(document) == (() if document.lines else ("it charges nothing",))
        assert document.due >= 0
        if document.basis is PriceBasis.GROSS:
            assert document.owed == sum(one.session.rating.total_gross - one.before.total_gross for one in corrections)
        else:
            before = [billed_net(replace(one.session, rating=one.before)) for one in corrections]
            net = sum(map(billed_net, (one.session for one in corrections)), Decimal(0)) - sum(before, Decimal(0))
            assert document.owed == net + cents(net * 19 / 100)


def billed_net(session: RatedSession) -> Decimal:
    """What the lines of an invoice charge for a session, each rounded to the cent."""
    return sum((line.net for line in draft_invoice(account(), Charges(sessions=(session,)), LATER).lines), Decimal(0))


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


def test_an_invoice_of_before_is_read_as_it_was_stored() -> None:
    invoice = with_number(draft(session()), "RE-2026-000017")
    old = json.loads(to_json(invoice))
    for added in ("fees", "preceding"):
        del old[added]
    for line in old["lines"]:
        del line["credited"], line["fee"]
    for proof in old["sessions"]:
        del proof["preceding"]
    assert from_json(Invoice, json.dumps(old)) == invoice


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
