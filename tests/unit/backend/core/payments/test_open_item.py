from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.payments.open_item import BookingError, BookingKind, OpenItem, ages, check_booking, spread

TODAY = date(2026, 11, 20)
ITEM = OpenItem(
    invoice_id=1,
    number="RE-2026-000001",
    operator_id="acme",
    customer_id="C-1",
    customer="Erika",
    due_on=date(2026, 11, 10),
    currency="EUR",
    amount=Decimal("77.29"),
)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "due"),
        ({"due_on": TODAY}, "open"),
        ({"dunning_level": 1}, "reminded"),
        ({"dunning_level": 2}, "dunned_1"),
        ({"dunning_level": 3}, "dunned_2"),
        ({"dunning_level": 4}, "handed_over"),
        ({"booked": Decimal("-77.29")}, "paid"),
        ({"booked": Decimal("-77.29"), "dunning_level": 2}, "paid"),
        ({"booked": Decimal("-77.30")}, "overpaid"),
        ({"amount": Decimal("-9.76")}, "credit"),
    ],
)
def test_states(change: dict[str, object], state: str) -> None:
    assert replace(ITEM, **change).state(TODAY) == state  # type: ignore[arg-type]  # of several types


@pytest.mark.parametrize(
    ("open_amount", "kind", "amount", "words"),
    [
        ("20.00", BookingKind.PAYMENT, "-30.00", "has 20.00 open: 30.00 is more"),
        ("0.00", BookingKind.PAYMENT, "-0.01", "has 0.00 open"),
        ("-5.00", BookingKind.PAYMENT, "-1.00", "has -5.00 open"),
        ("20.00", BookingKind.PAYMENT, "30.00", "wrong sign"),
        ("20.00", BookingKind.WRITE_OFF, "-20.01", "20.01 is more"),
        ("-5.00", BookingKind.REFUND, "5.01", "has 5.00 to give back: 5.01 is more"),
        ("20.00", BookingKind.ALLOCATION, "1.00", "to give back"),
        ("20.00", BookingKind.PAYMENT, "0.00", "can't be booked"),
        ("20.00", BookingKind.PAYMENT, "-1.005", "can't be booked"),
        ("20.00", BookingKind.RETURN, "-1.00", "wrong sign"),
    ],
)
def test_no_booking_carries_an_item_past_zero(open_amount: str, kind: BookingKind, amount: str, words: str) -> None:
    with pytest.raises(BookingError, match=words):
        check_booking("RE-1", Decimal(open_amount), kind, Decimal(amount))


def test_what_fits_is_taken() -> None:
    check_booking("RE-1", Decimal(20), BookingKind.PAYMENT, Decimal(-20))
    check_booking("RE-1", Decimal(0), BookingKind.RETURN, Decimal(20))
    check_booking("RE-1", Decimal(20), BookingKind.FEE, Decimal(3))
    check_booking("RE-1", Decimal(-5), BookingKind.ALLOCATION, Decimal(5))


amounts = st.integers(min_value=-100_000, max_value=100_000).map(lambda cents: Decimal(cents).scaleb(-2))


@given(st.integers(min_value=1, max_value=300_000), st.lists(amounts, max_size=8))
def test_a_payment_is_spread_without_loss_and_never_past_zero(cents: int, opens: list[Decimal]) -> None:
    amount = Decimal(cents).scaleb(-2)
    items = [
        replace(ITEM, invoice_id=i, amount=one, due_on=date(2026, 11, 1 + i % 3)) for i, one in enumerate(opens, 1)
    ]
    shares, rest = spread(amount, items)
    assert sum(share for _, share in shares) + rest == amount
    assert all(0 < share <= item.open for item, share in shares)
    assert rest == 0 or all(item.open == share for item, share in shares)
    assert [item.due_on for item, _ in shares] == sorted(item.due_on for item, _ in shares)


def test_ages() -> None:
    items = [replace(ITEM, due_on=date(2026, 11, day), amount=Decimal(1)) for day in (20, 19)] + [
        replace(ITEM, due_on=date(2026, 8, 1)),
        replace(ITEM, amount=Decimal("-5.00")),
    ]
    found = ages(items, Decimal("2.00"), TODAY)
    assert found.bands == (Decimal(1), Decimal(1), Decimal(0), Decimal(0), Decimal("77.29"))
    assert (found.credit, found.total) == (Decimal("7.00"), Decimal("72.29"))
