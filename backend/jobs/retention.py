"""Job: let go what has had its time, once a day and in small batches, so that stations never wait for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select

from backend.core.people.retention import LIMITATION_YEARS, MANDATE_MONTHS, VOUCHER_YEARS, Periods
from backend.store.retention import STEPS, Due
from backend.store.tables import operator
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.log import Log

log = Log(__name__)

_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long what is known of persons is kept; where the law asks for a time, no less can be set."""

    voucher_years: int = setting(
        VOUCHER_YEARS,
        unit="years",
        minimum=VOUCHER_YEARS,
        maximum=30,
        help="invoices and all they rest on, from the end of their year (§ 147 (3) AO)",
    )
    session_months: int = setting(
        12, unit="months", minimum=1, maximum=36, help="who charged in sessions on no invoice; then tokens go"
    )
    person_years: int = setting(
        LIMITATION_YEARS,
        unit="years",
        minimum=0,
        maximum=10,
        help="whose token it was, from the end of the year in which the last contract ended (§ 195 BGB)",
    )
    mandate_months: int = setting(
        MANDATE_MONTHS, unit="months", minimum=MANDATE_MONTHS, maximum=120, help="mandates, from their last debit"
    )
    letter_days: int = setting(90, unit="days", minimum=1, maximum=3650, help="contents and recipients of mails")
    audit_months: int = setting(12, unit="months", minimum=1, maximum=120, help="who did what")

    @property
    def periods(self) -> Periods:
        """Give what the rules are made from."""
        return Periods(
            self.voucher_years,
            self.session_months,
            self.person_years,
            self.mandate_months,
            self.letter_days,
            self.audit_months,
        )


class Retainer:
    """Lets data go; the first time when the program starts."""

    def __init__(self, store: Store, clock: Clock, periods: Periods) -> None:
        self._store, self._clock, self._periods = store, clock, periods
        self._due = clock.utc()

    async def run(self) -> datetime | None:
        """Let go what is due, if a day has passed, and tell when the next one does.

        Cancelling is safe: each batch is one commit, and the next run goes on behind it.
        """
        now = self._clock.utc()
        if now >= self._due:
            await let_go(self._store, self._periods, now)
            self._due = now + _PAUSE
        return self._due


async def let_go(store: Store, periods: Periods, now: datetime, limit: int = 100) -> dict[str, int]:
    """Let go all that is due, and tell how much that was by kind. Cancelling is safe, as above.

    Args:
        store: whose data.
        periods: how long things are kept.
        now: world time.
        limit: of one commit.
    """
    counts: dict[str, int] = {}
    for operator_id in await store.read(_operators):
        due = Due(operator_id, periods, now, limit)
        for name, step in STEPS:
            if count := await _all_batches(store, step, due):
                counts[name] = counts.get(name, 0) + count
                log.info("retention_ended", operator=operator_id, kind=name, count=count)
    return counts


async def _all_batches(store: Store, step: Callable[[Connection, Due], int], due: Due) -> int:
    total = 0
    while count := await store.write(partial(_run, step, due)):
        total += count
    return total


def _run(step: Callable[[Connection, Due], int], due: Due, connection: Connection) -> int:
    return step(connection, due)


def _operators(connection: Connection) -> list[str]:
    return list(connection.scalars(select(operator.c.id).order_by(operator.c.id)))
