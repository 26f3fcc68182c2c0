"""Dunning as customers see it: when a letter comes, what it asks for, and a simulated year with payments at random."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.payments.dunning import (
    Account,
    Claim,
    Demand,
    Level,
    Plan,
    Policy,
    default_from,
    plan_letter,
    suspends,
    to_hand_over,
)
from backend.core.payments.late_interest import PUBLISHED

ZERO = Decimal(0)
DUE = date(2026, 3, 2)
POLICY = Policy()
CONSUMER, BUSINESS = Account(), Account(business=True)


def claim(amount: str = "100.00", number: int = 1, due: date = DUE, **changes: object) -> Claim:
    issued = due - timedelta(days=14)
    plain = Claim(
        invoice_id=number,
        number=f"RE-2026-{number:06}",
        issued_on=issued,
        due_on=due,
        open=Decimal(amount),
        owed=((issued, Decimal(amount)),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


def plan(claims: list[Claim], day: date, account: Account = CONSUMER, policy: Policy = POLICY) -> Plan:
    return plan_letter(account, claims, policy, PUBLISHED, day)


def demand(claims: list[Claim], day: date, account: Account = CONSUMER, policy: Policy = POLICY) -> Demand:
    found = plan(claims, day, account, policy).demand
    assert found
    return found


def test_reminder_costs_nothing() -> None:
    assert plan([claim()], DUE + timedelta(days=6)) == Plan(None)
    found = demand([claim()], DUE + timedelta(days=7))
    assert (found.level, found.total, found.costs) == (Level.REMINDER, Decimal("100.00"), ())


def test_the_letter_that_causes_default_bears_no_fee() -> None:
    reminded = claim(level=1, level_on=date(2026, 3, 9))
    first = demand([reminded], date(2026, 3, 23))
    assert (first.level, first.fee, first.interest) == (2, ZERO, ZERO)
    dunned = replace(reminded, level=2, level_on=first.day, warned_on=first.day)
    second = demand([dunned], date(2026, 4, 6))
    # In default since 24 March: 13 days of 6.27 %.
    assert (second.level, second.fee, second.interest) == (Level.DUNNING_2, Decimal("2.50"), Decimal("0.22"))
    assert second.suspend_on == date(2026, 4, 20)
    assert second.total == Decimal("102.72")


def test_businesses_owe_nine_points_and_a_lump_sum_once() -> None:
    late = claim(level=1, level_on=date(2026, 4, 10))
    found = demand([late], date(2026, 4, 24), BUSINESS)
    # In default 31 days after 2 March: 22 days of 10.27 %.
    assert (found.fee, found.lump_sum, found.interest) == (ZERO, Decimal("40.00"), Decimal("0.62"))
    again = replace(late, level=2, level_on=found.day, lump_sum=True, interest_until=found.items[0].interest_until)
    second = demand([again], date(2026, 5, 8), BUSINESS)
    assert (second.lump_sum, second.interest) == (ZERO, Decimal("0.39"))


def test_default() -> None:
    consumer = claim(told=False)
    assert default_from(consumer, POLICY, business=False) is None
    assert default_from(consumer, POLICY, business=True) == date(2026, 4, 2)
    assert default_from(claim(), POLICY, business=False) == date(2026, 4, 2)
    assert default_from(claim(), Policy(calendar_due=True), business=False) == date(2026, 3, 3)
    assert default_from(claim(warned_on=date(2026, 3, 10)), POLICY, business=False) == date(2026, 3, 11)


def test_interest_of_an_unknown_rate_is_left_for_later() -> None:
    late = claim("50000.00", level=2, level_on=date(2026, 7, 1), warned_on=date(2026, 6, 1))
    found = demand([late], date(2026, 7, 20))
    assert (found.missing_rate, found.items[0].interest_until) == (date(2026, 7, 1), date(2026, 6, 30))
    # 90 days of 6.27 %: 2 April to 30 June.
    assert found.interest == Decimal("773.01")
    known = plan_letter(CONSUMER, [late], POLICY, {**PUBLISHED, date(2026, 7, 1): Decimal(1)}, date(2026, 7, 20)).demand
    assert known
    assert (known.missing_rate, known.items[0].interest_until) == (None, date(2026, 7, 19))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"disputed": "not me"}, "disputed"),
        ({"debited": True}, "debited"),
        ({"collectable": True}, "collect"),
    ],
)
def test_not_asked_for(changes: dict[str, object], reason: str) -> None:
    found = plan([claim(**changes)], DUE + timedelta(days=60))  # type: ignore[arg-type]  # fields by name
    assert found.demand is None
    assert [one.reason for one in found.held] == [reason]


def test_rests_for_a_plan_and_waits_after_a_return() -> None:
    day = DUE + timedelta(days=60)
    assert plan([claim()], day, Account(stop="plan")).held[0].reason == "stop"
    returned = claim(returned_on=day - timedelta(days=3))
    assert plan([returned], day).demand is None
    assert demand([returned], day + timedelta(days=4)).items[0].returned


def test_credit_pays_the_oldest_first() -> None:
    day = DUE + timedelta(days=10)
    claims = [claim("30.00"), claim("20.00", 2), claim("-10.00", 3)]
    found = plan(claims, day, Account(balance=Decimal("25.00")))
    assert [(one.number[-1], one.reason) for one in found.held] == [("1", "covered")]
    assert found.demand
    assert [item.open for item in found.demand.items] == [Decimal("15.00")]
    assert plan(claims, day, Account(balance=Decimal("36.00"))).held[-1].reason == "minimum"


def test_one_letter_asks_for_all() -> None:
    day = date(2026, 4, 6)
    old = claim(level=2, level_on=date(2026, 3, 23), warned_on=date(2026, 3, 23))
    new, fresh = claim("7.00", 2, due=date(2026, 3, 30)), claim("9.00", 3, due=date(2026, 4, 1))
    found = demand([old, new, fresh], day, Account(balance=Decimal("-2.50")))
    assert [(item.number[-1], item.level, item.raised) for item in found.items] == [("1", 3, True), ("2", 1, True)]
    assert (found.level, found.earlier) == (Level.DUNNING_2, Decimal("2.50"))
    waits = plan([old], day, Account(last_letter_on=date(2026, 4, 1)))
    assert (waits.demand, waits.held[0].reason) == (None, "pause")


def test_handed_over_when_letters_did_not_help() -> None:
    last = claim(level=3, level_on=date(2026, 4, 6))
    assert to_hand_over(CONSUMER, [last], POLICY, date(2026, 5, 5)) == []
    assert to_hand_over(CONSUMER, [last], POLICY, date(2026, 5, 6)) == [last]
    assert to_hand_over(Account(stop="insolvency"), [last], POLICY, date(2026, 5, 6)) == []


@dataclass
class Customer:
    """A customer in a simulation: claims, what is on account, and what came by mail."""

    claims: dict[int, Claim] = field(default_factory=dict)
    balance: Decimal = Decimal(0)
    letters: list[Demand] = field(default_factory=list)
    suspended: bool = False

    def receive(self, letter: Demand) -> None:
        self.letters.append(letter)
        self.balance -= sum((amount for _, amount in letter.costs), Decimal(0))
        for item in letter.items:
            old = self.claims[item.invoice_id]
            changes: dict[str, object] = {"interest_until": item.interest_until or old.interest_until}
            if item.lump_sum:
                changes["lump_sum"] = True
            if item.raised:
                changes |= {"level": item.level, "level_on": letter.day}
                changes["warned_on"] = letter.day if item.level == Level.DUNNING_1 else old.warned_on
                changes["suspend_on"] = letter.suspend_on if item.level == Level.DUNNING_2 else None
            self.claims[item.invoice_id] = replace(old, **changes)  # type: ignore[arg-type]  # fields by name

    def pay(self, number: int, share: int, day: date) -> None:
        one = self.claims[number]
        paid = (one.open * share / 100).quantize(Decimal("0.01"))
        left = one.open - paid
        self.claims[number] = replace(one, open=left, owed=(*one.owed, (day, left)))


@given(
    invoices=st.lists(st.tuples(st.integers(0, 250), st.integers(1, 30_000)), min_size=1, max_size=8),
    payments=st.lists(st.tuples(st.integers(0, 364), st.integers(0, 7), st.sampled_from([30, 100])), max_size=20),
    business=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_year(invoices: list[tuple[int, int]], payments: list[tuple[int, int, int]], business: bool) -> None:
    first, customer = date(2025, 1, 1), Customer()
    raised: set[tuple[int, int]] = set()
    for number in range(365):
        day = first + timedelta(days=number)
        for i, (at, cents) in enumerate(invoices):
            if at == number:
                customer.claims[i] = claim(str(Decimal(cents) / 100), i, due=day + timedelta(days=14))
        for at, which, share in payments:
            if at == number and which in customer.claims:
                customer.pay(which, share, day)
        before = customer.letters[-1].day if customer.letters else None
        account = Account(business=business, balance=customer.balance, last_letter_on=before)
        own = list(customer.claims.values())
        found = plan_letter(account, own, POLICY, PUBLISHED, day)
        if found.demand:
            assert before is None or (day - before).days >= POLICY.pause_days
            for item in found.demand.items:
                assert customer.claims[item.invoice_id].open == item.open > 0
                assert day > item.due_on
                if item.raised:
                    assert (item.invoice_id, item.level) not in raised
                    assert item.level == 1 or (item.invoice_id, item.level - 1) in raised
                    raised.add((item.invoice_id, item.level))
            customer.receive(found.demand)
        customer.suspended = suspends(account, list(customer.claims.values()), day, already=customer.suspended)
        announced = [one for one in customer.claims.values() if one.suspend_on and one.suspend_on <= day]
        assert customer.suspended == any(one.open > 0 for one in announced)
        for one in announced:
            assert any(letter.suspend_on == one.suspend_on and letter.day < day for letter in customer.letters)
