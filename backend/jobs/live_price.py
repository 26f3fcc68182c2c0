"""Job: tell stations what their running transactions cost so far, and work that out for pages and the API.

The price is that of the meter values so far, by the engine that rates the session in the end. Nothing here writes to
the store, and a station is told only while no other command waits for it: intake of events never waits for a price.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from backend.core.rates.periods import MeterPoint
from backend.core.rates.pricing import Inputs, UnratableError, price, read_zone
from backend.core.rates.rating import Policy, Rating
from backend.core.tariffs.turns import Turn
from backend.errors import CommandError, CommandRefusedError
from backend.store.ratings import load_transaction, points_between
from backend.store.running import RunningTransaction, running_transactions
from backend.store.session_tariffs import load_session_tariffs
from backend.store.usage import load_surroundings
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.ids import ChargePointId
from shared.log import Log
from shared.money import Money
from shared.ocpp.session import Payload
from shared.ocpp.vendor import VENDOR_ID, RunningCost, encode_running_cost
from shared.units import Wh

log = Log(__name__)

_AT_ONCE = 8
"""Stations that are told at the same time."""

Send = Callable[[ChargePointId, str, Payload], Awaitable[Payload]]
"""Sends a call to a station and gives its answer; raises CommandError."""

IsFree = Callable[[ChargePointId], bool]
"""Tells whether a station is connected and no command waits for it."""


@dataclass(frozen=True, slots=True)
class LivePriceSettings:
    """How stations are told what a running transaction costs so far."""

    tell: str = setting(
        "emops",
        choices=("emops", "all", "none"),
        help="which stations: emops = those that say they are of this vendor, and all that speak OCPP 2.x, which has "
        "a message for it; all = every one; none = no station",
    )
    every_s: float = setting(
        60.0, unit="s", minimum=1.0, maximum=86400.0, help="tell the cost of one transaction at most this often"
    )


@dataclass(frozen=True, slots=True)
class LivePrice:
    """What a running transaction costs so far, as of its last meter value, or why that can't be told.

    Args:
        at: of the last meter value; None before the first.
        energy: Wh so far.
        rating: None where there is no price; then `reason` says why.
        reason: for people, empty if there is a price.
        turns: which tariff counts when, up to `at`; empty where there is but one.
    """

    at: datetime | None
    energy: Wh
    rating: Rating | None
    reason: str = ""
    turns: tuple[Turn, ...] = ()

    @property
    def total(self) -> Money | None:
        """What is to be paid so far, VAT included."""
        return Money(self.rating.total_gross, self.rating.currency) if self.rating else None


class LivePrices:
    """Prices of running transactions, worked out once for each meter value, profile switch or tariff that comes in."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store, self._policy = store, policy
        self._known: dict[int, tuple[tuple[int, ...], LivePrice]] = {}

    async def of(self, transactions: Iterable[RunningTransaction]) -> dict[int, LivePrice]:
        """Give the prices by transaction. Cancelling is safe."""
        found = {}
        for one in transactions:
            known = self._known.get(one.id)
            if known is None or known[0] != one.basis:
                known = (one.basis, await self._store.read(partial(self._price, one.id)))
                self._known[one.id] = known
            found[one.id] = known[1]
        return found

    def last(self, transaction_id: int) -> Money | None:
        """Give the price that was worked out last, None where there is none. Reads nothing."""
        known = self._known.get(transaction_id)
        return known[1].total if known else None

    async def all(self) -> dict[int, LivePrice]:
        """Give the prices of all running transactions, and forget those that have ended."""
        running = await self._store.read(running_transactions)
        ids = {one.id for one in running}
        self._known = {number: known for number, known in self._known.items() if number in ids}
        return await self.of(running)

    def _price(self, transaction_id: int, connection: Connection) -> LivePrice:
        transaction = load_transaction(connection, transaction_id)
        if transaction is None:
            return LivePrice(None, Wh(0), None, "there is no such transaction")
        start = MeterPoint(transaction.started_at, transaction.meter_start)
        points = points_between(start, transaction.points, None)
        last = points[-1]
        try:
            tariffs = load_session_tariffs(connection, transaction, last.at)
            read_zone(transaction.timezone)
            around = load_surroundings(connection, transaction, tariffs.tariffs)
        except UnratableError as error:
            return LivePrice(None, Wh(0), None, str(error))
        if len(points) < 2:
            return LivePrice(None, Wh(0), None, "no meter value has come yet", tariffs.turns)
        energy = Wh(last.energy - start.energy)
        policy = replace(self._policy, version_switch=tariffs.version_switch)
        relationship = transaction.relationship
        inputs = Inputs(transaction.timezone, points, policy, around.used, around.series, relationship, tariffs.turns)
        try:
            priced = price(inputs, tariffs.tariffs)
        except UnratableError as error:
            return LivePrice(last.at, energy, None, str(error), tariffs.turns)
        return LivePrice(last.at, energy, priced.rating, turns=tariffs.turns)


class CostTeller:
    """Tells stations, and remembers what they were told and which of them don't understand it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: LivePriceSettings,
        *,
        prices: LivePrices,
        send: Send,
        is_free: IsFree,
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._prices, self._send, self._is_free = prices, send, is_free
        self._told: dict[int, tuple[datetime, Money]] = {}
        self._deaf: set[ChargePointId] = set()

    async def run(self) -> datetime | None:
        """Tell what has changed, and when to look again. Cancelling is safe: what was not told is told later."""
        if self._settings.tell == "none":
            return None
        now = self._clock.utc()
        running = await self._store.read(running_transactions)
        self._told = {one.id: self._told[one.id] for one in running if one.id in self._told}
        due = [one for one in running if self._is_due(one, now)]
        prices = await self._prices.of(due)
        limit = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for one in due:
                tasks.create_task(self._tell(one, prices[one.id], now, limit))
        return min((at + self._pause for at, _ in self._told.values() if at + self._pause > now), default=None)

    @property
    def _pause(self) -> timedelta:
        return timedelta(seconds=self._settings.every_s)

    def _is_due(self, one: RunningTransaction, now: datetime) -> bool:
        wanted = self._settings.tell == "all" or one.vendor == VENDOR_ID or one.station_key != ""
        told = self._told.get(one.id)
        rested = told is None or told[0] + self._pause <= now
        return wanted and rested and one.charge_point_id not in self._deaf and self._is_free(one.charge_point_id)

    async def _tell(self, one: RunningTransaction, live: LivePrice, now: datetime, limit: asyncio.Semaphore) -> None:
        total, told = live.total, self._told.get(one.id)
        if total is None or live.at is None or (told is not None and told[1] == total):
            return
        action, payload = _message(one, total, live.energy, live.at)
        # Before the answer: a station that does not answer must not be asked again and again.
        self._told[one.id] = (now, total)
        async with limit:
            try:
                answer = await self._send(one.charge_point_id, action, payload)
            except CommandRefusedError as error:
                self._deaf.add(one.charge_point_id)
                log.info("station_shows_no_cost", charge_point=one.charge_point_id, reason=error)
                return
            except CommandError as error:
                log.debug("cost_not_told", charge_point=one.charge_point_id, reason=error)
                return
        if answer.get("status") in ("UnknownVendorId", "UnknownMessageId"):
            self._deaf.add(one.charge_point_id)
            log.info("station_shows_no_cost", charge_point=one.charge_point_id, answer=answer["status"])


def _message(one: RunningTransaction, total: Money, energy: Wh, at: datetime) -> tuple[str, Payload]:
    """Say it in the words of the station's version: CostUpdated (OCPP 2.x part 2, I02), or our own in OCPP 1.6."""
    if one.station_key:
        return "CostUpdated", {"totalCost": total.rounded().amount, "transactionId": one.station_key}
    return "DataTransfer", encode_running_cost(RunningCost(one.id, total, energy, at))
