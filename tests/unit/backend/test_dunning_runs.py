"""Dunning on a real database: letters, their costs and levels, suspended cards, and what stops it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from backend.core.id_token import Authorization, authorize
from backend.core.invoices.letter import Purpose
from backend.core.payments.dunning_letter import DunningLetter
from backend.core.payments.open_item import BookingKind
from backend.errors import ApplyError, DunningError
from backend.jobs.dun import Dunned, Dunner, dun, open_paper, prepare, review_suspensions
from backend.services.apply import apply
from backend.services.audit import verify
from backend.services.master_data import parse_master_data
from backend.store import letter_tables as lt
from backend.store.dunning import letter_pdf, list_letters
from backend.store.id_tokens import find_token
from backend.store.open_items import (
    Posting,
    account_of,
    book,
    customer_credit,
    find_item,
    mark_disputed,
    pay,
    target_of,
)
from backend.store.suspensions import lift, list_stops, list_suspensions, resume_dunning, stop_dunning
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId, IdToken
from tests.unit.backend.payment_store import NOW, add_invoice, open_payers

DAY = timedelta(days=1)
REMINDER = datetime(2026, 11, 9, 9, tzinfo=UTC)
DUNNING_1, DUNNING_2, SUSPENDED = REMINDER + 14 * DAY, REMINDER + 28 * DAY, REMINDER + 42 * DAY


async def no_paper(letter: DunningLetter) -> bytes:
    return b"%PDF " + letter.number.encode()


async def send(store: Store, now: datetime) -> Dunned:
    return await dun(store, "muster", now, paper=no_paper)


async def settle(store: Store, count: int, amount: str, now: datetime) -> None:
    def work(unit: Connection) -> None:
        item = find_item(unit, f"RE-2026-{count:06}")
        assert item
        pay(
            unit, target_of(item), Posting(kind=BookingKind.PAYMENT, amount=-Decimal(amount), booked_on=now.date()), now
        )

    await store.write(work)


async def answer(store: Store, now: datetime) -> Authorization:
    token = await store.read(lambda unit: find_token(unit, ChargePointId("CP-1"), IdToken.parse("04A2B3C4")))
    return authorize(token, now)


def test_from_the_reminder_to_suspension_and_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            await store.write(lambda unit: add_invoice(unit, 2, "50.00", due="2026-11-30"))
            for now, level, total in ((REMINDER, 1, "100.00"), (DUNNING_1, 2, "100.00"), (DUNNING_2, 3, "152.50")):
                (letter,) = (await send(store, now)).letters
                assert (letter.demand.level, letter.demand.total) == (level, Decimal(total))
                assert (await send(store, now)).letters == []
                assert (await send(store, now + DAY)).letters == []
            letters = await store.read(list_letters)
            assert [(one.level, one.number) for one in letters][-1] == (1, "MA-K-1-20261109")
            mails = await store.read(
                lambda unit: unit.execute(select(lt.letter).where(lt.letter.c.purpose == Purpose.DUNNING)).all()
            )
            assert [mail.recipients for mail in mails] == [
                '{"to": ["erika@example.com"], "cc": [], "name": "Erika Beispiel"}'
            ] * 3
            await review_suspensions(store, SUSPENDED - DAY)
            assert await answer(store, SUSPENDED) is Authorization.ACCEPTED
            await review_suspensions(store, SUSPENDED)
            assert await answer(store, SUSPENDED) is Authorization.BLOCKED
            await settle(store, 1, "99.99", SUSPENDED)
            await review_suspensions(store, SUSPENDED)
            assert await answer(store, SUSPENDED) is Authorization.BLOCKED
            await settle(store, 1, "0.01", SUSPENDED)
            await review_suspensions(store, SUSPENDED)
            assert await answer(store, SUSPENDED) is Authorization.ACCEPTED
            assert await store.read(lambda unit: customer_credit(unit, "K-1")) == Decimal("-2.50")
            found = await store.read(lambda unit: list(verify(unit)))
            assert not [line for good, line in found if not good and "MA-" in line]

    asyncio.run(run())


def test_the_costs_of_a_letter_are_paid_with_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            for now in (REMINDER, DUNNING_1, DUNNING_2):
                done = await send(store, now)
            total = done.letters[0].demand.total
            await settle(store, 1, str(total), DUNNING_2 + DAY)
            assert await store.read(lambda unit: customer_credit(unit, "K-1")) == 0

    asyncio.run(run())


def test_businesses_by_their_own_policy(tmp_path: Path) -> None:
    rules = """
[[dunning]]
operator = "muster"
customer = "K-2"
debtor = "business"
calendar_due = true

[[base_rate]]
valid_from = "2026-07-01"
rate = "1.27"
"""

    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: apply(unit, parse_master_data(rules), NOW))
            outcome = await store.write(lambda unit: apply(unit, parse_master_data(rules), NOW))
            assert (outcome.created, outcome.changed) == (0, 0)
            await store.write(lambda unit: add_invoice(unit, 1, "1000.00", "K-2", due="2026-11-01"))
            await send(store, REMINDER)
            (letter,) = (await send(store, DUNNING_1)).letters
            # From the day of the invoice, 10 to 22 November: 13 days of 10.27 %.
            assert letter.demand.interest == Decimal("3.66")
            assert (letter.demand.lump_sum, letter.demand.fee) == (Decimal("40.00"), Decimal("0.00"))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ('[[dunning]]\noperator = "muster"\nfee_1 = "2.555"', "dunning[0].fee_1"),
        ('[[dunning]]\noperator = "muster"\nsuspend_days = 3', "dunning[0].suspend_days"),
        ('[[base_rate]]\nvalid_from = "2026-07-02"\nrate = "1"', "1 January or 1 July"),
        ('[[base_rate]]\nvalid_from = "2026-01-01"\nrate = "9"', "what was published"),
    ],
)
def test_wrong_rules_are_named(entry: str, text: str) -> None:
    with pytest.raises(ApplyError) as raised:
        parse_master_data(entry)
    assert text in str(raised.value)


def test_what_stops_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            first = await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            await store.write(lambda unit: add_invoice(unit, 2, "30.00", "K-2", due="2026-11-01"))
            await store.write(lambda unit: mark_disputed(unit, first, "wrong meter"))
            until = date(2026, 11, 30)
            await store.write(lambda unit: stop_dunning(unit, "K-2", "plan", "in rates", until=until, now=NOW))
            found = await store.read(lambda unit: prepare(unit, "muster", REMINDER))
            assert [(one.case.customer_id, one.held[0].reason, one.held[0].detail) for one in found] == [
                ("K-1", "disputed", "wrong meter"),
                ("K-2", "stop", "plan"),
            ]
            assert (await send(store, REMINDER)).letters == []
            assert [one.customer_id for one in await store.read(list_stops)] == ["K-2"]
            await store.write(lambda unit: resume_dunning(unit, "K-2"))
            assert [one.customer_id for one in (await send(store, REMINDER)).letters] == ["K-2"]
            with pytest.raises(DunningError, match="does not rest"):
                await store.write(lambda unit: resume_dunning(unit, "K-2"))
            with pytest.raises(DunningError, match="no reason to stop"):
                await store.write(lambda unit: stop_dunning(unit, "K-2", "mood", "", until=None, now=NOW))

    asyncio.run(run())


def test_money_on_account_is_not_asked_for(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            posting = Posting(kind=BookingKind.PAYMENT, amount=Decimal("-100.00"), booked_on=NOW.date())
            await store.write(lambda unit: book(unit, account_of(unit, "K-1"), posting, NOW))
            found = await store.read(lambda unit: prepare(unit, "muster", REMINDER))
            assert [(one.letter, one.held[0].reason) for one in found] == [(None, "covered")]

    asyncio.run(run())


def test_debits_are_tried_first(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", debit=True))
            found = await store.read(lambda unit: prepare(unit, "muster", DUNNING_2))
            assert [(one.letter, one.held[0].reason) for one in found] == [(None, "collect")]

    asyncio.run(run())


def test_payment_while_the_paper_is_made(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))

            async def slow(letter: DunningLetter) -> bytes:
                await settle(store, 1, "100.00", REMINDER)
                return await no_paper(letter)

            done = await dun(store, "muster", REMINDER, paper=slow)
            assert (done.letters, done.changed) == ([], ["K-1"])
            assert await store.read(list_letters) == []

    asyncio.run(run())


def test_a_suspension_is_lifted_by_hand(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            for now in (REMINDER, DUNNING_1, DUNNING_2):
                await send(store, now)
            await review_suspensions(store, SUSPENDED)
            (one,) = await store.read(list_suspensions)
            assert (one.customer_id, one.since) == ("K-1", SUSPENDED)
            await store.write(lambda unit: lift(unit, "K-1", "he called", SUSPENDED))
            await review_suspensions(store, SUSPENDED + DAY)
            assert await answer(store, SUSPENDED) is Authorization.ACCEPTED
            assert await store.read(list_suspensions) == []
            assert (await send(store, DUNNING_2 + 30 * DAY)).handed_over == ["RE-2026-000001"]

    asyncio.run(run())


def test_by_schedule(tmp_path: Path) -> None:
    async def run() -> None:
        clock = ManualClock(datetime(2026, 11, 9, 7, 30, tzinfo=UTC))  # 8:30 in Berlin, a Monday
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            assert await Dunner(store, clock).run() == datetime(2026, 11, 9, 23, tzinfo=UTC)
            rules = '[[dunning]]\noperator = "muster"\nautomatic = true'
            await store.write(lambda unit: apply(unit, parse_master_data(rules), NOW))
            assert await Dunner(store, clock).run() == datetime(2026, 11, 9, 8, tzinfo=UTC)
            assert await store.read(list_letters) == []
            clock.advance(1800)
            await Dunner(store, clock).run()
            (one,) = await store.read(list_letters)
            found = await store.read(lambda unit: letter_pdf(unit, one.id))
            assert found
            assert found[1].startswith(b"%PDF")
            await Dunner(store, clock).run()
            assert len(await store.read(list_letters)) == 1

    asyncio.run(run())


def test_paper_is_made(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_payers(tmp_path / "db") as store, open_paper(None) as paper:
            await store.write(lambda unit: add_invoice(unit, 1, "100.00", due="2026-11-01"))
            (one,) = await store.read(lambda unit: prepare(unit, "muster", REMINDER))
            assert one.letter
            assert (await paper(one.letter)).startswith(b"%PDF")

    asyncio.run(run())
