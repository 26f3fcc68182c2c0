"""Carries the journal's transaction messages to the central system, one by one, in order."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.log import Log
from station.core.authorize import ACCEPTED, TokenInfo, conflicts
from station.core.configuration import Configuration
from station.core.delivery import Acknowledge, Entry, Message, Park, Retry, Rules, boundaries_first
from station.core.dialect import Dialect
from station.core.pace import BURST, Pace
from station.core.timekeeping import CONFIRM_S
from station.csms_connection import Refusal, Reply
from station.errors import JournalStalled
from station.journal import Journal
from station.settings import DeliverySettings
from station.timekeeper import Timekeeper

STALLED_S = 10.0
"""Pause after the journal could not be used, link time."""

GIVEN_BACK_S = 15.0
"""While something is parked, a person may give it back beside this program: so often is looked, link time."""

_LOG = Log("station.delivery")


async def _nobody(_sentence: str) -> None:
    pass


Call = Callable[[MessageId, Message], Awaitable[Reply | Refusal]]


class Courier:
    """Delivers the oldest pending entry. The journal is the queue; nothing but a retry's wait is kept here.

    Args:
        journal: the queue.
        timekeeper: stamps the tries.
        configuration: attempts and waits.
        dialect: what the messages are, and what their answers mean.
        settings: how fast and in which order a backlog leaves.
        send_without_start: see delivery.Rules.
        conflict: hears that the central system contradicts its own local list, and where.
        deauthorized: is told when the central system refuses the card of a transaction.
        parked: is told in a sentence that a whole transaction was refused for good: somebody must know.
        told: hears what the central system says to the driver: the cost so far, and a message.
    """

    def __init__(
        self,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        dialect: Dialect,
        settings: DeliverySettings,
        *,
        send_without_start: bool,
        deauthorized: Callable[[EvseId, TransactionKey], None],
        conflict: Callable[[EvseId], None],
        parked: Callable[[str], Awaitable[None]] = _nobody,
        told: Callable[[EvseId, TransactionKey, Decimal | None, str], None] = lambda *_told: None,
    ) -> None:
        self._journal = journal
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._dialect = dialect
        self._send_without_start = send_without_start
        self._deauthorized = deauthorized
        self._parked, self._told = parked, told
        self._boundaries_first = boundaries_first(settings.order, dialect.version)
        self._pace = Pace(settings.per_minute)
        self._round_trip_s = 1.0
        self._conflict = conflict
        self._is_stalled = False
        self._waited_till = 0
        self._held: tuple[int, float] = (0, 0.0)
        self._delivered = 0
        self._had_backlog = self._is_long = False

    async def begin(self) -> None:
        """Take stock when a connection begins."""
        backlog, self._waited_till = await self._journal.backlog(), await self._journal.last_row()
        self._delivered, self._had_backlog, self._is_long = 0, backlog.pending > 0, backlog.pending > BURST
        if backlog.pending or backlog.parked:
            _LOG.info("backlog", pending=backlog.pending, parked=backlog.parked)

    async def deliver(self, call: Call) -> float:
        """Deliver one entry, and tell after how many seconds of link time there is more to do; inf = nothing waits.

        An answer that can't be stored is as good as none: the entry goes out again with its id.

        Raises:
            LinkLost: by `call`; the entry waits on and no attempt is spent.
        """
        try:
            wait_s = await self._deliver(call)
        except JournalStalled as error:
            if not self._is_stalled:
                _LOG.error("delivery_stalled", reason=error)
            self._is_stalled = True
            return STALLED_S
        if self._is_stalled:
            _LOG.info("delivery_goes_on")
        self._is_stalled = False
        return wait_s

    async def _deliver(self, call: Call) -> float:
        entry = await self._journal.head(boundaries_first=self._boundaries_first and self._is_long)
        if entry is None:
            self._is_long = False
            if self._had_backlog:
                self._had_backlog = False
                _LOG.info("backlog_drained", messages=self._delivered)
            return GIVEN_BACK_S if (await self._journal.backlog()).parked else math.inf
        if self._timekeeper.awaits_confirmation:
            return CONFIRM_S  # what is sent keeps its time for good
        now = asyncio.get_running_loop().time()
        row_id, until = self._held
        wait = max(until - now if row_id == entry.row_id else 0.0, self._pace.wait(now))
        if wait > 0:
            return wait
        self._pace.take(now)
        rules = self._rules()
        plan = self._dialect.outgoing(entry, rules)
        decision: Retry | Park | None = plan if isinstance(plan, Park) else await self._send(entry, rules, call)
        match decision:
            case Retry(after_s, reason):
                self._held = (entry.row_id, asyncio.get_running_loop().time() + after_s)
                await self._journal.refuse(entry, reason)
                _LOG.warning("refused", message_id=entry.message_id, reason=reason, again_in_s=after_s)
            case Park(reason, transaction):
                await self._journal.park(entry, self._now(), reason, transaction=transaction)
                key = entry.event.key
                _LOG.error("parked", transaction=key, message_id=entry.message_id, whole=transaction, reason=reason)
                if transaction:
                    await self._parked(f"transaction {key}: {reason}")
            case None:
                self._delivered += 1
        return 0.0

    def clears_in_s(self, pending: int) -> int:
        """Tell in about how many seconds so many messages are delivered while the connection lasts, link time."""
        return round(pending * max(self._round_trip_s, self._pace.interval_s))

    async def _send(self, entry: Entry, rules: Rules, call: Call) -> Retry | Park | None:
        entry = await self._journal.begin_try(entry, self._now())
        entry = replace(entry, offline=entry.row_id <= self._waited_till)
        message = self._dialect.outgoing(entry, rules)
        if isinstance(message, Park):
            return message
        reply = await call(entry.message_id, message)
        if isinstance(reply, Refusal):
            return self._dialect.judge_refusal(entry, reply.reason, rules)
        verdict = self._dialect.judge_result(entry, reply.payload, rules)
        if isinstance(verdict, Acknowledge):
            await self._acknowledge(entry, verdict, reply, message.action)
            return None
        return verdict

    async def _acknowledge(self, entry: Entry, verdict: Acknowledge, reply: Reply, kind: str) -> None:
        event, token, info = entry.event, verdict.token, verdict.info
        deauthorized = info is not None and info.status != ACCEPTED
        round_trip_ms = round(reply.round_trip_s * 1000)
        await self._journal.acknowledge(
            entry, self._now(), round_trip_ms, verdict.transaction_id, deauthorized=deauthorized
        )
        # Slow and fast replies even out over some ten messages.
        self._round_trip_s += (reply.round_trip_s - self._round_trip_s) / 10
        _LOG.info(
            "delivered",
            kind=kind,
            message_id=entry.message_id,
            transaction=event.key,
            round_trip_ms=round_trip_ms,
            backlog=await self._journal.pending(),
        )
        if verdict.cost is not None or verdict.message:
            self._told(event.evse_id, event.key, verdict.cost, verdict.message)
        if token and info:
            await self._hear_of(token, info, event.evse_id)
        if deauthorized:
            self._deauthorized(event.evse_id, event.key)

    async def _hear_of(self, token: IdToken, info: TokenInfo, evse_id: EvseId) -> None:
        tokens = self._journal.tokens
        if self._configuration.flag("LocalAuthListEnabled") and conflicts(await tokens.known(token), info, self._now()):
            _LOG.warning("local_list_conflict", token=token, status=info.status)
            self._conflict(evse_id)
        if self._configuration.flag("AuthorizationCacheEnabled"):
            life_s = self._configuration.number("AuthCacheLifeTime")
            await tokens.cache(token, info.for_cache(self._now(), life_s))

    def _rules(self) -> Rules:
        return Rules(
            self._configuration.number("TransactionMessageAttempts"),
            self._configuration.number("TransactionMessageRetryInterval"),
            self._send_without_start,
        )

    def _now(self) -> datetime:
        return self._timekeeper.now().utc
