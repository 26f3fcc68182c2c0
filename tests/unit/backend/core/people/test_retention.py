"""How long things are kept: ends of years, leap years, what goes and what remains."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from backend.core.people.retention import (
    Facts,
    Part,
    Periods,
    add_months,
    due_before,
    forget_token,
    from_end_of_year,
    plan_erasure,
    vouchers_due_before,
)
from backend.core.people.retention_texts import LANGUAGES, part_text

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2026, 1, 1), date(2035, 1, 1)),
        (date(2026, 12, 31), date(2035, 1, 1)),
        (date(2024, 2, 29), date(2033, 1, 1)),
    ],
)
def test_vouchers_are_kept_from_the_end_of_the_year(day: date, until: date) -> None:
    assert from_end_of_year(day, 8) == until


@pytest.mark.parametrize(
    ("day", "months", "result"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2023, 2, 28), 12, date(2024, 2, 28)),
        (date(2026, 10, 31), 14, date(2027, 12, 31)),
        (date(2026, 12, 31), 14, date(2028, 2, 29)),
        (date(2026, 1, 31), -2, date(2025, 11, 30)),
        (date(2026, 12, 15), 0, date(2026, 12, 15)),
    ],
)
def test_months_end_where_there_is_no_such_day(day: date, months: int, result: date) -> None:
    assert add_months(day, months) == result


def test_the_year_ends_at_local_midnight() -> None:
    new_year = datetime(2034, 12, 31, 23, 0, tzinfo=UTC)
    assert vouchers_due_before(new_year, BERLIN, 8) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert vouchers_due_before(new_year.replace(minute=0, hour=22), BERLIN, 8) == datetime(2025, 12, 31, 23, tzinfo=UTC)


def test_months_end_at_local_midnight() -> None:
    assert due_before(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), BERLIN, 12) == datetime(2025, 7, 1, 22, tzinfo=UTC)


def test_what_goes_and_what_remains() -> None:
    facts = Facts(
        profile=1,
        tokens=1,
        sessions=2,
        billed_sessions=3,
        invoices=1,
        last_invoice=date(2026, 3, 1),
        mandates_used=1,
        last_debit=date(2026, 10, 31),
    )
    plan = plan_erasure(facts, Periods(), TODAY)
    assert not plan.blockers
    assert plan.goes == (Part("profile", 1), Part("tokens", 1), Part("sessions", 2))
    assert plan.remains == (
        Part("invoices", 1, date(2035, 1, 1)),
        Part("billed_sessions", 3, date(2035, 1, 1)),
        Part("mandates_used", 1, date(2027, 12, 31)),
    )
    assert plan.restricted_until == date(2035, 1, 1)


def test_what_is_under_way_blocks() -> None:
    plan = plan_erasure(Facts(running=1, unsettled=2), Periods(), TODAY)
    assert plan.blockers == (Part("running", 1), Part("unsettled", 2))
    assert plan.restricted_until is None


def test_each_part_has_words() -> None:
    everything = Facts()
    for name in Facts.__slots__:
        if name not in ("last_invoice", "last_debit"):
            object.__setattr__(everything, name, 1)
    plan = plan_erasure(everything, Periods(), TODAY)
    told = [part_text(part, language) for part in (*plan.blockers, *plan.goes, *plan.remains) for language in LANGUAGES]
    assert len(set(told)) == 2 * (len(Facts.__slots__) - 2)
    assert part_text(Part("invoices", 2, date(2035, 1, 1)), "de") == "2 × Rechnungen und Belege, bis 2035-01-01"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('{"idTag":"04AB","reason":"04AB"}', '{"idTag":"erased-7","reason":"04AB"}'),
        ('{"idToken":{"idToken":"04AB","type":"ISO14443"}}', '{"idToken":{"idToken":"erased-7","type":"ISO14443"}}'),
        ('[{"cdr_token":{"uid":"04AB"},"n":1.50}]', '[{"cdr_token":{"uid":"erased-7"},"n":1.5}]'),
        ('{"transactionId":3}', '{"transactionId":3}'),
    ],
)
def test_tokens_go_and_nothing_else(text: str, result: str) -> None:
    assert forget_token(text, "erased-7") == result
