from dataclasses import replace
from datetime import date

import pytest

from backend.core.invoices.billing_profile import DirectDebit
from backend.core.payments.direct_debit import (
    Mandate,
    Scheme,
    announce,
    choose_mandate,
    collection_problem,
    unusable,
)

MANDATE = Mandate(
    id=1,
    customer_id="C-1",
    reference="M-1",
    scheme=Scheme.CORE,
    recurrent=True,
    signed_on=date(2026, 1, 31),
    iban="DE02120300000000202051",
    bic="",
    holder="Erika Müller",
    evidence="text 3, checkbox 2026-01-31T10:00+01:00",
)
DAY = date(2026, 11, 3)


@pytest.mark.parametrize(
    ("change", "on", "reason"),
    [
        ({}, DAY, None),
        ({"revoked_on": DAY}, DAY, "revoked"),
        ({"revoked_on": date(2026, 11, 4)}, DAY, None),
        ({"paused": "AC04"}, DAY, "paused"),
        ({"recurrent": False}, DAY, None),
        ({"recurrent": False, "last_used_on": date(2026, 2, 2)}, DAY, "used_up"),
        ({"signed_on": date(2026, 11, 4)}, DAY, "not_yet"),
        ({}, date(2029, 1, 30), None),
        ({}, date(2029, 1, 31), "expired"),
        ({"last_used_on": date(2027, 5, 3)}, date(2029, 1, 31), None),
        ({"last_used_on": date(2027, 5, 3)}, date(2030, 5, 3), "expired"),
    ],
)
def test_why_a_mandate_may_not_be_used(change: dict[str, object], on: date, reason: str | None) -> None:
    assert unusable(replace(MANDATE, **change), on) == reason  # type: ignore[arg-type]  # of several types


def test_a_mandate_signed_on_a_leap_day_expires_after_february() -> None:
    assert replace(MANDATE, signed_on=date(2028, 2, 29)).expires_on == date(2031, 3, 1)


def test_the_mandate_signed_last_is_chosen() -> None:
    later = replace(MANDATE, id=2, reference="M-2", signed_on=date(2026, 8, 1))
    assert choose_mandate([later, MANDATE], DAY) == later
    assert choose_mandate([replace(later, paused="MD01"), MANDATE], DAY) == MANDATE
    assert choose_mandate([], DAY) is None


def test_an_invoice_announces_its_mandate() -> None:
    saturday = date(2026, 10, 31)
    wanted = DirectDebit("DE98ZZZ09999999999", "M-1", MANDATE.iban)
    assert announce("DE98ZZZ09999999999", [MANDATE], saturday) == wanted
    assert announce("", [MANDATE], saturday) is None
    assert announce("DE98ZZZ09999999999", [], saturday) is None


def test_collection_days() -> None:
    assert "is not after today" in collection_problem(DAY, DAY)
    assert "choose 2026-11-02" in collection_problem(date(2026, 10, 31), date(2026, 10, 30))
    assert collection_problem(DAY, date(2026, 11, 2)) == ""


def test_sequences() -> None:
    assert MANDATE.sequence == "RCUR"
    assert replace(MANDATE, recurrent=False).sequence == "OOFF"
