"""The EVSEs of one agent put together, for station.app: from the settings, the hardware, and what the journal kept."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from hardware.api import SigningMeter
from shared.ids import NO_AUTHORIZATION, EvseId, IdToken, TransactionKey
from station.authorizer import Authorizer
from station.charging_profiles import ChargingProfiles
from station.core.charging import Charging
from station.core.configuration import Configuration
from station.core.dialect import Dialect
from station.core.evse_events import OpenTransaction
from station.core.protection import Protection
from station.core.reservation import Reservation, decode_reservation
from station.core.signing import Signing, SigningMode
from station.devices import EvseHardware, Hardware
from station.evse_task import FAULTS_PREFIX, HELD_PREFIX, METER_PREFIX, RESERVATION_PREFIX, EvseTask, Outlets
from station.journal import Journal
from station.limit_assembly import current_rules
from station.limits import Limits
from station.meter_signatures import MeterSignatures
from station.operations import OPERATIVE_PREFIX
from station.settings import EvseSettings, StationSettings, time_zone
from station.timekeeper import Timekeeper


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the journal kept of the EVSEs, by their numbers."""

    open_transactions: Mapping[EvseId, OpenTransaction]
    reservations: Mapping[EvseId, Reservation]
    operative: Mapping[str, str]
    faults: Mapping[str, str]
    held: Mapping[str, str]
    serials: Mapping[str, str]


class EvseMaker:
    """What all of them share."""

    def __init__(
        self,
        settings: StationSettings,
        hardware: Hardware,
        *,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        dialect: Dialect,
        authorizer: Authorizer,
        outlets: Outlets,
        profiles: ChargingProfiles,
        limits: Limits,
    ) -> None:
        self._settings = settings
        self._hardware = hardware
        self._journal = journal
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._dialect = dialect
        self._authorizer = authorizer
        self._outlets = outlets
        self._profiles = profiles
        self._limits = limits

    async def make(self) -> dict[EvseId, EvseTask]:
        """Make them, each as the journal left it, and load the charging profiles."""
        open_transactions = await self._journal.open_transactions(self._timekeeper.boot.number)
        await self._profiles.load(open_transactions, tuple(EvseId(evse.id) for evse in self._settings.evse))
        kept = _Kept(
            open_transactions,
            await self._reservations(open_transactions),
            await self._journal.values(OPERATIVE_PREFIX),
            await self._journal.values(FAULTS_PREFIX),
            await self._journal.values(HELD_PREFIX),
            await self._journal.values(METER_PREFIX),
        )
        return {EvseId(evse.id): await self._make_one(evse, kept) for evse in self._settings.evse}

    async def _make_one(self, evse: EvseSettings, kept: _Kept) -> EvseTask:
        devices = self._hardware.evses[EvseId(evse.id)]
        made = EvseTask(
            self._charging(evse, devices, kept),
            devices.board,
            devices.meter,
            journal=self._journal,
            timekeeper=self._timekeeper,
            authorizer=self._authorizer,
            outlets=self._outlets,
            poll_s=evse.poll_s,
            tests_rcd=evse.rcd_test != "never",
            phases=evse.phases,
            signatures=await self._signatures(evse, devices.signing),
            profiles=self._profiles,
            caps=self._limits.caps,
        )
        made.meter_serial = kept.serials.get(str(evse.id), "")
        return made

    def _charging(self, evse: EvseSettings, devices: EvseHardware, kept: _Kept) -> Charging:
        evse_id, board = EvseId(evse.id), devices.board.capabilities
        return Charging(
            evse_id,
            min(evse.max_current_a, board.maximum_a),
            self._configuration,
            lambda: TransactionKey(uuid.uuid4().hex[:16]),
            transaction=kept.open_transactions.get(evse_id),
            operative=kept.operative.get(str(evse_id), "True") == "True",
            latched=frozenset(kept.faults.get(str(evse_id), "").split()),
            held=frozenset(kept.held.get(str(evse_id), "").split()),
            tests_rcd=evse.rcd_test == "charge",
            free_vend=IdToken.parse(evse.free_vend_token, kind=NO_AUTHORIZATION) if evse.free_vend else None,
            protection=Protection(
                ventilated=evse.ventilated or evse.gpio.ventilated,
                derate_from_c=evse.derate_from_c,
                stop_from_c=evse.stop_from_c,
                wakes_vehicles=evse.wake_vehicles,
                locks=board.lock,
            ),
            reservation=kept.reservations.get(evse_id),
            tells_states=self._dialect.tells_states,
            gives_up_reservations=self._dialect.reservation_expired(0, is_removed=True) is not None,
            rules=current_rules(evse, self._settings.limits, board),
            signing=Signing(
                SigningMode(evse.signed), evse.signed_name or f"{self._settings.identity.charge_point_id}*{evse.id}"
            ),
        )

    async def _reservations(self, open_transactions: Mapping[EvseId, OpenTransaction]) -> dict[EvseId, Reservation]:
        """Give what is reserved; a cut between the start of a charge and this word of it leaves a used one behind."""
        stored = await self._journal.values(RESERVATION_PREFIX)
        used = {evse_id: running.started.reservation_id for evse_id, running in open_transactions.items()}
        found = {EvseId(int(name)): decode_reservation(text) for name, text in stored.items()}
        return {
            evse_id: reservation
            for evse_id, reservation in found.items()
            if reservation and used.get(evse_id) != reservation.number
        }

    async def _signatures(self, evse: EvseSettings, meter: SigningMeter | None) -> MeterSignatures | None:
        if meter is None:
            return None
        signatures = MeterSignatures(
            EvseId(evse.id),
            meter,
            journal=self._journal,
            timekeeper=self._timekeeper,
            configuration=self._configuration,
            wait_s=evse.signed_wait_s,
            zone=time_zone(self._settings.time.zone),
        )
        await signatures.load()
        return signatures
