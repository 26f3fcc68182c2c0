"""One EVSE: asks board and meter, feeds station.core.charging, and does what that decides, the journal first."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeVar

from hardware.api import EvseBoard, Meter
from hardware.errors import HardwareError
from shared.ids import EvseId, IdToken
from shared.log import Log
from shared.metering import MeterReading, MeterValue
from shared.money import Money
from shared.transaction import Ended, Started, TransactionEvent
from station.authorizer import Authorizer
from station.core.authorize import Accept
from station.core.charging import Charging, Phase
from station.core.evse_events import (
    Action,
    Allow,
    Authorize,
    Authorized,
    BoardLost,
    BoardSeen,
    Event,
    MarkEnding,
    MeterRead,
    Notify,
    Record,
    Refused,
    SendSample,
    Stop,
    Tell,
    Tick,
)
from station.errors import ServiceError
from station.journal import Journal
from station.timekeeper import Timekeeper

LOST_AFTER = 2
"""A device counts as lost after so many unanswered looks; each look already repeats itself on the bus."""

DEVICE_S = 15.0
"""No driver needs longer for one request, link time."""

T = TypeVar("T")

_LOG = Log("station.evse")


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where an EVSE tells what others must know.

    Args:
        notify: the connector's state and since when.
        sample: a clock-aligned value outside a transaction.
        stored: the journal has something new to deliver.
    """

    notify: Callable[[EvseId, Notify, datetime], None]
    sample: Callable[[EvseId, MeterValue], None]
    stored: Callable[[], None]


class EvseTask:
    """See the module. Whoever wants something of the EVSE puts an event into it with `tell`."""

    def __init__(
        self,
        charging: Charging,
        board: EvseBoard,
        meter: Meter,
        *,
        journal: Journal,
        timekeeper: Timekeeper,
        authorizer: Authorizer,
        outlets: Outlets,
        poll_s: float,
    ) -> None:
        self.charging = charging
        self.idle = asyncio.Event()
        """Set while no transaction is open."""
        self.read_at = 0.0
        """Uptime of the last reading, s."""
        self.cost: Money | None = None
        """What the running transaction costs so far, as the central system told it; for the driver, never billed."""
        self._board = board
        self._meter = meter
        self._journal = journal
        self._timekeeper = timekeeper
        self._authorizer = authorizer
        self._outlets = outlets
        self._poll_s = poll_s
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._board_misses = self._meter_misses = 0
        self._unheeded = ""
        self._turn = asyncio.Lock()
        self._group = asyncio.TaskGroup()

    def tell(self, event: Event) -> None:
        """Let something happen to the EVSE."""
        self._inbox.put_nowait(event)

    async def lend(self, job: Callable[[EvseBoard, Meter], Awaitable[T]]) -> T:
        """Let a technician's test have board and meter for itself; however it ends, the contactor is opened afterwards.

        Raises:
            ServiceError: somebody charges here, or is about to.
            HardwareError: of the test.
        """
        async with self._turn:
            if self.charging.transaction or self.charging.phase is not Phase.IDLE:
                raise ServiceError(f"EVSE {self.charging.evse_id} is in use: wait until nobody charges there")
            try:
                return await job(self._board, self._meter)
            finally:
                await self._command("stop", self._board.stop())

    async def run(self) -> NoReturn:
        """Serve the EVSE for ever. Failures of the devices are lived with; failures of the journal end it."""
        async with self._group:
            while True:
                async with self._turn:
                    await self._look()
                await self._wait()
        raise AssertionError("unreachable")

    async def _look(self) -> None:
        """Ask the board, then the meter: a reading after an open contactor is a final one."""
        await self._see_board()
        await self._read_meter()
        await self._feed(Tick())

    async def _see_board(self) -> None:
        try:
            async with asyncio.timeout(DEVICE_S):
                status = await self._board.status()
        except (HardwareError, TimeoutError) as error:
            self._board_misses += 1
            if self._board_misses == LOST_AFTER:
                _LOG.warning("board_lost", evse=self.charging.evse_id, reason=error)
            if self._board_misses >= LOST_AFTER:
                await self._feed(BoardLost())
            return
        if self._board_misses >= LOST_AFTER:
            _LOG.info("board_back", evse=self.charging.evse_id)
        self._board_misses = 0
        await self._feed(BoardSeen(status))

    async def _read_meter(self) -> None:
        reading: MeterReading | None = None
        try:
            async with asyncio.timeout(DEVICE_S):
                reading = await self._meter.read()
        except (HardwareError, TimeoutError) as error:
            self._meter_misses += 1
            if self._meter_misses == LOST_AFTER:
                _LOG.warning("meter_lost", evse=self.charging.evse_id, effect="nothing new starts", reason=error)
            if self._meter_misses < LOST_AFTER:
                return
        else:
            if self._meter_misses >= LOST_AFTER:
                _LOG.info("meter_back", evse=self.charging.evse_id, register_wh=reading.energy_import)
            self._meter_misses = 0
            self.read_at = self._timekeeper.clock.uptime()
        await self._feed(MeterRead(reading))

    async def _wait(self) -> None:
        """Wait for the next look or for an event, and take in all events that have come."""
        sleeper = asyncio.ensure_future(self._timekeeper.clock.sleep(self._poll_s))
        getter = asyncio.ensure_future(self._inbox.get())
        try:
            await asyncio.wait({sleeper, getter}, return_when=asyncio.FIRST_COMPLETED)
            if getter.done():
                await self._feed(getter.result())
        finally:
            sleeper.cancel()
            getter.cancel()
        while not self._inbox.empty():
            await self._feed(self._inbox.get_nowait())

    async def _feed(self, event: Event) -> None:
        for action in self.charging.handle(event, self._timekeeper.now()):
            await self._do(action)
        if self.charging.transaction:
            self.idle.clear()
        else:
            self.idle.set()

    async def _do(self, action: Action) -> None:
        evse_id = self.charging.evse_id
        match action:
            case Record(event, past):
                await self._record(event, past)
            case MarkEnding(key, ending):
                await self._journal.mark_ending(key, ending)
            case Allow(current_a):
                await self._command("allow", self._board.allow(current_a))
            case Stop():
                await self._command("stop", self._board.stop())
            case Authorize(token):
                self._group.create_task(self._authorize(token))
            case Notify():
                self._outlets.notify(evse_id, action, self._timekeeper.now().utc)
            case SendSample(value):
                self._outlets.sample(evse_id, value)
            case Tell(fact, why):
                transaction = self.charging.transaction
                fields = {"key": transaction.started.key} if transaction else {}
                _LOG.info(fact, evse=evse_id, **fields, **({"reason": why} if why else {}))

    async def _record(self, event: TransactionEvent, past: bool) -> None:
        floor = self._timekeeper.passed(event.at)
        await self._journal.append(event, self._timekeeper.boot, floor, past=past)
        self._outlets.stored()
        if isinstance(event, Started):
            self.cost = None
            _LOG.info(
                "transaction_started",
                key=event.key,
                evse=event.evse_id,
                token=event.id_token,
                register_wh=event.meter.reading.energy_import,
            )
        elif isinstance(event, Ended):
            _LOG.info(
                "transaction_ended",
                key=event.key,
                evse=event.evse_id,
                reason=event.reason,
                register_wh=event.meter.reading.energy_import,
            )

    async def _command(self, name: str, command: Coroutine[object, object, None]) -> None:
        """Command the board. What fails is commanded again at the next look, because the board then shows it undone."""
        try:
            async with asyncio.timeout(DEVICE_S):
                await command
        except (HardwareError, TimeoutError) as error:
            if self._unheeded != name:
                _LOG.warning("board_does_not_obey", evse=self.charging.evse_id, command=name, reason=error)
            self._unheeded = name
        else:
            self._unheeded = ""

    async def _authorize(self, token: IdToken) -> None:
        decision = await self._authorizer.authorize(token)
        self.tell(Authorized(token) if isinstance(decision, Accept) else Refused(token, decision.reason))
