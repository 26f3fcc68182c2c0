"""Job: send dunning letters, suspend whom that was announced to, and release who has paid.

Letters go out by themselves once a banking day, where the operator's policy says so; by hand with `dun`, at any time. A
letter is one commit: its row, its mail, the costs it claims, the levels it raises, its entry in the chain.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.payments.dunning import Held, plan_letter
from backend.core.payments.dunning_letter import DunningLetter
from backend.core.payments.target_calendar import is_banking_day
from backend.documents.dunning_view import dunning_view
from backend.documents.render import RenderError, open_renderer
from backend.store.dunning import Case, load_cases, load_policies, load_rates, local_day, store_letter, write_letter
from backend.store.dunning_tables import dunning_run
from backend.store.suspensions import due_changes, hand_over, review
from backend.store.tables import operator
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What dunning would do about a customer now: a letter or none, and what it leaves out and why."""

    case: Case
    letter: DunningLetter | None
    held: tuple[Held, ...]


@dataclass(slots=True)
class Dunned:
    """What a run did: letters sent, claims handed over, and customers whose books changed meanwhile."""

    letters: list[DunningLetter] = field(default_factory=list)
    handed_over: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Paper(Protocol):
    """Makes the paper of a letter."""

    async def __call__(self, letter: DunningLetter) -> bytes:
        """Render it."""
        ...


@asynccontextmanager
async def open_paper(looks: Path | None) -> AsyncIterator[Paper]:
    """Give what renders letters, with the operators' own looks; its worker ends with the block."""
    async with open_renderer(looks) as renderer:

        async def render(letter: DunningLetter) -> bytes:
            view, name = dunning_view(letter), f"dunning letter {letter.number}"
            return await renderer.render_view("dunning", view, name, operator=letter.operator_id)

        yield render


class Dunner:
    """Duns by schedule."""

    def __init__(self, store: Store, clock: Clock, looks: Path | None = None) -> None:
        self._store, self._clock, self._looks = store, clock, looks

    async def run(self) -> datetime | None:
        """Do what is due, and tell when to look again by time alone. Cancelling is safe: a letter is one commit."""
        now = self._clock.utc()
        await review_suspensions(self._store, now)
        turns = await self._store.read(partial(_turns, now=now))
        for turn in turns:
            if turn.at <= now:
                async with open_paper(self._looks) as paper:
                    await dun(self._store, turn.operator_id, now, paper=paper)
                await self._store.write(partial(_close_day, operator_id=turn.operator_id, day=turn.day))
        later = [turn.at for turn in turns if turn.at > now]
        midnights = await self._store.read(partial(_next_midnights, now=now))
        return min((*later, *midnights), default=None)


async def review_suspensions(store: Store, now: datetime) -> None:
    """Suspend and release as `backend.store.suspensions.review` does, if anything is to be done."""
    if not await store.read(partial(due_changes, now=now)):
        return
    done = await store.write(partial(review, now=now))
    for customer in done.suspended:
        log.warning("customer_suspended", customer=customer)
    for customer in done.released:
        log.info("customer_released", customer=customer)


def prepare(connection: Connection, operator_id: str, now: datetime, customer_id: str = "") -> list[Prepared]:
    """Tell what dunning would do now, about all customers with something overdue or one. Changes nothing."""
    today, rates, found = local_day(connection, operator_id, now), load_rates(connection), []
    for case in load_cases(connection, operator_id, today, customer_id):
        plan = plan_letter(case.account, case.claims, case.policy, rates, today)
        letter = write_letter(connection, case, plan.demand) if plan.demand else None
        if letter or plan.held:
            found.append(Prepared(case, letter, plan.held))
    return found


async def dun(
    store: Store, operator_id: str, now: datetime, *, paper: Paper, customer_ids: Sequence[str] = ()
) -> Dunned:
    """Send the letters that are due, of all customers or some, and mark what is to be handed over.

    Run twice at once, nobody gets two letters: what a letter asks for is looked at again as it is stored.

    Args:
        store: the database.
        operator_id: who asks.
        now: world time.
        paper: renders letters.
        customer_ids: only of these; empty for all.
    """
    outcome = Dunned()
    for one in await store.read(partial(prepare, operator_id=operator_id, now=now)):
        letter = one.letter
        if letter is None or (customer_ids and letter.customer_id not in customer_ids):
            continue
        try:
            pdf = await paper(letter)
        except RenderError as error:
            log.error("dunning_not_rendered", number=letter.number, reason=str(error))
            continue
        if await store.write(partial(store_letter, letter=letter, pdf=pdf, now=now)) is None:
            outcome.changed.append(letter.customer_id)
            continue
        outcome.letters.append(letter)
        log.info("dunning_sent", number=letter.number, level=letter.demand.level, total=letter.demand.total)
    outcome.handed_over = await store.write(partial(hand_over, operator_id=operator_id, now=now))
    for number in outcome.handed_over:
        log.warning("claim_handed_over", document=number)
    return outcome


@dataclass(frozen=True, slots=True)
class _Turn:
    operator_id: str
    day: date
    at: datetime


def _turns(connection: Connection, now: datetime) -> list[_Turn]:
    """Give each operator's next day of letters, today if that was not done yet."""
    turns = []
    for row in connection.execute(select(operator.c.id, operator.c.timezone).order_by(operator.c.id)):
        policy, zone = load_policies(connection, row.id)[""], ZoneInfo(row.timezone)
        if not policy.automatic:
            continue
        day = now.astimezone(zone).date()
        done = select(dunning_run.c.day).where(dunning_run.c.operator_id == row.id, dunning_run.c.day >= day)
        if connection.scalar(done.limit(1)) is not None:
            day += timedelta(days=1)
        while not is_banking_day(day):
            day += timedelta(days=1)
        turns.append(_Turn(row.id, day, datetime.combine(day, time(policy.hour), zone)))
    return turns


def _close_day(connection: Connection, operator_id: str, day: date) -> None:
    row = {"operator_id": operator_id, "day": day}
    connection.execute(upsert(dunning_run).values(row).on_conflict_do_nothing())


def _next_midnights(connection: Connection, now: datetime) -> list[datetime]:
    """Give when the operators' dates change: suspensions begin with the day."""
    zones = {ZoneInfo(name) for name in connection.scalars(select(operator.c.timezone).distinct())}
    days = [(now.astimezone(zone).date() + timedelta(days=1), zone) for zone in zones]
    return [datetime.combine(day, time(), zone) for day, zone in days]
