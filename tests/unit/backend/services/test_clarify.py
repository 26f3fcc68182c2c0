"""Sessions that wait for a person: every decision, its undo, and that nothing reaches the wrong bill."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.core.clarification.inbox import Kind
from backend.core.rates.rating import Policy
from backend.core.transaction import NOT_AGAIN, State
from backend.errors import ApplyError
from backend.jobs.rate_ended import rate_ended
from backend.services.clarify import assign, undo, undoable, waiting
from backend.store.ratings import current_rating
from backend.store.tables import charging_transaction
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.world import MASTER, NOW, Station, open_world, start, stop

SECOND = MASTER.replace(
    '[[id_token]]\ntoken = "04A2B3C4"',
    """
[[customer]]
id = "K-2"
operator = "muster"
name = "Max Beispiel"
street = "Nebenweg 3"
postcode = "10117"
city = "Berlin"
email = "max@example.com"

[[id_token]]
token = "04A2B3C4\"""",
)
NO_TARIFF = SECOND[: SECOND.index("[[assignment]]")]


class Desk:
    """A person at the inbox."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def decide(self, number: int, kind: Kind, value: str = "", reason: str = "") -> None:
        await self.store.write(lambda unit: assign(unit, number, kind, value=value, reason=reason, by="anna", now=NOW))
        await self.rate()

    async def undo(self, number: int) -> None:
        await self.store.write(lambda unit: undo(unit, number, by="anna", now=NOW))
        await self.rate()

    async def rate(self) -> None:
        await rate_ended(self.store, ManualClock(NOW), Policy())

    async def state(self, number: int) -> tuple[State, str]:
        t = charging_transaction.c
        row = await self.store.read(
            lambda unit: unit.execute(select(t.state, t.held_reason).where(t.id == number)).one()
        )
        return State(row.state), row.held_reason

    async def gross(self, number: int) -> Decimal | None:
        rating = await self.store.read(lambda unit: current_rating(unit, number))
        return rating.total_gross if rating else None

    async def inbox(self) -> list[tuple[int, tuple[Kind, ...]]]:
        return [(row.id, row.offers) for row in await self.store.read(waiting)]


def at_desk(folder: Path, story: Callable[[Desk, Station], Awaitable[None]], master: str = SECOND) -> None:
    async def scenario() -> None:
        async with open_world(folder, master) as store:
            station = Station(store)
            await station.report_connector()
            await story(Desk(store), station)

    asyncio.run(scenario())


async def charge(desk: Desk, station: Station, tag: str = "04A2B3C4", connector: int = 1) -> int:
    number = (await station.call("StartTransaction", start(tag=tag, connector=connector)))["transactionId"]
    assert isinstance(number, int)
    await station.call("StopTransaction", stop(number))
    await desk.rate()
    return number


def test_an_unknown_card_is_given_to_a_customer_and_taken_back_before_it_is_billed(tmp_path: Path) -> None:
    async def story(desk: Desk, station: Station) -> None:
        number = await charge(desk, station, tag="04DEADBEEF")
        assert await desk.inbox() == [(number, (Kind.TOKEN, Kind.WAIVE))]
        await desk.decide(number, Kind.TOKEN, "K-1")
        assert await desk.state(number) == (State.RATED, "")
        assert await desk.gross(number) == Decimal("6.41")
        assert await desk.inbox() == []
        await desk.undo(number)
        state, reason = await desk.state(number)
        assert state is State.RATED
        assert reason.startswith(NOT_AGAIN)  # no invoice takes it
        assert await desk.inbox() == [(number, (Kind.TOKEN,))]
        with pytest.raises(ApplyError, match="priced for another customer"):
            await desk.decide(number, Kind.TOKEN, "K-2")
        await station.call("StopTransaction", stop(number))  # sent again: it still is not to be billed
        assert (await desk.state(number))[1].startswith(NOT_AGAIN)
        await desk.decide(number, Kind.TOKEN, "K-1")
        assert await desk.state(number) == (State.RATED, "")

    at_desk(tmp_path, story)


def test_a_session_without_tariff_is_priced_by_the_one_that_is_chosen(tmp_path: Path) -> None:
    async def story(desk: Desk, station: Station) -> None:
        number = await charge(desk, station)
        assert await desk.inbox() == [(number, (Kind.TARIFF, Kind.WAIVE))]
        with pytest.raises(ApplyError, match="no tariff 'other'"):
            await desk.decide(number, Kind.TARIFF, "other")
        await desk.decide(number, Kind.TARIFF, "flat")
        assert await desk.gross(number) == Decimal("6.41")
        await desk.undo(number)
        assert (await desk.state(number))[1].endswith("what was decided on it was taken back")
        await desk.decide(number, Kind.TARIFF, "flat")
        assert await desk.state(number) == (State.RATED, "")

    at_desk(tmp_path, story, NO_TARIFF)


def test_what_a_person_accepts_is_billed_as_told(tmp_path: Path) -> None:
    async def story(desk: Desk, station: Station) -> None:
        number = await charge(desk, station, tag="BLOCKED1", connector=7)
        assert await desk.inbox() == [(number, (Kind.ACCEPT, Kind.WAIVE))]
        await desk.decide(number, Kind.ACCEPT)
        assert (await desk.state(number), await desk.gross(number)) == ((State.RATED, ""), Decimal("6.41"))

    at_desk(tmp_path, story)


def test_a_session_is_let_go_and_comes_back(tmp_path: Path) -> None:
    async def story(desk: Desk, station: Station) -> None:
        number = await charge(desk, station, tag="BLOCKED1")
        with pytest.raises(ApplyError, match="give a reason"):
            await desk.decide(number, Kind.WAIVE)
        await desk.decide(number, Kind.WAIVE, reason="a trial of ours")
        assert await desk.state(number) == (State.WAIVED, "")
        assert [one.reason for one in await desk.store.read(undoable)] == ["a trial of ours"]
        await desk.undo(number)
        assert (await desk.state(number))[0] is State.HELD
        with pytest.raises(ApplyError, match="nothing was decided"):
            await desk.undo(number)
        assert await desk.store.read(undoable) == []

    at_desk(tmp_path, story)
