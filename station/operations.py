"""What may be asked of the station from afar, free of the version of OCPP that asks.

Each operation is done, stored or handed to the EVSE when it returns, so that the answer made of it is true. None of
them waits for a call of ours, because the answer must go out before that. What technicians may ask is in
station.service_operations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.ids import EvseId, IdToken, TransactionKey
from shared.log import Log
from shared.metering import MeterValue, ReadingContext
from shared.money import Money
from shared.transaction import StopReason
from station.charging_operations import WHOLE, ChargingOperations
from station.core.authorize import TokenInfo
from station.core.charging import Charging
from station.core.charging_profile import ChargingProfile, InstallRules
from station.core.configuration import ChangeStatus, Configuration
from station.core.connector import Status
from station.core.delivery import Message
from station.core.dialect import BootReason, Dialect, Identity
from station.core.evse_condition import Phase
from station.core.evse_events import EndRequested, OperativeChanged, RemoteStart, Reserved, SampleAsked
from station.core.reservation import Reservation, ReserveOutcome
from station.core.routes import FILE_SLOT, Route, Routes
from station.core.sampling import select
from station.core.status_reports import StatusReports, timed
from station.csms_link import HEARTBEAT, CsmsLink
from station.evse_task import RESERVATION_PREFIX, EvseTask
from station.firmware import FirmwareUpdates
from station.journal import Journal
from station.log_upload import LogUploads
from station.security.operations import PASSWORD_KEY, PROFILE_KEY, SecurityOperations
from station.settings import TransferSettings
from station.timekeeper import Timekeeper

KEY_PREFIX = "key."
"""Names of configuration keys in the journal."""
ROUTE_PREFIX = "route."
"""Names of the ways to the central system in the journal, by slot."""
OPERATIVE_PREFIX = "operative."
"""Names of the availability of EVSEs in the journal."""

_LOG = Log("station.csms")


class Outcome(StrEnum):
    """What became of a request; the words are those of every version of OCPP."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class ListOutcome(StrEnum):
    """What became of a local list."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"
    NOT_SUPPORTED = "NotSupported"


class Topic(StrEnum):
    """A message that can be asked for."""

    BOOT = "BootNotification"
    HEARTBEAT = "Heartbeat"
    STATUS = "StatusNotification"
    METER_VALUES = "MeterValues"
    TRANSACTION = "TransactionEvent"
    FIRMWARE_STATUS = "FirmwareStatusNotification"
    SIGNED_FIRMWARE_STATUS = "SignedFirmwareStatusNotification"
    DIAGNOSTICS_STATUS = "DiagnosticsStatusNotification"
    LOG_STATUS = "LogStatusNotification"


@dataclass(frozen=True, slots=True)
class Station:
    """What the operations work on.

    Args:
        evses: the EVSEs.
        link: to the central system.
        dialect: the version that it speaks.
        journal: the memory.
        timekeeper: the time.
        configuration: the keys in force.
        statuses: what is true of the connectors.
        security: keys and certificates.
        charging: charging profiles.
        identity: of the station at the central system.
        routes: the ways to the central system.
        about: gives who the station is.
        firmware: updates.
        logs: uploads of logs.
        transfer: how often such a file is tried, unless the request says it.
        boot: gives BootNotification.
        reset: ends the program after the transactions have ended.
        reset_when_idle: likewise, but waits until they have ended by themselves.
        availability_changed: hears whether the whole station is in service now.
    """

    evses: Mapping[EvseId, EvseTask]
    link: CsmsLink
    dialect: Dialect
    journal: Journal
    timekeeper: Timekeeper
    configuration: Configuration
    statuses: StatusReports
    security: SecurityOperations
    charging: ChargingOperations
    identity: str
    routes: Routes
    about: Callable[[], Identity]
    firmware: FirmwareUpdates
    logs: LogUploads
    transfer: TransferSettings
    boot: Callable[[BootReason], Message]
    reset: Callable[[StopReason], None]
    reset_when_idle: Callable[[], None]
    availability_changed: Callable[[bool], None]


class Operations:
    """See the module."""

    def __init__(self, station: Station) -> None:
        self._station = station

    @property
    def station(self) -> Station:
        """What the operations work on, to be looked at."""
        return self._station

    @property
    def security(self) -> SecurityOperations:
        """What may be asked of keys and certificates."""
        return self._station.security

    @property
    def charging(self) -> ChargingOperations:
        """What may be asked of charging profiles."""
        return self._station.charging

    @property
    def firmware(self) -> FirmwareUpdates:
        """What may be asked of the firmware."""
        return self._station.firmware

    @property
    def logs(self) -> LogUploads:
        """What may be asked of the logs."""
        return self._station.logs

    @property
    def transfer(self) -> TransferSettings:
        """How often a file is tried, unless the request says it."""
        return self._station.transfer

    @property
    def configuration(self) -> Configuration:
        """The keys in force."""
        return self._station.configuration

    async def start(
        self,
        token: IdToken,
        evse_id: EvseId | None,
        *,
        remote_start_id: int | None = None,
        profile: tuple[ChargingProfile, InstallRules] | None = None,
    ) -> Outcome:
        """Start a transaction, where the vehicle waits if no EVSE is named.

        Args:
            token: who charges.
            evse_id: where.
            remote_start_id: number of the request, where the version of OCPP has one.
            profile: a TxProfile for it, with the rules of the version spoken.
        """
        evse = self._startable(token, evse_id)
        if evse is None or not self._station.link.is_accepted:
            return Outcome.REJECTED
        if profile and await self.charging.await_start(evse.charging.evse_id, *profile, token):
            return Outcome.REJECTED
        evse.tell(RemoteStart(token, self.configuration.flag("AuthorizeRemoteTxRequests"), remote_start_id))
        return Outcome.ACCEPTED

    def _startable(self, token: IdToken, evse_id: EvseId | None) -> EvseTask | None:
        named = [evse for number, evse in self._station.evses.items() if evse_id in (None, number)]
        ready = [evse for evse in named if evse.charging.phase is Phase.IDLE and evse.charging.may_begin(token)]
        return max(ready, key=lambda evse: (_is_kept_for(token, evse), evse.charging.is_plugged), default=None)

    async def transaction_of(self, number: int) -> TransactionKey | None:
        """Find an open transaction by the number that the central system gave it."""
        found = await self._station.journal.open_transaction_of(number)
        return found[1] if found else None

    def stop(self, key: TransactionKey | None) -> Outcome:
        """End a transaction."""
        evse = self._evse_of(key)
        if evse is None or not self._station.link.is_accepted:
            return Outcome.REJECTED
        evse.tell(EndRequested(StopReason.REMOTE))
        return Outcome.ACCEPTED

    def set_cost(self, key: TransactionKey | None, cost: Money) -> Outcome:
        """Show a driver what the transaction costs so far."""
        evse = self._evse_of(key)
        if evse is None:
            return Outcome.REJECTED
        evse.cost = cost
        return Outcome.ACCEPTED

    def _evse_of(self, key: TransactionKey | None) -> EvseTask | None:
        for evse in self._station.evses.values():
            transaction = evse.charging.transaction
            if transaction and transaction.started.key == key:
                return evse
        return None

    async def change_availability(self, evse_id: EvseId, operative: bool) -> Outcome:
        """Put an EVSE, or the whole station, into or out of service; survives restarts."""
        evses = self._station.evses
        chosen = evses if evse_id == WHOLE else {evse_id: evses[evse_id]} if evse_id in evses else {}
        if not chosen:
            return Outcome.REJECTED
        for number, evse in chosen.items():
            await self._station.journal.set_value(f"{OPERATIVE_PREFIX}{number}", str(operative))
            evse.tell(OperativeChanged(operative))
        if evse_id == WHOLE:
            await self._station.journal.set_value(f"{OPERATIVE_PREFIX}0", str(operative))
            self._station.availability_changed(operative)
        busy = any(evse.charging.transaction for evse in chosen.values())
        return Outcome.SCHEDULED if busy and not operative else Outcome.ACCEPTED

    async def reserve(self, evse_id: EvseId, reservation: Reservation) -> ReserveOutcome:
        """Keep an EVSE for a driver; survives restarts. One of the same number is replaced wherever it was."""
        evse = self._station.evses.get(evse_id)
        if evse is None or reservation.expires <= self._station.timekeeper.now().utc:
            return ReserveOutcome.REJECTED
        outcome = _reservable(evse.charging, reservation.number)
        if outcome is ReserveOutcome.ACCEPTED:
            await self.cancel_reservation(reservation.number)
            await self._keep(evse_id, evse, reservation)
        return outcome

    async def reserve_one_of(self, evse_ids: Sequence[EvseId], reservation: Reservation) -> ReserveOutcome:
        """Keep the first of these EVSEs that is free; the one that this number keeps already comes before others."""

        def order(evse_id: EvseId) -> bool:
            kept = self._station.evses[evse_id].charging.reservation
            return kept is None or kept.number != reservation.number

        outcomes = []
        for evse_id in sorted(evse_ids, key=order):
            outcomes.append(await self.reserve(evse_id, reservation))
            if outcomes[-1] is ReserveOutcome.ACCEPTED:
                break
        is_mixed = len(set(outcomes)) > 1 and outcomes[-1] is not ReserveOutcome.ACCEPTED
        return ReserveOutcome.OCCUPIED if is_mixed else outcomes[-1]

    async def cancel_reservation(self, number: int) -> Outcome:
        """Keep an EVSE for nobody any more."""
        for evse_id, evse in self._station.evses.items():
            reservation = evse.charging.reservation
            if reservation and reservation.number == number:
                await self._keep(evse_id, evse, None)
                return Outcome.ACCEPTED
        return Outcome.REJECTED

    async def _keep(self, evse_id: EvseId, evse: EvseTask, reservation: Reservation | None) -> None:
        text = reservation.encode() if reservation else ""
        await self._station.journal.set_value(f"{RESERVATION_PREFIX}{evse_id}", text)
        evse.tell(Reserved(reservation))
        _LOG.info("reserved" if reservation else "reservation_cancelled", evse=evse_id)

    async def change_key(self, name: str, text: str) -> ChangeStatus:
        """Change a configuration key, for the central system or a technician; it is stored before it counts."""
        if name in (PROFILE_KEY, PASSWORD_KEY):
            return await self.security.change_key(name, text)
        status = self.configuration.judge(name, text)
        if status is ChangeStatus.REJECTED:
            _LOG.warning("key_refused", key=name, reason=self.configuration.objection(name, text))
        if status in (ChangeStatus.ACCEPTED, ChangeStatus.REBOOT_REQUIRED):
            await self._station.journal.set_value(f"{KEY_PREFIX}{name}", text)
        if status is ChangeStatus.ACCEPTED:
            self.configuration.change(name, text)
            self._station.link.wake()
        return status

    async def keep_route(self, route: Route) -> None:
        """Keep a way to the central system; it is used from the next start on, if the order of the ways names it."""
        await self._station.journal.set_value(f"{ROUTE_PREFIX}{route.slot}", route.encode())
        _LOG.info("route_stored", slot=route.slot, profile=route.profile)

    async def known_slots(self) -> frozenset[str]:
        """Give the slots that hold a way to the central system."""
        return frozenset(await self._station.journal.values(ROUTE_PREFIX)) | {str(FILE_SLOT)}

    async def clear_cache(self) -> Outcome:
        """Forget what the central system said of tokens."""
        await self._station.journal.tokens.clear_cache()
        return Outcome.ACCEPTED

    def reset(self, reason: StopReason) -> Outcome:
        """End all transactions for a reason, then the program."""
        self._station.reset(reason)
        return Outcome.ACCEPTED

    def reset_when_idle(self) -> Outcome:
        """End the program as soon as no transaction is open; none is ended for it."""
        busy = any(evse.charging.transaction for evse in self._station.evses.values())
        self._station.reset_when_idle()
        return Outcome.SCHEDULED if busy else Outcome.ACCEPTED

    def reset_evse(self, evse_id: EvseId, *, at_once: bool) -> Outcome:
        """Reset one EVSE: end what runs there, or wait for its end, then test its board anew (part 2, B11, B12)."""
        evse = self._station.evses.get(evse_id)
        if evse is None:
            return Outcome.REJECTED
        is_busy = evse.charging.transaction is not None
        evse.reset(StopReason.IMMEDIATE_RESET if at_once else None)
        return Outcome.SCHEDULED if is_busy and not at_once else Outcome.ACCEPTED

    async def transaction_status(self, key: TransactionKey) -> tuple[bool, bool]:
        """Tell of a transaction whether it is open, and whether messages of it wait for delivery."""
        return await self._station.journal.transaction_status(key)

    async def unlock(self, evse_id: EvseId) -> str:
        """End what runs at an EVSE and let go of the plug; gives UnlockStatus (OCPP 1.6 §7.45)."""
        evse = self._station.evses.get(evse_id)
        return await evse.unlock() if evse else "NotSupported"

    async def trigger(self, topic: Topic, evse_id: EvseId | None) -> Outcome:
        """Send a message that the central system asks for, of one EVSE or of all."""
        chosen = self._chosen(evse_id)
        if chosen is None:
            return Outcome.REJECTED
        match topic:
            case Topic.BOOT:
                self.post(self._station.boot(BootReason.TRIGGERED))
            case Topic.HEARTBEAT:
                self.post(HEARTBEAT)
            case Topic.STATUS:
                for number in chosen:
                    report = self._station.statuses.present(number)
                    if report and self._station.dialect.status_words(report) is not None:
                        self.post(self._station.dialect.status(timed(report, self._station.timekeeper.boot)))
            case Topic.FIRMWARE_STATUS | Topic.SIGNED_FIRMWARE_STATUS:
                self.post(self.firmware.report(numbered=topic is Topic.SIGNED_FIRMWARE_STATUS))
            case Topic.DIAGNOSTICS_STATUS | Topic.LOG_STATUS:
                self.post(self.logs.report(numbered=topic is Topic.LOG_STATUS))
            case Topic.METER_VALUES:
                return await self._trigger_meter_values(chosen)
            case Topic.TRANSACTION:
                return self._trigger_transactions(chosen)
        return Outcome.ACCEPTED

    def _chosen(self, evse_id: EvseId | None) -> list[EvseId] | None:
        """Give the EVSEs that are meant, None if the one named does not exist."""
        everything = [WHOLE, *self._station.evses]
        if evse_id is None:
            return everything
        return [evse_id] if evse_id in everything else None

    async def _trigger_meter_values(self, chosen: Iterable[EvseId]) -> Outcome:
        outcome = Outcome.REJECTED
        for evse_id in filter(None, chosen):
            charging = self._station.evses[evse_id].charging
            if reading := charging.reading:
                told = select(self.configuration, "MeterValuesSampledData", reading)
                value = MeterValue(self._station.timekeeper.now().utc, told, ReadingContext.TRIGGER)
                running = charging.transaction
                number = await self._station.journal.number_of(running.started.key) if running else None
                self.post(self._station.dialect.meter_values(evse_id, [value], number))
                outcome = Outcome.ACCEPTED
        return outcome

    def _trigger_transactions(self, chosen: Iterable[EvseId]) -> Outcome:
        running = [
            evse for number in filter(None, chosen) if (evse := self._station.evses[number]).charging.transaction
        ]
        for evse in running:
            evse.tell(SampleAsked())
        return Outcome.ACCEPTED if running else Outcome.REJECTED

    def post(self, message: Message) -> None:
        """Send what the central system has asked for, after the answer."""
        self._station.link.post(message, is_triggered=True)

    async def list_version(self) -> int:
        """Give the version of the local list; -1 where there is none, 0 where nobody has sent one."""
        if not self.configuration.flag("LocalAuthListEnabled"):
            return -1
        return await self._station.journal.tokens.list_version()

    async def update_list(
        self, version: int, entries: list[tuple[IdToken, TokenInfo | None] | None], *, replace: bool
    ) -> ListOutcome:
        """Change the local list in one piece, or leave it as it is.

        Args:
            version: the new one.
            entries: tokens with what is known of them, None = take it out; an entry that can't be read is None itself.
            replace: they are the whole list.
        """
        tokens = self._station.journal.tokens
        if not self.configuration.flag("LocalAuthListEnabled"):
            return ListOutcome.NOT_SUPPORTED
        if not replace and version <= await tokens.list_version():
            return ListOutcome.VERSION_MISMATCH
        good = [entry for entry in entries if entry]
        most = self.configuration.number("SendLocalListMaxLength")
        if version < 1 or len(good) != len(entries) or len(entries) > most or (replace and any(not e[1] for e in good)):
            return ListOutcome.FAILED
        length = 0 if replace else await tokens.list_length()
        if length + len(entries) > self.configuration.number("LocalAuthListMaxLength"):
            return ListOutcome.FAILED
        await tokens.update_list(version, good, replace=replace)
        return ListOutcome.ACCEPTED


def _is_kept_for(token: IdToken, evse: EvseTask) -> bool:
    reservation = evse.charging.reservation
    return reservation is not None and reservation.id_token == token


def _reservable(charging: Charging, number: int) -> ReserveOutcome:
    """Tell whether an EVSE can be kept for somebody (OCPP 1.6 §5.13)."""
    kept = charging.reservation
    match charging.status:
        case Status.AVAILABLE:
            return ReserveOutcome.ACCEPTED
        case Status.RESERVED if kept and kept.number == number:
            return ReserveOutcome.ACCEPTED
        case Status.FAULTED:
            return ReserveOutcome.FAULTED
        case Status.UNAVAILABLE:
            return ReserveOutcome.UNAVAILABLE
        case _:
            return ReserveOutcome.OCCUPIED
