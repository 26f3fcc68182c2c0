"""Signed values from their arrival to the price: checked, judged, billed by what was signed or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from backend.core.proofs.signed_gate import Decision
from backend.core.rates.rating import Policy
from backend.errors import ApplyError
from backend.jobs.issue_invoices import BillingSettings
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import recompute
from backend.jobs.verify_signed import CalibrationWatch, verify_again, verify_signed
from backend.services.audit import verify
from backend.services.invoice_runs import preview
from backend.services.signed_review import decide, waiting
from backend.store.letter_tables import letter
from backend.store.meter_keys import MeterPlace, key_events, list_meter_keys, pin_key, set_days, withdraw_key
from backend.store.rating_tables import cdr, rating
from backend.store.signed import findings, last_verdict
from backend.store.signed_tables import signed_check, signed_record, signed_verdict
from backend.store.tables import charge_point
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import DAY_NIGHT, EVENING
from tests.unit.backend.billing_store import billing_store, transactions
from tests.unit.backend.signed_example import METER, Charge, Signer, add_told, arrive, pin, reading, require_proof

CLOCK = ManualClock(EVENING + timedelta(days=1))
CHARGE = Charge(EVENING)
PLACE = MeterPlace("CP-1", 1, METER.serial)
FLAT_FEE = {
    **DAY_NIGHT,
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 1.5, "vat": 19},
                {"type": "ENERGY", "price": 0.5, "vat": 19},
            ]
        }
    ],
}


def with_store(tmp_path: Path, test: Callable[[Store], Awaitable[None]], **changes: Any) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "emops.db", **changes) as store:
            await test(store)

    asyncio.run(run())


async def work(store: Store) -> None:
    for _ in range(2):
        await verify_signed(store, CLOCK)
        await rate_ended(store, CLOCK, Policy(), allow_unsigned_time=True)


async def rows(store: Store, table: Any) -> list[Any]:
    return await store.read(lambda connection: list(connection.execute(select(table).order_by(table.c.id))))


async def choose(store: Store, number: int, kind: Decision, reason: str = "the meter was struck by lightning") -> None:
    await store.write(lambda unit: decide(unit, number, kind, reason=reason, by="Kim", now=CLOCK.utc()))


def test_a_verified_pair_is_billed_by_what_was_signed(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await arrive(store, number, [CHARGE.other(end_kwh=20.0).begin, CHARGE.other(end_kwh=20.0).end])
        await rate_ended(store, CLOCK, Policy())
        assert [one.state for one in await transactions(store)] == ["ended"], "it waits to be judged"
        await work(store)
        [stored], [body] = await rows(store, rating), await rows(store, cdr)
        assert (stored.meter_start, stored.meter_stop) == (0, 20_000), "27,500 Wh were told"
        assert json.loads(body.body)["total_energy"] == 20
        [verdict] = await rows(store, signed_verdict)
        assert (verdict.status, stored.verdict_id, json.loads(verdict.checks)) == ("verified", verdict.id, [1, 2])
        assert [one.kind for _, one in await store.read(lambda unit: findings(unit, 9))] == ["session"]
        assert not (await recompute(store)).differences
        assert all(good for good, _ in await store.read(lambda unit: list(verify(unit)))), "the chain has it"

    with_store(tmp_path, check)


def test_without_proof_no_energy_is_billed_and_late_proof_releases_it(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await work(store)
        [held] = await transactions(store)
        assert (held.state, held.held_reason) == (
            "held",
            "no energy is billed without a verified pair of signed values: no signed record came",
        )
        await arrive(store, number, [CHARGE.begin])
        await work(store)
        [held] = await transactions(store)
        assert held.held_reason.endswith(": there is no signed end")
        assert await rows(store, rating) == []
        await arrive(store, number, [CHARGE.end])
        await work(store)
        assert [one.state for one in await transactions(store)] == ["rated"]
        assert len(await rows(store, rating)) == 1
        assert [one.status for one in await rows(store, signed_verdict)] == ["missing", "verified"]

    with_store(tmp_path, check)


def test_where_it_is_not_required_the_registers_are_billed_until_proof_comes(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await pin(store)
        number = await add_told(store)
        await work(store)
        await arrive(store, number, [CHARGE.other(end_kwh=20).both])
        await work(store)
        first, second = await rows(store, rating)
        assert (first.meter_stop - first.meter_start, second.meter_stop - second.meter_start) == (27_500, 20_000)
        assert second.total_gross < first.total_gross
        await store.write(lambda unit: verify_again(unit, [number]))
        await work(store)
        assert len(await rows(store, rating)) == 2, "judged again, with the same outcome"
        assert len(await rows(store, signed_verdict)) == 2
        assert len(await rows(store, signed_check)) == 2
        assert not (await recompute(store)).differences

    with_store(tmp_path, check)


def test_a_charge_point_may_differ_from_its_operator(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await store.write(lambda unit: unit.execute(update(charge_point).values(eichrecht="not_required")))
        await add_told(store)
        await work(store)
        assert [one.state for one in await transactions(store)] == ["rated"]

    with_store(tmp_path, check)


def test_a_seen_key_is_proposed_and_counts_when_a_person_has_compared_it(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        number = await add_told(store)
        await arrive(store, number, [CHARGE.both], METER.key)
        await work(store)
        [held] = await transactions(store)
        assert "was never compared with the one on it" in held.held_reason
        [known] = await store.read(list_meter_keys)
        assert (known.place, known.public_key, known.seen_key) == (PLACE, "", METER.key)
        await store.write(lambda unit: pin_key(unit, PLACE, METER.key.lower(), "Fitter", CLOCK.utc()))
        await work(store)
        assert [one.state for one in await transactions(store)] == ["rated"]
        events = await store.read(lambda unit: key_events(unit, PLACE))
        assert [(one.kind, one.told_by) for one in events] == [("pinned", "Fitter"), ("seen", "OCPP")]
        assert not await pin(store), "it is pinned already"
        with pytest.raises(ApplyError, match="no public key"):
            await store.write(lambda unit: pin_key(unit, PLACE, "zz", "Fitter", CLOCK.utc()))

    with_store(tmp_path, check)


def test_another_key_on_the_line_is_never_accepted(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number, fake = await add_told(store), Signer(secret=5)
        await arrive(store, number, [CHARGE.other(meter=fake).both], fake.key)
        await work(store)
        [held] = await transactions(store)
        assert held.held_reason.endswith("the signature does not belong to these bytes and this key")
        [known] = await store.read(list_meter_keys)
        assert (known.public_key, known.seen_key) == (METER.key, "")
        assert "key_changed" in [one.kind for _, one in await store.read(lambda unit: findings(unit, 9))]

    with_store(tmp_path, check)


def test_a_record_counts_for_the_session_that_it_came_for_first(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        first, second = await add_told(store), await add_told(store, evse_id=2)
        await pin(store, evse_id=2)
        await arrive(store, second, [CHARGE.both], evse_id=2)
        await arrive(store, first, [CHARGE.both])
        await work(store)
        await work(store)
        held, rated = await transactions(store)
        assert (held.state, rated.state) == ("held", "rated")
        assert held.held_reason.endswith(f"the same signed record came for transaction {second} before")

    with_store(tmp_path, check)


def test_pages_that_do_not_follow_are_found_also_outside_of_sessions(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await pin(store)
        number = await add_told(store)
        await arrive(store, number, [CHARGE.begin, CHARGE.end])
        await work(store)
        later = Charge(EVENING + timedelta(hours=9), page=13)
        await arrive(store, None, [later.both])
        await work(store)
        await arrive(store, None, [later.other(end_kwh=99).both])
        await work(store)
        await arrive(store, None, [CHARGE.other(page=3, start=EVENING + timedelta(days=1)).both])
        await work(store)
        found = await store.read(lambda unit: findings(unit, 9))
        assert [one.text.partition(": ")[2] for _, one in reversed(found)] == [
            "pages 10 to 12 are missing",
            "page 13 came with more than one content",
            "page 3 came after page 13",
        ]
        assert len(await rows(store, signed_record)) == 5

    with_store(tmp_path, check)


def test_staff_may_waive_it_for_a_reason_and_take_that_back(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        number = await add_told(store)
        with pytest.raises(ApplyError, match="nothing to decide"):
            await choose(store, number, Decision.WAIVE)
        await work(store)
        with pytest.raises(ApplyError, match="give a reason"):
            await choose(store, number, Decision.WAIVE, "  ")
        await choose(store, number, Decision.WAIVE)
        await work(store)
        [waived] = await transactions(store)
        assert (waived.state, waived.held_reason) == ("waived", "")
        assert await rows(store, rating) == []
        await choose(store, number, Decision.JUDGE, "a mistake")
        await work(store)
        assert [one.state for one in await transactions(store)] == ["held"]
        with pytest.raises(ApplyError, match="there is no transaction 99"):
            await choose(store, 99, Decision.WAIVE)

    with_store(tmp_path, check)


def test_late_proof_does_not_undo_what_was_waived(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await work(store)
        await choose(store, number, Decision.WAIVE)
        await work(store)
        await arrive(store, number, [CHARGE.both])
        await work(store)
        assert [one.state for one in await transactions(store)] == ["waived"]
        verdict = await store.read(lambda unit: last_verdict(unit, number))
        assert verdict
        assert verdict.judged.status == "verified"

    with_store(tmp_path, check)


def test_the_fixed_fee_is_billed_alone_if_the_tariff_has_one(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        number = await add_told(store)
        await work(store)
        await choose(store, number, Decision.FIXED_FEE)
        await work(store)
        [stored] = await rows(store, rating)
        assert (stored.total_gross, stored.meter_start, stored.meter_stop) == (Decimal("1.50"), 1_000_000, 1_000_000)
        [line] = json.loads(stored.body)["lines"]
        assert line["item"] == "FLAT"
        assert not (await recompute(store)).differences

    with_store(tmp_path, check, tariff=FLAT_FEE)


def test_a_tariff_without_fixed_fee_has_none_to_bill(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        number = await add_told(store)
        await work(store)
        await choose(store, number, Decision.FIXED_FEE)
        await work(store)
        [held] = await transactions(store)
        assert held.held_reason == "its tariff has no fixed fee that could be billed: waive it"
        await choose(store, number, Decision.WAIVE)
        await work(store)
        assert [one.state for one in await transactions(store)] == ["waived"]

    with_store(tmp_path, check)


@pytest.mark.parametrize("table", ["signed_record", "signed_check", "signed_verdict", "meter_key_event"])
def test_evidence_is_never_changed(tmp_path: Path, table: str) -> None:
    async def check(store: Store) -> None:
        number = await add_told(store)
        await arrive(store, number, [CHARGE.both], METER.key)
        await work(store)
        for statement in (f"UPDATE {table} SET at = 1", f"DELETE FROM {table}"):
            with pytest.raises(IntegrityError, match="append-only"):
                await store.write(lambda unit, words=statement: unit.execute(text(words)))  # type: ignore[misc]

    with_store(tmp_path, check)


def test_energy_whose_price_changes_by_the_clock_needs_a_signed_register_then(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await arrive(store, number, [CHARGE.both])
        await verify_signed(store, CLOCK)
        await rate_ended(store, CLOCK, Policy())
        [held] = await transactions(store)
        assert held.state == "held"
        assert held.held_reason.startswith("its energy price changes by the clock, and no register was signed at ")
        assert [one.id for one in await store.read(waiting)] == [number], "somebody may decide"
        at = held.held_reason.removesuffix("Z")[-19:]
        change = datetime.fromisoformat(at).replace(tzinfo=UTC)
        await arrive(store, number, [METER.record(20, reading("T", change + timedelta(seconds=2), 7.25))])
        await verify_signed(store, CLOCK)
        await rate_ended(store, CLOCK, Policy())
        [stored] = await rows(store, rating)
        lines = json.loads(stored.body)["lines"]
        assert [Decimal(str(line["quantity"])) for line in lines] == [Decimal("7.25"), Decimal("20.25")]
        assert not any(line["interpolated"] for line in lines)
        assert not (await recompute(store)).differences

    with_store(tmp_path, check)


def test_without_a_price_of_energy_nothing_has_to_be_proved(tmp_path: Path) -> None:
    flat = {**DAY_NIGHT, "elements": [{"price_components": [{"type": "FLAT", "price": 5, "vat": 19}]}]}

    async def check(store: Store) -> None:
        await require_proof(store)
        await add_told(store)
        await work(store)
        assert [one.state for one in await transactions(store)] == ["rated"]
        assert [one.total_gross for one in await rows(store, rating)] == [5]

    with_store(tmp_path, check, tariff=flat)


def test_a_withdrawn_key_leads_to_a_new_verdict_unless_an_invoice_has_the_session(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await arrive(store, number, [CHARGE.both])
        await verify_signed(store, CLOCK)
        assert await store.write(lambda unit: withdraw_key(unit, PLACE, "Kim", CLOCK.utc()))
        await work(store)
        assert [one.status for one in await rows(store, signed_verdict)] == ["verified", "unsupported"]
        assert [one.state for one in await transactions(store)] == ["held"]
        await pin(store)
        await work(store)
        assert [one.status for one in await rows(store, signed_verdict)][2:] == ["verified"]
        assert [one.state for one in await transactions(store)] == ["rated"]

    with_store(tmp_path, check)


def test_what_was_rated_is_billed_no_more_once_its_proof_is_gone_and_again_when_it_is_back(tmp_path: Path) -> None:
    async def drafts(store: Store) -> list[tuple[str, str]]:
        found = await preview(store, CLOCK.utc() + timedelta(days=60), BillingSettings(), "")
        return [(row.state, " ".join(row.reasons)) for row in found.rows]

    async def check(store: Store) -> None:
        await require_proof(store)
        await pin(store)
        number = await add_told(store)
        await arrive(store, number, [CHARGE.both])
        await work(store)
        [(state, _)] = await drafts(store)
        assert state == "ready"
        assert await store.write(lambda unit: withdraw_key(unit, PLACE, "Kim", CLOCK.utc()))
        await work(store)
        [(state, reasons)] = await drafts(store)
        assert state == "blocked"
        assert reasons.startswith(f"session {number}: can't be rated again (")
        await pin(store)
        await work(store)
        assert await drafts(store) == [("ready", "")]

    with_store(tmp_path, check)


@pytest.mark.parametrize(("blocks", "status"), [(False, "verified"), (True, "broken")])
def test_a_meter_whose_calibration_ended_is_told_of_and_blocks_if_wanted(
    tmp_path: Path, blocks: bool, status: str
) -> None:
    async def check(store: Store) -> None:
        await pin(store)
        day = (EVENING - timedelta(days=1)).date().isoformat()
        await store.write(lambda unit: set_days(unit, PLACE, day, ""))
        number = await add_told(store)
        await arrive(store, number, [CHARGE.both])
        await verify_signed(store, CLOCK, calibration_blocks=blocks)
        [verdict] = await rows(store, signed_verdict)
        text = f"the calibration of the meter {METER.serial} ended on {day}"
        assert verdict.status == status
        assert (verdict.reason if blocks else json.loads(verdict.findings)[0]) == text

    with_store(tmp_path, check)


def test_the_operator_is_reminded_once_before_a_calibration_ends(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        watch = CalibrationWatch(store, CLOCK)
        today = CLOCK.utc().date()
        for until, letters in ((61, 0), (60, 1), (60, 1), (400, 1), (-3, 2)):
            day = (today + timedelta(days=until)).isoformat()
            await store.write(lambda unit, day=day: set_days(unit, PLACE, day, ""))  # type: ignore[misc]
            await watch.run()
            found = await rows(store, letter)
            assert len(found) == letters, until
        assert {one.purpose for one in found} == {"alert"}
        assert METER.serial in found[0].body

    with_store(tmp_path, check)
