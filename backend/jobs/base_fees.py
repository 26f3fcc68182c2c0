"""Record base fees when their spans end, in one commit with the mark that says up to when that was done.

An operator's first mark is the begin of the span in which it first had a tariff with a base fee: nobody is charged for
spans that were over before, unless a session of one was priced by the tariff.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from backend.core.rates.base_fee import BaseFee, ended_spans, owed_fees, span_of
from backend.core.tariffs.tariff_model import Span
from backend.store.fees import (
    close_spans,
    count_versions,
    fee_versions,
    load_agreements,
    load_marks,
    operators_with_fees,
)
from backend.store.writer import Store
from shared.log import Log

log = Log(__name__)

_SPANS = (Span.DAY, Span.MONTH, Span.YEAR)
"""Those that end by time; a fee for each session is owed when it is rated."""


class BaseFees:
    """Records base fees, and remembers until when there is nothing to look for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next: datetime | None = None
        self._versions = -1

    async def run(self, now: datetime) -> datetime | None:
        """Record what is owed now and tell when the next span ends. Cancelling is safe."""
        versions = await self._store.read(count_versions)
        if versions != self._versions or (self._next and now >= self._next):
            self._next = await record_base_fees(self._store, now)
            self._versions = versions
        return self._next


@dataclass(frozen=True, slots=True)
class _Open:
    """What is to be recorded: the kinds of spans that have fees, which of them went on, and what is owed for them."""

    spans: list[Span]
    moved: dict[Span, tuple[datetime | None, datetime]]
    owed: list[BaseFee]


async def record_base_fees(store: Store, now: datetime) -> datetime | None:
    """Record the fees of all spans that are over, and tell when the next one ends. Cancelling is safe."""
    operators = await store.read(operators_with_fees)
    ends = [end for operator_id, zone in operators for end in await _record(store, operator_id, zone, now)]
    return min(ends, default=None)


async def _record(store: Store, operator_id: str, zone: ZoneInfo, now: datetime) -> list[datetime]:
    """Record the fees of one operator, and tell when the spans end that run now."""

    def look(connection: Connection) -> _Open:
        fees = fee_versions(connection, operator_id)
        tariffs = [version.tariff for versions in fees.values() for version in versions]
        spans = [per for per in _SPANS if any(t.graduated and t.graduated.per is per for t in tariffs)]
        known = load_marks(connection, operator_id)
        marks = {per: (known.get(per), span_of(per, now, zone)[0]) for per in spans}
        moved = {per: mark for per, mark in marks.items() if mark[0] is None or mark[0] < mark[1]}
        owed: list[BaseFee] = []
        if any(before for before, _ in moved.values()):
            agreed = load_agreements(connection, operator_id, zone, fees)
            for per, (before, _) in moved.items():
                ended = ended_spans(per, before, now, zone) if before else ()
                owed += [fee for span in ended for fee in owed_fees(agreed, span, per)]
        return _Open(spans, moved, owed)

    found = await store.read(look)

    def work(connection: Connection) -> int | None:
        return close_spans(connection, operator_id, found.owed, found.moved, now)

    if found.moved:
        recorded = await store.write(work)
        if recorded:
            log.info("base_fees_recorded", operator=operator_id, fees=recorded)
    return [span_of(per, now, zone)[1] for per in found.spans]
