"""What a payment is for: many ways in which people and banks write, and what must not be taken for sure."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.payments.bank_entry import BankEntry
from backend.core.payments.matching import Books, Collection, Part, propose
from backend.core.payments.open_item import OpenItem

IBAN, ERIKA, OTTO = "DE02120300000000202051", "DE02500105170137075030", "DE02100500000054540402"


def item(count: int, amount: str, customer: str = "C-1", name: str = "Erika Müller") -> OpenItem:
    return OpenItem(
        invoice_id=count,
        number=f"RE-2026-{count:06}",
        operator_id="acme",
        customer_id=customer,
        customer=name,
        due_on=date(2026, 11, 1),
        currency="EUR",
        amount=Decimal(amount),
    )


ONE, TWO, OTTOS = item(123, "77.29"), item(124, "20.00"), item(125, "33.10", "C-2", "Otto Beispiel GmbH")
BOOKS = Books(
    items=(ONE, TWO, OTTOS),
    holders={ERIKA: frozenset({"C-1"}), OTTO: frozenset({"C-2"})},
    settled={"RE-2026-000007": "C-2"},
)


def entry(amount: str, purpose: str = "", **more: str) -> BankEntry:
    values: dict[str, Any] = {"name": "", "iban": "", "end_to_end": "", "message_id": "", "currency": "EUR"} | more
    return BankEntry(account=IBAN, booked_on=date(2026, 11, 5), amount=Decimal(amount), purpose=purpose, **values)


def best(one: BankEntry, books: Books = BOOKS) -> tuple[str, bool, list[tuple[str, str]]]:
    found = propose(one, one.amount, books)
    if not found:
        return "", False, []
    return found[0].reason, found[0].sure, [(part.number[-3:], str(part.amount)) for part in found[0].parts]


@pytest.mark.parametrize(
    "purpose",
    [
        "RE-2026-000123",
        "Rechnung RE-2026-000123 vom 01.11.2026",
        "re 2026 000123",
        "RE2026000123",
        "RE-2026-0001 23",  # wrapped by the bank
        "SVWZ+RE-2026-000123ABWA+ERIKA",
        "Kd 4711 RE/2026/000123 77,29 EUR",
        "RE_2026_000123",
        "RE-2026-\n000123",
        "2026-000123",
        "Rg. 2026/123",
        "Rechnung Nr 2026 - 123",
    ],
)
def test_a_number_is_found_however_it_is_written(purpose: str) -> None:
    reason, sure, parts = best(entry("77.29", purpose))
    assert (sure, parts) == (True, [("123", "77.29")])
    assert reason in ("number", "number_loose")


@pytest.mark.parametrize("purpose", ["RE-2026-0001234", "2026-1234", "12026-000123", "000123", "123"])
def test_a_longer_number_is_another_one(purpose: str) -> None:
    reason, sure, _ = best(entry("50.00", purpose))
    assert (reason, sure) == ("", False)


@pytest.mark.parametrize(
    ("given_entry", "reason", "sure", "parts"),
    [
        (entry("77.29", end_to_end="RE-2026-000123"), "end_to_end", True, [("123", "77.29")]),
        (entry("50.00", end_to_end="RE-2026-000123"), "end_to_end_amount", True, [("123", "50.00")]),
        (entry("80.00", end_to_end="RE-2026-000123"), "end_to_end_amount", False, [("123", "77.29"), ("", "2.71")]),
        (entry("97.29", "RE-2026-000123 und RE-2026-000124"), "number", True, [("123", "77.29"), ("124", "20.00")]),
        (entry("40.00", "RE-2026-000123"), "number_partly", True, [("123", "40.00")]),
        (
            entry("90.00", "RE-2026-000123, RE-2026-000124"),
            "number_partly",
            False,
            [("123", "77.29"), ("124", "12.71")],
        ),
        (entry("100.00", "RE-2026-000123"), "number_more", False, [("123", "77.29"), ("", "22.71")]),
        (entry("100.00", "RE-2026-000123", iban=ERIKA), "number_more", True, [("123", "77.29"), ("", "22.71")]),
        (
            entry("100.00", "RE-2026-000123", name="Müller, Erika"),
            "number_more",
            True,
            [("123", "77.29"), ("", "22.71")],
        ),
        (entry("50.00", "Rg 2026/123"), "number_loose_partly", False, [("123", "50.00")]),
        (
            entry("90.00", "RE-2026-000123 RE-2026-000125"),
            "number_several",
            False,
            [("123", "77.29"), ("125", "12.71")],
        ),
        (entry("110.39", "RE-2026-000123 RE-2026-000125"), "number", True, [("123", "77.29"), ("125", "33.10")]),
        (entry("77.29", "Strom", iban=ERIKA), "account_amount", True, [("123", "77.29")]),
        (entry("97.29", "Strom", iban=ERIKA), "account_total", True, [("123", "77.29"), ("124", "20.00")]),
        (entry("30.00", "Strom", iban=ERIKA), "account_oldest", False, [("123", "30.00")]),
        (entry("12.00", "RE-2026-000007"), "settled", False, [("", "12.00")]),
        (entry("33.10", "danke", name="Beispiel Otto"), "amount", False, [("125", "33.10")]),
        (entry("33.10", "danke", name="OTTO BEISPIEL GMBH"), "name_amount", False, [("125", "33.10")]),
        (entry("99.99", "Gehalt"), "", False, []),
        (entry("77.29", "RE-2026-000123", currency="CHF"), "", False, []),
    ],
)
def test_proposals(given_entry: BankEntry, reason: str, sure: bool, parts: list[tuple[str, str]]) -> None:
    assert best(given_entry) == (reason, sure, parts)


def test_an_account_of_two_customers_is_not_sure() -> None:
    shared = replace(BOOKS, holders={ERIKA: frozenset({"C-1", "C-2"})})
    found = propose(entry("77.29", "Strom", iban=ERIKA), Decimal("77.29"), shared)
    assert not found[0].sure


def test_two_documents_of_one_amount_are_not_sure_without_a_number() -> None:
    books = replace(BOOKS, items=(ONE, item(126, "77.29")))
    assert best(entry("77.29", "Strom", iban=ERIKA), books)[:2] == ("account_oldest", False)


def test_the_money_of_a_batch_is_known_by_its_name_only() -> None:
    parts = (Part(123, ONE.number, "C-1", Decimal("77.29")), Part(125, OTTOS.number, "C-2", Decimal("33.10")))
    books = replace(BOOKS, collections=(Collection(4, "DD-1", date(2026, 11, 4), parts),))
    found = propose(entry("110.39", "Sammler", message_id="DD-1"), Decimal("110.39"), books)
    assert (found[0].reason, found[0].sure, found[0].batch_id) == ("batch", True, 4)
    assert best(entry("110.39", "Sammler"), books)[:2] == ("batch_total", False)
    assert best(entry("110.38", "Sammler", message_id="DD-1"), books) == ("", False, [])


@given(st.integers(min_value=1, max_value=50_000), st.text(max_size=60), st.sampled_from(["", ERIKA, OTTO, IBAN]))
def test_parts_always_sum_up_to_the_payment(cents: int, purpose: str, iban: str) -> None:
    amount = Decimal(cents).scaleb(-2)
    for words in (purpose, f"{purpose} RE-2026-000123", f"RE-2026-000124{purpose}RE-2026-000125"):
        for proposal in propose(entry(str(amount), words, iban=iban), amount, BOOKS):
            assert sum(part.amount for part in proposal.parts) == amount
            by_id = {one.invoice_id: one for one in BOOKS.items}
            assert all(part.amount <= by_id[part.invoice_id].open for part in proposal.parts if part.invoice_id)
