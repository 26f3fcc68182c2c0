"""The events of a transaction: the one description that the station stores, the wire carries and the backend rates.

The words are those of OCPP 2.0.1 (TransactionEventRequest); OCPP 1.6 messages are translated at its edge. Events of one
transaction are numbered from 0 without a gap, so that a missing one can be named.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterValue


class StopReason(StrEnum):
    """Why a transaction ended (OCPP 1.6 §7.36 and OCPP 2.x ReasonEnumType, values as on the wire)."""

    LOCAL = "Local"
    REMOTE = "Remote"
    EV_DISCONNECTED = "EVDisconnected"
    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    SOFT_RESET = "SoftReset"
    HARD_RESET = "HardReset"
    UNLOCK_COMMAND = "UnlockCommand"
    OTHER = "Other"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"  # noqa: S105  a reason, not a password
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_QUALITY = "PowerQuality"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"
    REQ_ENERGY_TRANSFER_REJECTED = "ReqEnergyTransferRejected"


class Trigger(StrEnum):
    """Why an event is told where nothing else in it says so (OCPP 2.x TriggerReasonEnumType, values as on the wire)."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    REMOTE_START = "RemoteStart"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"


class ChargingState(StrEnum):
    """How a transaction stands (OCPP 2.x ChargingStateEnumType, values as on the wire)."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


NEWER_REASONS = (
    StopReason.ENERGY_LIMIT_REACHED,
    StopReason.GROUND_FAULT,
    StopReason.IMMEDIATE_RESET,
    StopReason.LOCAL_OUT_OF_CREDIT,
    StopReason.MASTER_PASS,
    StopReason.OVERCURRENT_FAULT,
    StopReason.POWER_QUALITY,
    StopReason.SOC_LIMIT_REACHED,
    StopReason.STOPPED_BY_EV,
    StopReason.TIME_LIMIT_REACHED,
    StopReason.TIMEOUT,
    StopReason.REQ_ENERGY_TRANSFER_REJECTED,
)
"""Reasons that OCPP 1.6 has no word for."""


@dataclass(frozen=True, slots=True)
class Started:
    """The transaction began: from here on energy is counted for this driver.

    Args:
        key: the station's name of the transaction.
        evse_id: where the vehicle is connected.
        id_token: who pays.
        meter: register at the begin; its time is the begin of the transaction.
        reservation_id: the reservation that this transaction used up.
        remote_start_id: the number of the request that asked for it (OCPP 2.x), None where nobody did.
        trigger: what came last of all that was needed for it; None where that was not noted.
        state: how it stands now, likewise.
    """

    key: TransactionKey
    evse_id: EvseId
    id_token: IdToken
    meter: MeterValue
    reservation_id: int | None = None
    remote_start_id: int | None = None
    trigger: Trigger | None = None
    state: ChargingState | None = None

    @property
    def seq_no(self) -> int:
        """Always 0."""
        return 0

    @property
    def at(self) -> datetime:
        """The time of the event."""
        return self.meter.at


@dataclass(frozen=True, slots=True)
class Updated:
    """Readings while the transaction runs.

    Args:
        key: as in Started.
        seq_no: one more than that of the last event.
        evse_id: as in Started.
        values: in order of time, not empty.
        trigger: why they are told; None where the values say it themselves.
        state: how the transaction stands, None where that was not noted.
    """

    key: TransactionKey
    seq_no: int
    evse_id: EvseId
    values: tuple[MeterValue, ...]
    trigger: Trigger | None = None
    state: ChargingState | None = None

    @property
    def at(self) -> datetime:
        """The time of the event: that of its last reading."""
        return self.values[-1].at


@dataclass(frozen=True, slots=True)
class Ended:
    """The transaction is over.

    Args:
        key: as in Started.
        seq_no: one more than that of the last event.
        evse_id: as in Started.
        meter: register at the end; its time is the end of the transaction.
        reason: why.
        id_token: who ended it, if a token was presented for that.
        repeated: values of the transaction that its end tells again, from the first to the last; usually none.
        state: how it stood at the end, None where that was not noted.
    """

    key: TransactionKey
    seq_no: int
    evse_id: EvseId
    meter: MeterValue
    reason: StopReason
    id_token: IdToken | None = None
    repeated: tuple[MeterValue, ...] = ()
    state: ChargingState | None = None

    @property
    def at(self) -> datetime:
        """The time of the event."""
        return self.meter.at


TransactionEvent = Started | Updated | Ended


def retimed(event: TransactionEvent, correct: Callable[[datetime], datetime]) -> TransactionEvent:
    """Give the event with every time in it corrected; nothing else changes."""

    def value(meter: MeterValue) -> MeterValue:
        return replace(meter, at=correct(meter.at))

    if isinstance(event, Updated):
        return replace(event, values=tuple(value(v) for v in event.values))
    if isinstance(event, Ended):
        return replace(event, meter=value(event.meter), repeated=tuple(value(v) for v in event.repeated))
    return replace(event, meter=value(event.meter))
