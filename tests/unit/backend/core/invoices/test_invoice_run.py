from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from backend.core.invoices.billing_period import Cycle, Group, Source, Unbilled
from backend.core.invoices.invoice_run import DraftKey, Sifted, sift, slot_of

BERLIN = ZoneInfo("Europe/Berlin")
TEN = {"C-1": Decimal(10)}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def group(start: str, amount: str, number: int = 1, value: str = "", cycle: Cycle = Cycle.MONTH) -> Group:
    begin = at(start)
    end = begin + timedelta(hours=1)
    return (Unbilled(Source.SESSION, number, "C-1", cycle, BERLIN, begin, end, value, Decimal(amount)),)


def run(now: str, *groups: Group, thresholds: Mapping[str, Decimal] | None = None, carry: int = 92) -> Sifted:
    limits = TEN if thresholds is None else thresholds
    later = timedelta(days=carry)
    return sift(groups, limits, at(now).astimezone(UTC), carry=later, grace=timedelta(hours=1))


MARCH, APRIL = group("2026-03-05 10:00", "4.00", 1), group("2026-04-05 10:00", "7.00", 2)


def test_small_amounts_wait_and_go_out_with_what_follows() -> None:
    alone = run("2026-04-02 00:00", MARCH)
    assert alone.due == ()
    (carried,) = alone.carried
    assert (carried.amount, carried.latest) == (Decimal("4.00"), at("2026-07-02 01:00"))
    both = run("2026-05-02 00:00", APRIL, MARCH)
    assert both == Sifted(((*MARCH, *APRIL),), ())


def test_what_is_not_small_does_not_take_later_periods_along() -> None:
    big = group("2026-03-05 10:00", "10.00")
    found = run("2026-05-02 00:00", big, APRIL)
    assert found.due == (big,)
    assert [one.group for one in found.carried] == [APRIL]


def test_who_has_no_threshold_waits_for_nothing() -> None:
    assert run("2026-05-02 00:00", MARCH, APRIL, thresholds={}).due == (MARCH, APRIL)


def test_nothing_is_carried_longer_than_the_setting_says() -> None:
    assert run("2026-07-02 00:59", MARCH).due == ()
    assert run("2026-07-02 01:00", MARCH).due == (MARCH,)


def test_nothing_is_carried_beyond_the_local_end_of_the_year() -> None:
    november = group("2026-11-30 23:30", "4.00")
    december = group("2026-12-31 23:59", "1.00", 2)
    assert run("2027-01-01 00:59", november).carried[0].latest == at("2027-01-01 01:00")
    assert run("2027-01-01 01:00", november, december).due == (november, december)


def test_what_is_owed_to_the_customer_goes_out_at_once() -> None:
    credit = group("2026-03-05 10:00", "-1.00")
    assert run("2026-04-02 00:00", credit).due == (credit,)


def test_users_are_added_up_apart() -> None:
    one, other = group("2026-03-05 10:00", "6.00", 1, "U-1"), group("2026-03-05 10:00", "6.00", 2, "U-2")
    assert len(run("2026-04-02 00:00", one, other).carried) == 2


def test_at_once_adds_up_until_it_is_enough() -> None:
    first, second = (group(f"2026-03-0{i} 10:00", "6.00", i, cycle=Cycle.AT_ONCE) for i in (1, 2))
    assert run("2026-03-02 00:00", first).due == ()
    assert run("2026-03-03 00:00", (*first, *second)).due == ((*first, *second),)


def test_a_slot_names_period_value_and_kind() -> None:
    slots = {
        slot_of(MARCH, "EUR/GROSS/standard/380"),
        slot_of(MARCH, "EUR/GROSS/standard/381"),
        slot_of(APRIL, "EUR/GROSS/standard/380"),
        slot_of(group("2026-03-05 10:00", "4.00", value="U-1"), "EUR/GROSS/standard/380"),
    }
    assert len(slots) == 4
    late = group("2026-03-31 23:59", "1.00", 99)
    assert slot_of(late, "x") == slot_of(MARCH, "x")
    assert slot_of((*MARCH, *APRIL), "x") == slot_of(APRIL, "x")
    assert str(DraftKey("ab", 2)) == "ab-2"
