"""Payments on a real database: items, batches, files of banks, returns. Nothing is booked or debited twice."""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.core.payments.open_item import BookingError, BookingKind
from backend.documents.sepa import read_batch
from backend.errors import PaymentError
from backend.services.audit import verify
from backend.services.payments import Matched, collect, import_file, match_entries, waiting
from backend.store.bank import book_entry, file_entries, list_files, open_entries
from backend.store.debits import (
    batch_debits,
    batch_xml,
    book_batch,
    list_batches,
    plan_debits,
    report_uploaded,
    store_batch,
    withdraw_batch,
)
from backend.store.mandates import customer_mandates, pause_mandate
from backend.store.open_items import (
    Posting,
    account_of,
    allocate,
    book,
    customer_credit,
    find_item,
    item_of,
    list_bookings,
    list_items,
    mark_disputed,
    pay,
    settle_credit,
    target_of,
    undo,
)
from backend.store.writer import Store, open_store
from tests.unit.backend.bank_files import Payment, camt, collected
from tests.unit.backend.payment_store import (
    COLLECT_ON,
    ERIKA,
    NOW,
    OTTO,
    TODAY,
    add_invoice,
    balance,
    open_amounts,
    open_payers,
    part,
)

World = Callable[[Callable[[Store], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy."""
    path = tmp_path_factory.mktemp("fresh") / "db"

    async def make() -> None:
        async with open_payers(path):
            pass

    asyncio.run(make())
    return path


@pytest.fixture
def world(tmp_path: Path, fresh: Path) -> World:
    shutil.copy(fresh, tmp_path / "db")

    def run(story: Callable[[Store], Awaitable[None]]) -> None:
        async def work() -> None:
            async with open_payers(tmp_path / "db") as store:
                await story(store)

        asyncio.run(work())

    return run


async def issue(store: Store, *amounts: str, debit: bool = False, customer: str = "K-1", first: int = 1) -> None:
    for count, amount in enumerate(amounts, first):
        await store.write(lambda u, c=count, a=amount: add_invoice(u, c, a, customer, debit=debit))  # type: ignore[misc]


def payment(amount: str, kind: BookingKind = BookingKind.PAYMENT) -> Posting:
    return Posting(kind=kind, amount=Decimal(amount), booked_on=TODAY)


async def pay_number(store: Store, count: int, amount: str) -> None:
    def work(unit: object) -> None:
        item = find_item(unit, f"RE-2026-{count:06}")  # type: ignore[arg-type]
        assert item
        pay(unit, target_of(item), payment(f"-{amount}"), NOW)  # type: ignore[arg-type]

    await store.write(work)


def test_partial_payments_settle_and_what_is_too_much_stays_the_customers(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00")
        await pay_number(store, 1, "50.00")
        assert await open_amounts(store) == {"1": "27.29", "2": "20.00"}
        await pay_number(store, 1, "40.00")
        assert await open_amounts(store) == {"2": "20.00", "K-1": "12.71"}
        assert await balance(store) == Decimal("7.29")

        def use(unit: object) -> int:
            item = find_item(unit, "RE-2026-000002")  # type: ignore[arg-type]
            assert item
            return allocate(
                unit,  # type: ignore[arg-type]
                account_of(unit, "K-1"),  # type: ignore[arg-type]
                target_of(item),
                Decimal("12.71"),
                day=TODAY,
                now=NOW,
            )

        first = await store.write(use)
        assert await open_amounts(store) == {"2": "7.29"}
        with pytest.raises(BookingError, match=r"has 0.00 on account"):
            await store.write(use)
        await store.write(lambda u: undo(u, first + 1, TODAY, NOW, "mistaken"))
        assert await open_amounts(store) == {"2": "20.00", "K-1": "12.71"}
        with pytest.raises(BookingError, match="undone already"):
            await store.write(lambda u: undo(u, first, TODAY, NOW, "again"))
        assert await balance(store) == Decimal("7.29")

    world(story)


def test_a_credit_note_counts_against_what_it_corrects(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "-9.76", "-80.00")
        for count in (2, 3):
            await store.write(lambda u, c=count: settle_credit(u, c, ["RE-2026-000001", "RE-none"], NOW, TODAY))  # type: ignore[misc]
        assert await open_amounts(store) == {"3": "-12.47"}

        def refund(unit: object) -> None:
            book(unit, target_of(item_of(unit, 3)), payment("12.47", BookingKind.REFUND), NOW)  # type: ignore[arg-type]

        await store.write(refund)
        assert await open_amounts(store) == {}
        with pytest.raises(BookingError):
            await store.write(refund)

    world(story)


def test_bookings_can_not_be_changed(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29")
        await pay_number(store, 1, "1.00")
        for statement in ("UPDATE booking SET amount = 5", "DELETE FROM booking", "DELETE FROM open_item"):
            with pytest.raises(IntegrityError, match="append-only"):
                await store.write(lambda u, s=statement: u.execute(text(s)))  # type: ignore[misc]

    world(story)


def test_what_was_paid_by_card_is_settled_as_it_is_issued(world: World) -> None:
    async def story(store: Store) -> None:
        await store.write(lambda u: add_invoice(u, 1, "77.29", card=True))
        assert await open_amounts(store) == {}
        assert [b.note for b in await store.read(lambda u: list_bookings(u, invoice_id=1))] == ["prepaid"]

    world(story)


def test_the_audit_knows_a_booking_that_somebody_changed(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29")
        await pay_number(store, 1, "1.00")
        assert not [line for line in await store.read(lambda u: list(verify(u))) if "payment" in line[1]]
        await store.write(lambda u: u.execute(text("DROP TRIGGER booking_refuses_update")))
        await store.write(lambda u: u.execute(text("UPDATE booking SET amount = -7729")))
        told = [line for _, line in await store.read(lambda u: list(verify(u)))]
        assert "operator muster: payment 1 was changed: the chain has another content of it" in told

    world(story)


def test_a_batch_of_each_scheme_and_the_file_is_right(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00", debit=True)
        await issue(store, "33.10", debit=True, customer="K-2", first=3)
        await issue(store, "5.00", first=4)  # not announced
        await pay_number(store, 2, "4.00")
        done = await collect(store, "", COLLECT_ON, NOW)
        assert [(b.scheme, b.count, str(b.total), b.state) for b in done.batches] == [
            ("CORE", 2, "93.29", "ready"),
            ("B2B", 1, "33.10", "ready"),
        ]
        xml = await store.read(lambda u: batch_xml(u, 1))
        assert xml == await store.read(lambda u: batch_xml(u, 1))
        debits = {d.end_to_end: d for d in read_batch(xml)}
        assert str(debits["RE-2026-000002"].amount) == "16.00"
        one = debits["RE-2026-000001"]
        assert (str(one.amount), one.iban, one.mandate, one.sequence) == ("77.29", ERIKA, "M-1", "RCUR")
        assert one.collect_on == "2026-11-12"
        words = xml.decode()
        assert "Joerg Muessig" in words
        assert "DE98ZZZ09999999999" in words
        assert "pain.008.001.08" in words
        assert done.batches[0].message_id in words
        assert "2026-11-10T09:00:00Z" in words
        again = await collect(store, "", COLLECT_ON, NOW)
        assert again.batches == ()
        assert (await store.read(lambda u: customer_mandates(u, "K-1")))[0].last_used_on == COLLECT_ON

    world(story)


def test_two_runs_at_once_debit_nothing_twice(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00", "1.00", debit=True)
        async with open_store(Path(str(store.engine.url.database))) as other:  # another process
            runs = [collect(one, "", COLLECT_ON, NOW) for one in (store, other, store, other)]
            done = await asyncio.gather(*runs)
        assert sum(len(one.batches) for one in done) == 1
        xmls = [await store.read(lambda u, b=b: batch_xml(u, b.id)) for b in await store.read(list_batches)]  # type: ignore[misc]
        found = [one.end_to_end for xml in xmls for one in read_batch(xml)]
        assert sorted(found) == ["RE-2026-000001", "RE-2026-000002", "RE-2026-000003"]
        copy = "INSERT INTO debit (batch_id, invoice_id, mandate_id, amount, state) VALUES (1, 1, 1, 5, 'live')"
        with pytest.raises(IntegrityError, match="UNIQUE"):
            await store.write(lambda u: u.execute(text(copy)))

    world(story)


def test_a_plan_that_became_stale_is_not_stored(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00", debit=True)
        (batch,) = (await store.read(lambda u: plan_debits(u, "muster", COLLECT_ON, NOW))).batches
        for change in (
            lambda u: mark_disputed(u, 1, "meter"),
            lambda u: pause_mandate(u, 1, "AC04"),
        ):
            await store.write(change)
            assert await store.write(lambda u: store_batch(u, batch, b"x", NOW)) is None
            await store.write(lambda u: mark_disputed(u, 1, ""))
            await store.write(lambda u: pause_mandate(u, 1, ""))
        await pay_number(store, 2, "0.01")
        assert await store.write(lambda u: store_batch(u, batch, b"x", NOW)) is None
        assert await store.read(list_batches) == []

    world(story)


def test_what_can_not_be_collected_is_named(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00", debit=True)
        await issue(store, "33.10", debit=True, customer="K-2", first=3)
        await store.write(lambda u: mark_disputed(u, 1, "meter"))
        await store.write(lambda u: pause_mandate(u, 2, "AC04"))
        done = await collect(store, "muster", COLLECT_ON, NOW)
        assert [(s.number[-1], s.reason, s.detail) for s in done.skipped] == [
            ("1", "disputed", "meter"),
            ("3", "paused", "AC04"),
        ]
        assert [b.count for b in done.batches] == [1]
        for day, words in ((date(2026, 11, 14), "no TARGET banking day"), (TODAY, "not after today")):
            with pytest.raises(PaymentError, match=words):
                await collect(store, "", day, NOW)
        with pytest.raises(PaymentError, match="which operator"):
            await collect(store, "other", COLLECT_ON, NOW)

    world(story)


def test_nothing_is_collected_before_the_day_that_was_announced(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", debit=True)
        with_early = NOW.replace(day=9)
        assert (await collect(store, "", date(2026, 11, 10), with_early)).batches == ()
        assert len((await collect(store, "", date(2026, 11, 11), with_early)).batches) == 1

    world(story)


def test_a_batch_can_be_withdrawn_until_the_bank_has_it(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", debit=True)
        await collect(store, "", COLLECT_ON, NOW)
        with pytest.raises(BookingError, match="not reported as uploaded"):
            await store.write(lambda u: book_batch(u, 1, TODAY, NOW))
        await store.write(lambda u: withdraw_batch(u, 1, NOW))
        for refused in (
            lambda u: batch_xml(u, 1),
            lambda u: report_uploaded(u, 1, NOW),
        ):
            with pytest.raises(BookingError, match="withdrawn"):
                await store.write(refused)
        await collect(store, "", COLLECT_ON, NOW)
        await store.write(lambda u: report_uploaded(u, 2, NOW))
        with pytest.raises(BookingError, match="given to the bank"):
            await store.write(lambda u: withdraw_batch(u, 2, NOW))
        assert await store.write(lambda u: book_batch(u, 2, TODAY, NOW)) == 1
        assert await store.write(lambda u: book_batch(u, 2, TODAY, NOW)) == 0
        assert await open_amounts(store) == {}
        assert await balance(store) == 0

    world(story)


async def take(store: Store, content: bytes, name: str = "f.xml") -> Matched:
    return (await import_file(store, "", name, content, now=NOW)).matched


def test_sure_payments_book_themselves_and_the_same_file_does_it_once(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00", "15.00")
        file = camt(
            Payment("77.29", "Rechnung RE 2026 000001"),
            Payment("20.00", "danke", name="Unbekannt", iban=OTTO),
            Payment("-12.50", "Miete"),
        )
        for _ in range(2):
            matched = await take(store, file)
            assert matched.waiting == 1
        assert await open_amounts(store) == {"2": "20.00", "3": "15.00"}
        overlapping = camt(Payment("77.29", "Rechnung RE 2026 000001"), Payment("15.00", "RE-2026-000003"))
        assert (await take(store, overlapping)).booked == 1
        assert await open_amounts(store) == {"2": "20.00"}
        assert [(f.entries, f.new) for f in await store.read(list_files)] == [(2, 1), (3, 3)]
        (one,) = await store.read(lambda u: waiting(u, NOW))
        # the account of the mandate is Otto's, who owes nothing of that amount
        assert (one.hint, {p.reason for p in one.proposals}) == ("unsure", {"account_credit", "amount"})

    world(story)


def test_a_csv_of_what_a_statement_told_before_waits_for_a_person(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "77.29")
        await take(store, camt(Payment("77.29", "RE-2026-000001", reference="R1")))
        told = f"date;amount;name;purpose;iban\n2026-11-05;77,29;Erika;RE-2026-000002;{ERIKA}\n"
        assert (await take(store, told.encode(), "f.csv")).booked == 0
        (one,) = await store.read(lambda u: waiting(u, NOW))
        assert one.hint == "suspect"
        await store.write(lambda u: book_entry(u, one.stored.id, [part(u, 2, "77.29")], NOW, note="by hand"))
        assert await open_amounts(store) == {}
        assert await store.read(open_entries) == []

    world(story)


def test_a_person_splits_a_payment_but_not_beyond_it(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "20.00")
        await take(store, camt(Payment("90.00", "Strom", name="?", iban="")))
        with pytest.raises(BookingError, match=r"90.00 is left: 97.29"):
            await store.write(
                lambda u: book_entry(u, 1, [part(u, 1, "77.29"), part(u, 2, "20.00")], NOW, note="by hand")
            )
        await store.write(lambda u: book_entry(u, 1, [part(u, 1, "70.00")], NOW, note="by hand"))
        await store.write(lambda u: book_entry(u, 1, [part(u, 2, "20.00")], NOW, note="by hand"))
        assert await open_amounts(store) == {"1": "7.29"}
        with pytest.raises(BookingError, match=r"0.00 is left"):
            await store.write(lambda u: book_entry(u, 1, [part(u, 1, "7.29")], NOW, note="by hand"))
        booked = await store.read(lambda u: list_bookings(u, entry_id=1))
        await store.write(lambda u: undo(u, booked[0].id, TODAY, NOW, "wrong"))
        (entry,) = await store.read(open_entries)  # undone: the entry is there again
        assert str(entry.left) == "70.00"

    world(story)


async def collected_debit(store: Store) -> str:
    """Collect documents 1 and 2 and report it as uploaded; gives the batch's name."""
    await issue(store, "77.29", "20.00", debit=True)
    done = await collect(store, "", COLLECT_ON, NOW)
    await store.write(lambda u: report_uploaded(u, done.batches[0].id, NOW))
    return done.batches[0].message_id


RETURN = Payment(
    "-80.29", "Ruecklastschrift", reason="AC04", original="77.29", end_to_end="RE-2026-000001", reference="X1"
)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("detailed", [True, False])
def test_a_returned_debit_opens_the_invoice_again_in_any_order(
    world: World, order: tuple[int, int], detailed: bool
) -> None:
    async def story(store: Store) -> None:
        name = await collected_debit(store)
        parts = [Payment("77.29", end_to_end="RE-2026-000001"), Payment("20.00", end_to_end="RE-2026-000002")]
        money = collected(name, parts) if detailed else camt(Payment("97.29", message_id=name, reference="SUM1"))
        files = (money, camt(RETURN))
        await take(store, files[order[0]])
        if order[0] == 1:  # the money is not there yet: it waits, the mandate rests at once
            assert await open_amounts(store) == {"1": "77.29", "2": "20.00"}
            assert (await store.read(lambda u: waiting(u, NOW)))[0].hint == "return_waits"
            assert (await store.read(lambda u: customer_mandates(u, "K-1")))[0].paused == "AC04"
        await take(store, files[order[1]])
        for file in files:  # again changes nothing
            await take(store, file)
        assert await open_amounts(store) == {"1": "80.29"}
        kinds = [(b.kind, str(b.amount)) for b in await store.read(lambda u: list_bookings(u, invoice_id=1))]
        assert kinds == [("payment", "-77.29"), ("return", "77.29"), ("fee", "3.00")]
        (mandate,) = await store.read(lambda u: customer_mandates(u, "K-1"))
        assert mandate.paused == "AC04"
        assert await store.read(open_entries) == []
        states = [(d.number[-1], d.state, d.reason) for d in await store.read(lambda u: batch_debits(u, 1))]
        assert states == [("1", "returned", "AC04"), ("2", "paid", "")]
        # not tried again by itself, and never more than was announced
        await store.write(lambda u: pause_mandate(u, mandate.id, ""))
        assert [s.reason for s in (await collect(store, "", COLLECT_ON, NOW)).skipped] == ["returned"]
        again = await collect(store, "", COLLECT_ON, NOW, again=["RE-2026-000001"])
        assert [str(b.total) for b in again.batches] == ["77.29"]

    world(story)


def test_a_debit_of_a_customer_who_has_paid_by_transfer_is_their_credit_until_it_returns(world: World) -> None:
    async def story(store: Store) -> None:
        name = await collected_debit(store)
        await take(store, camt(Payment("77.29", "RE-2026-000001", reference="T1")))
        await take(store, camt(Payment("97.29", message_id=name, reference="SUM1")))
        assert await open_amounts(store) == {"K-1": "77.29"}
        await take(store, camt(replace(RETURN, amount="-77.29", reason="AM04")))
        assert await open_amounts(store) == {}
        assert (await store.read(lambda u: customer_mandates(u, "K-1")))[0].paused == ""

    world(story)


def test_the_sum_of_a_batch_and_later_its_parts_are_one_money(world: World) -> None:
    async def story(store: Store) -> None:
        name = await collected_debit(store)
        parts = [Payment("77.29", end_to_end="RE-2026-000001"), Payment("20.00", end_to_end="RE-2026-000002")]
        await take(store, camt(Payment("97.29", message_id=name, reference="SUM1")))
        await take(store, collected(name, parts))
        assert await open_amounts(store) == {}
        assert await balance(store) == 0
        assert [e.mark for e in await store.read(lambda u: file_entries(u, 2))] == ["ignored", "ignored"]

    world(story)


def test_money_that_we_pay_back_settles_a_credit_note(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29", "-9.76")
        matched = await take(store, camt(Payment("-9.76", "Erstattung RE-2026-000002"), Payment("-5.00", "Porto")))
        assert (matched.refunded, matched.waiting) == (1, 0)
        assert await open_amounts(store) == {"1": "77.29"}

    world(story)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (camt(Payment("5.00", "a"), Payment("x", "b")), "entry 2: the amount 'x'"),
        (camt(Payment("5.00"), account="DE02500105170137075030"), r"account DE02 \*\*\*\* 5030; operator muster has"),
        (b"PK\x03\x04 zip", "no line has the headings"),
    ],
)
def test_a_malformed_file_books_nothing(world: World, content: bytes, words: str) -> None:
    async def story(store: Store) -> None:
        await issue(store, "5.00")
        with pytest.raises(PaymentError, match=words):
            await take(store, content)
        assert await store.read(list_files) == []
        assert await open_amounts(store) == {"1": "5.00"}

    world(story)


PURPOSES = ["RE-2026-000001", "RE 2026 000002", "2026/3", "danke", "RE-2026-000001 RE-2026-000002"]
payments = st.lists(
    st.builds(
        Payment,
        st.sampled_from(["77.29", "20.00", "15.00", "97.29", "40.00", "100.00"]),
        st.sampled_from(PURPOSES),
        st.just("Erika"),
        st.sampled_from([ERIKA, OTTO, ""]),
    ),
    max_size=6,
)


@given(payments, st.integers(0, 2**16))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bookings_sum_up_to_what_banks_told_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, fresh: Path, told: list[Payment], seed: int
) -> None:
    async def run(order: list[Payment]) -> tuple[Decimal, Decimal]:
        path = Path(shutil.copy(fresh, tmp_path_factory.mktemp("order") / "db"))
        async with open_payers(path) as store:
            await issue(store, "77.29", "20.00", "15.00")
            for one in order:
                await take(store, camt(one))
                await take(store, camt(*order))  # overlaps with all of them
            owed = await balance(store) + await balance(store, "K-2")
            left = sum((e.left for e in await store.read(open_entries)), Decimal(0))
            items = await store.read(lambda u: list_items(u, only_open=False))
            assert all(item.open >= 0 for item in items)
            credit = await store.read(lambda u: customer_credit(u, "K-1") + customer_credit(u, "K-2"))
            assert credit >= 0
            return owed, left

    shuffled = random.Random(seed).sample(told, len(told))
    total = sum((Decimal(one.amount) for one in told), Decimal(0))
    for order in (told, shuffled):
        owed, left = asyncio.run(run(order))
        assert Decimal("112.29") - owed + left == total


def test_matching_goes_on_where_it_was_killed(world: World) -> None:
    async def story(store: Store) -> None:
        await issue(store, "77.29")
        await take(store, camt(Payment("15.00", "RE-2026-000002")))
        await issue(store, "15.00", first=2)
        assert (await match_entries(store, NOW)).booked == 1
        assert await open_amounts(store) == {"1": "77.29"}

    world(story)
