"""One EVSE: asks board and meter, feeds station.core.charging, and does what that decides, the journal first.

Asking the board is also the heartbeat of a board with a watchdog: when this program hangs or dies, it falls to its safe
current by itself. A board is tested at its first answer, and again when it comes back while nobody charges.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, TypeVar

from hardware.api import EvseBoard, Light, Meter
from hardware.errors import DeviceError, HardwareError
from hardware.evse.self_test import SelfTest, self_test
from shared.ids import EvseId, IdToken
from shared.log import Log
from shared.metering import MeterReading, MeterValue
from shared.money import Money
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from station.authorizer import Authorizer
from station.charging_profiles import ChargingProfiles
from station.core.authorize import Accept, Refuse, Source
from station.core.charging import IN_USE, Charging
from station.core.connector import Status
from station.core.current_limit import Cap
from station.core.evse_condition import Phase
from station.core.evse_events import (
    Action,
    Allow,
    Authorize,
    Authorized,
    BeginSigning,
    BoardLost,
    BoardSeen,
    CheckRcd,
    CompareGroup,
    EndRequested,
    EndSigning,
    Event,
    FaultCleared,
    HoldPlug,
    JournalSeen,
    KeepFaults,
    KeepHeld,
    KeepReservation,
    Lent,
    LimitsSeen,
    LockPlug,
    MarkEnding,
    MeterRead,
    Notify,
    PhasesSwitched,
    PlugHeld,
    PlugLocked,
    RcdTested,
    Record,
    RecoverSigning,
    Refused,
    ReleasePlug,
    ReleaseSigned,
    SelfTested,
    SendSample,
    StartNotStored,
    Stop,
    StopAuthorized,
    SwitchPhases,
    Tell,
    TellExpired,
    Tick,
    Updating,
)
from station.core.timekeeping import BootTime
from station.errors import JournalStalled, ServiceError
from station.journal import Journal
from station.journal_queue import JournalQueue
from station.meter_signatures import MeterSignatures
from station.timekeeper import Timekeeper

LOST_AFTER = 2
"""A device counts as lost after so many unanswered looks; each look already repeats itself on the bus."""

DEVICE_S = 15.0
"""No driver needs longer for one request, link time."""

SELF_TEST_S = 60.0
"""A board may take a while to test its residual current device and its lock, link time."""

FAULTS_PREFIX = "faults."
"""Names of the faults in the journal that only a technician may clear, by EVSE."""

HELD_PREFIX = "held."
"""Names of the faults in the journal that hold until the vehicle has gone, by EVSE."""

METER_PREFIX = "meter."
"""Names of the serial numbers of the meters in the journal, by EVSE."""

RESERVATION_PREFIX = "reservation."
"""Names of the reservations in the journal, by EVSE."""

UNKNOWN_TO_SIGN = "the meter must sign who charges, and nobody can say now whether the card is good"
"""An unknown card may charge offline, but not where the begin is signed with it (Eichrecht)."""

_LIGHTS = {
    Status.AVAILABLE: Light.READY,
    Status.PREPARING: Light.BUSY,
    Status.CHARGING: Light.CHARGING,
    Status.SUSPENDED_EV: Light.BUSY,
    Status.SUSPENDED_EVSE: Light.BUSY,
    Status.FINISHING: Light.BUSY,
    Status.RESERVED: Light.BUSY,
    Status.FAULTED: Light.FAULT,
    Status.UNAVAILABLE: Light.OFF,
}

T = TypeVar("T")

_LOG = Log("station.evse")


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where an EVSE tells what others must know.

    Args:
        notify: the connector's state and since when.
        sample: a clock-aligned value outside a transaction.
        stored: the journal has something new to deliver.
        decided: a card was accepted or not, and by whom or why.
        expired: a reservation came to its end unused; its number, and whether its EVSE failed before its time.
    """

    notify: Callable[[EvseId, Notify, datetime], None]
    sample: Callable[[EvseId, MeterValue], None]
    stored: Callable[[], None]
    decided: Callable[[IdToken, bool, str], None]
    expired: Callable[[int, bool], None] = lambda _number, _is_removed: None


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
        tests_rcd: bool = True,
        phases: int = 3,
        signatures: MeterSignatures | None = None,
        profiles: ChargingProfiles,
        caps: Callable[[EvseId], tuple[Cap, ...]],
    ) -> None:
        """Describe the task.

        Args:
            charging: its core.
            board: of the EVSE.
            meter: of the EVSE.
            journal: where all is written first.
            timekeeper: stamps and uptime.
            authorizer: judges cards.
            outlets: where others are told.
            poll_s: how often board and meter are asked, world time.
            tests_rcd: whether the self-test includes the residual current device.
            phases: 1 or 3, for a board that can switch.
            signatures: of the meter, where it signs.
            profiles: charging profiles, which hear of begin and end.
            caps: gives what limits an EVSE now, beside its own devices.
        """
        self.charging = charging
        self.idle = asyncio.Event()
        """Set while no transaction is open."""
        self.read_at = 0.0
        """Uptime of the last reading, s."""
        self.cost: Money | None = None
        """What the running transaction costs so far, as the central system told it; for the driver, never billed."""
        self.message = ""
        """What the central system wants the driver to read, empty = nothing."""
        self.self_test: SelfTest | None = None
        """What the last self-test of the board found."""
        self.meter_serial = ""
        """As the meter told it, in an earlier life of the program at first; empty where it tells none."""
        self._board = board
        self.phases = phases
        """With which it charges."""
        self._tests_rcd = tests_rcd
        self._profiles, self._caps = profiles, caps
        self._meter, self._signatures = meter, signatures
        self._journal = journal
        self._timekeeper = timekeeper
        self._authorizer = authorizer
        self._outlets = outlets
        self._poll_s = poll_s
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._board_misses = self._meter_misses = 0
        self._is_same_meter = False
        self._queue = JournalQueue(charging.evse_id)
        self._unheeded = ""
        self._is_lent = False
        self._turn = asyncio.Lock()
        self._group = asyncio.TaskGroup()

    @property
    def has_lock(self) -> bool:
        """Tell whether there is a socket whose plug the board locks, rather than a cable."""
        return self._board.capabilities.lock

    @property
    def signs(self) -> bool:
        """Tell whether its meter signs."""
        return self._signatures is not None

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
            self._refuse_if_used()
            try:
                return await job(self._board, self._meter)
            finally:
                await self._command("stop", self._board.stop())

    async def hand_over(self) -> None:
        """Open the contactor and leave board and meter alone until `take_back`; cards are refused meanwhile.

        Raises:
            ServiceError: somebody charges here or is about to, or they are handed over already.
        """
        async with self._turn:
            self._refuse_if_used()
            self._is_lent = True
            await self._feed(Lent(True))
            await self._command("stop", self._board.stop())

    def take_back(self) -> None:
        """Use board and meter again, after a self-test of the board."""
        self._is_lent, self.self_test = False, None
        self.tell(Tick())

    def _is_unused(self) -> bool:
        return self.charging.phase is Phase.IDLE and not self._is_lent

    def _refuse_if_used(self) -> None:
        charging = self.charging
        if charging.transaction or charging.phase is not Phase.IDLE:
            raise ServiceError(f"EVSE {charging.evse_id} is in use: wait until nobody charges there")
        if charging.is_lent:
            raise ServiceError(f"EVSE {charging.evse_id} is in maintenance: another tool has its lines")

    async def run(self) -> NoReturn:
        """Serve the EVSE for ever. Failures of the devices are lived with; failures of the journal end it."""
        async with self._group:
            self._group.create_task(self._board.run())
            if self._signatures:
                self._group.create_task(self._signatures.run(self._is_unused))
            while True:
                async with self._turn:
                    await self._look()
                await self._wait()
        raise AssertionError("unreachable")

    async def _look(self) -> None:
        """Ask the board, then the meter: a reading after an open contactor is a final one."""
        await self._feed(LimitsSeen(self._caps(self.charging.evse_id)))
        if not self._is_lent:
            await self._see_board()
            await self._read_meter()
            if self.charging.is_lent:
                await self._feed(Lent(False))
        await self._queue.flush(probe=self._timekeeper.keep)
        await self._feed(JournalSeen(self._queue.trouble))
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
        is_back = self._board_misses >= LOST_AFTER
        if is_back:
            _LOG.info("board_back", evse=self.charging.evse_id)
        self._board_misses = 0
        if self.self_test is None or (is_back and self.charging.phase is Phase.IDLE):
            await self._test_board(self._board)
        await self._feed(BoardSeen(status))

    async def _test_board(self, board: EvseBoard) -> SelfTest:
        try:
            async with asyncio.timeout(SELF_TEST_S):
                result = await self_test(board, rcd=self._tests_rcd)
                if board.capabilities.phase_switching:
                    await board.switch_phases(self.phases)
                    self.tell(PhasesSwitched(self.phases))
        except (HardwareError, TimeoutError) as error:
            _LOG.warning("board_self_test_broken_off", evse=self.charging.evse_id, reason=error or "no answer in time")
            return self.self_test or SelfTest(())
        self.self_test = result
        for check in result.checks:
            if check.passed is False:
                _LOG.warning("board_check_failed", evse=self.charging.evse_id, check=check.name, reason=check.text)
        if result.passed:
            _LOG.info("board_fit", evse=self.charging.evse_id, checks=len(result.checks))
        await self._feed(SelfTested(result.faults))
        return result

    async def repeat_self_test(self) -> SelfTest:
        """Test the board again, for a technician; a test that now passes lifts what its failure had blocked.

        Raises:
            ServiceError: somebody charges here, or is about to.
        """

        async def job(board: EvseBoard, _meter: Meter) -> SelfTest:
            return await self._test_board(board)

        return await self.lend(job)

    def reset(self, reason: StopReason | None) -> None:
        """End what runs here for a reason, with None let it come to its end; then test the board anew."""
        self._group.create_task(self._reset(reason))

    async def _reset(self, reason: StopReason | None) -> None:
        self.tell(Updating(True))
        if reason:
            self.tell(EndRequested(reason))
        await self.idle.wait()
        # Whatever else has its lines now tests the board itself when it gives them back.
        with contextlib.suppress(ServiceError):
            await self.repeat_self_test()
        self.tell(Updating(False))
        _LOG.info("evse_reset", evse=self.charging.evse_id)

    async def unlock(self) -> str:
        """End what runs here and let go of the plug; gives UnlockStatus (OCPP 1.6 §7.45). Cancelling is safe."""
        if not self._board.capabilities.lock:
            return "NotSupported"
        self.tell(EndRequested(StopReason.UNLOCK_COMMAND))
        try:
            async with asyncio.timeout(DEVICE_S):
                if self.charging.transaction:
                    await self.idle.wait()
                async with self._turn:
                    await self._board.unlock()
                self.tell(PlugHeld(None))
        except (HardwareError, TimeoutError) as error:
            _LOG.warning("plug_not_unlocked", evse=self.charging.evse_id, reason=error or "no answer in time")
            return "UnlockFailed"
        return "Unlocked"

    def clear_fault(self) -> frozenset[str]:
        """Clear what is kept for a technician or held until replug, and give what that was.

        Raises:
            ServiceError: nothing is kept, or the board still shows the fault.
        """
        kept, cause = self.charging.kept_faults, self.charging.fault_cause
        if not kept:
            raise ServiceError(f"EVSE {self.charging.evse_id} keeps no fault")
        if cause:
            raise ServiceError(f"EVSE {self.charging.evse_id}: {cause}. Repair it first, then clear the fault")
        self.tell(FaultCleared())
        return kept

    async def _read_meter(self) -> None:
        reading: MeterReading | None = None
        try:
            async with asyncio.timeout(DEVICE_S):
                if not self._is_same_meter:
                    await self._recognise_meter()
                reading = await self._meter.read()
        except (HardwareError, TimeoutError, JournalStalled) as error:
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

    async def _recognise_meter(self) -> None:
        """Tell a meter that was exchanged while the agent was away: its register says nothing of an open transaction.

        Raises:
            DeviceError: it is another one than the transaction began with.
        """
        name = f"{METER_PREFIX}{self.charging.evse_id}"
        serial, known = (await self._meter.identify()).serial, await self._journal.value(name)
        if self.charging.transaction and known is not None and serial != known:
            raise DeviceError(
                f"the meter has serial number {serial or 'none'} instead of {known or 'none'}: it was exchanged while "
                "the agent was away, so the open transaction ends with the last register of the old one"
            )
        self.meter_serial = serial
        if serial != known:
            await self._queue.write(lambda: self._journal.set_value(name, serial))
        self._is_same_meter = True

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
        # What is stamped now belongs to the time that is kept now, whatever is learned meanwhile.
        boot, was = self._timekeeper.boot, self.charging.phase
        try:
            for action in self.charging.handle(event, self._timekeeper.now()):
                await self._do(action, boot)
        except JournalStalled as error:
            # Of all that is written only a start does not wait; what it would have justified is left undone.
            await self._feed(JournalSeen(self._queue.trouble))
            await self._feed(StartNotStored(str(error)))
        if was is not Phase.IDLE and self.charging.phase is Phase.IDLE:
            await self._queue.write(functools.partial(self._profiles.end, self.charging.evse_id))
        if self.charging.transaction:
            self.idle.clear()
        else:
            self.idle.set()

    async def _do(self, action: Action, boot: BootTime) -> None:
        evse_id = self.charging.evse_id
        match action:
            case Record(event, past):
                await self._record(event, boot, past=past)
            case MarkEnding(key, ending):
                await self._queue.write(functools.partial(self._journal.mark_ending, key, ending))
            case Allow(current_a):
                await self._command("allow", self._board.allow(current_a))
            case Stop():
                await self._command("stop", self._board.stop())
            case SwitchPhases(phases):
                await self._command("switch_phases", self._board.switch_phases(phases))
                if not self._unheeded:
                    self.tell(PhasesSwitched(phases))
            case Authorize(token):
                self._group.create_task(self._authorize(token))
            case CompareGroup(token, owner):
                self._group.create_task(self._compare(token, owner))
            case HoldPlug(token) if self._board.capabilities.lock:
                await self._command("lock", self._board.lock())
                if not self._unheeded:
                    self.tell(PlugHeld(token))
            case ReleasePlug():
                await self._command("unlock", self._board.unlock())
            case KeepReservation(reservation):
                text = reservation.encode() if reservation else ""
                await self._queue.write(lambda: self._journal.set_value(f"{RESERVATION_PREFIX}{evse_id}", text))
            case TellExpired(number, is_removed):
                self._outlets.expired(number, is_removed)
            case CheckRcd():
                self.tell(await self._test_rcd())
            case LockPlug():
                self.tell(await self._lock_plug())
            case BeginSigning() | EndSigning() | RecoverSigning() | ReleaseSigned() if self._signatures:
                self._group.create_task(self._sign(action, self._signatures))
            case KeepFaults(faults) | KeepHeld(faults):
                name = f"{HELD_PREFIX if isinstance(action, KeepHeld) else FAULTS_PREFIX}{evse_id}"
                await self._queue.write(functools.partial(self._journal.set_value, name, " ".join(sorted(faults))))
            case Notify(status):
                self._outlets.notify(evse_id, action, self._timekeeper.now().utc)
                if self._board.capabilities.lights:
                    await self._command("show", self._board.show(_LIGHTS[status]))
            case SendSample(value):
                self._outlets.sample(evse_id, value)
            case Tell(fact, why, is_danger):
                transaction = self.charging.transaction
                fields = {"key": transaction.started.key} if transaction else {}
                log = _LOG.error if is_danger else _LOG.info
                log(fact, evse=evse_id, **fields, **({"reason": why} if why else {}))

    async def _test_rcd(self) -> RcdTested:
        """Test the residual current device before a charge; a board that can't is taken as passed."""
        if not self._board.capabilities.rcd_test:
            return RcdTested()
        try:
            async with asyncio.timeout(DEVICE_S):
                await self._board.test_rcd()
        except DeviceError as error:
            _LOG.warning("rcd_test_failed", evse=self.charging.evse_id, reason=error)
            return RcdTested(str(error))
        except (HardwareError, TimeoutError) as error:
            return RcdTested(str(error) or "the test of the residual current device did not end", definite=False)
        return RcdTested()

    async def _lock_plug(self) -> PlugLocked:
        try:
            async with asyncio.timeout(DEVICE_S):
                await self._board.lock()
        except (HardwareError, TimeoutError) as error:
            return PlugLocked(str(error) or "the lock did not answer")
        return PlugLocked()

    async def _sign(
        self, action: BeginSigning | EndSigning | RecoverSigning | ReleaseSigned, signatures: MeterSignatures
    ) -> None:
        match action:
            case BeginSigning(session):
                self.tell(await signatures.begin(session))
            case EndSigning(session):
                self.tell(await signatures.end(session))
            case RecoverSigning(session):
                await signatures.recover(session)
            case ReleaseSigned():
                await signatures.release()

    async def _record(self, event: TransactionEvent, boot: BootTime, *, past: bool) -> None:
        async def append() -> None:
            await self._journal.append(event, boot, self._timekeeper.passed(event.at), past=past)
            self._outlets.stored()

        if isinstance(event, Started):
            await self._queue.write_now(append)
            begin = functools.partial(self._profiles.begin, event.evse_id, event.key, event.id_token)
            await self._queue.write(begin)
        else:
            await self._queue.write(append, may_be_left_out=isinstance(event, Updated))
        if isinstance(event, Started):
            self.cost, self.message = None, ""
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
        decision = await self._authorizer.authorize(token, self.charging.evse_id)
        if isinstance(decision, Accept) and decision.source is Source.OFFLINE_RULE and self.charging.must_sign:
            decision = Refuse(Source.OFFLINE_RULE, UNKNOWN_TO_SIGN)
        if isinstance(decision, Accept):
            self._outlets.decided(token, True, decision.source)
            self.tell(Authorized(token, decision.group))
        else:
            self._outlets.decided(token, False, decision.reason)
            self.tell(Refused(token, decision.reason))

    async def _compare(self, token: IdToken, owner: IdToken) -> None:
        evse_id = self.charging.evse_id
        decision = await self._authorizer.may_end(token, owner, evse_id)
        if isinstance(decision, Accept):
            self._outlets.decided(token, True, "group")
            self.tell(StopAuthorized(token, owner, self._authorizer.is_master_card(decision)))
        else:
            self._outlets.decided(token, False, IN_USE)
            self.tell(Refused(token, IN_USE))
