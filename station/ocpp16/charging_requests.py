"""What the central system may ask of charging profiles in OCPP 1.6 (§5.5, §5.7, §5.16): payloads and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from shared.ids import EvseId, TransactionKey
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp, timestamp
from station.charging_operations import ChargingOperations
from station.core.charging_profile import (
    OCPP16_RULES,
    ChargingProfile,
    Criteria,
    Kind,
    Period,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
)
from station.core.charging_schedule import CompositeSchedule
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.operations import Operations

_PURPOSES = {
    "ChargePointMaxProfile": Purpose.STATION_MAX,
    "TxDefaultProfile": Purpose.TX_DEFAULT,
    "TxProfile": Purpose.TX,
}
_NO_TRANSACTION = TransactionKey("")
"""Stands for a number that no transaction here has."""


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        "ClearChargingProfile": requests.clear_charging_profile,
        "GetCompositeSchedule": requests.get_composite_schedule,
        "SetChargingProfile": requests.set_charging_profile,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._charging: ChargingOperations = operations.charging

    async def set_charging_profile(self, payload: Payload) -> Payload:
        row, evse_id = _object(payload["csChargingProfiles"]), EvseId(_number(payload["connectorId"]))
        transaction = None
        if "transactionId" in row:
            transaction = await self._operations.transaction_of(_number(row["transactionId"])) or _NO_TRANSACTION
        refused = await self._charging.set_profile(evse_id, read_profile(row, transaction), OCPP16_RULES)
        return {"status": "Rejected" if refused else "Accepted"}

    async def clear_charging_profile(self, payload: Payload) -> Payload:
        if "id" in payload:
            criteria = Criteria((_number(payload["id"]),))
        else:
            criteria = Criteria(
                evse_id=EvseId(_number(payload["connectorId"])) if "connectorId" in payload else None,
                purpose=_PURPOSES[str(payload["chargingProfilePurpose"])]
                if "chargingProfilePurpose" in payload
                else None,
                stack_level=_number(payload["stackLevel"]) if "stackLevel" in payload else None,
            )
        return {"status": "Accepted" if await self._charging.clear_profiles(criteria) else "Unknown"}

    async def get_composite_schedule(self, payload: Payload) -> Payload:
        unit = RateUnit(str(payload["chargingRateUnit"])) if "chargingRateUnit" in payload else None
        evse_id, duration_s = EvseId(_number(payload["connectorId"])), _number(payload["duration"])
        schedule = self._charging.composite_schedule(evse_id, duration_s, unit) if duration_s > 0 else None
        return _told(schedule) if schedule else {"status": "Rejected"}


def read_profile(row: Mapping[str, object], transaction: TransactionKey | None) -> ChargingProfile:
    """Read a ChargingProfile that passed its schema.

    Args:
        row: the object.
        transaction: whose it is, None if it does not say.

    Raises:
        CallRefused: a time in it can't be read.
    """
    schedule = _object(row["chargingSchedule"])
    periods = schedule["chargingSchedulePeriod"]
    assert isinstance(periods, Sequence)  # noqa: S101  the schema says so
    return ChargingProfile(
        number=_number(row["chargingProfileId"]),
        stack_level=_number(row["stackLevel"]),
        purpose=_PURPOSES[str(row["chargingProfilePurpose"])],
        kind=Kind(str(row["chargingProfileKind"])),
        schedule=Schedule(
            unit=RateUnit(str(schedule["chargingRateUnit"])),
            periods=tuple(_period(period) for period in periods),
            start=_time(schedule, "startSchedule"),
            duration_s=_number(schedule["duration"]) if "duration" in schedule else None,
            minimum=Decimal(str(schedule["minChargingRate"])) if "minChargingRate" in schedule else None,
        ),
        recurrence=Recurrence(str(row["recurrencyKind"])) if "recurrencyKind" in row else None,
        valid_from=_time(row, "validFrom"),
        valid_to=_time(row, "validTo"),
        transaction=transaction,
    )


def _period(row: Mapping[str, object]) -> Period:
    phases = _number(row["numberPhases"]) if "numberPhases" in row else None
    return Period(_number(row["startPeriod"]), Decimal(str(row["limit"])), phases)


def _told(schedule: CompositeSchedule) -> Payload:
    periods = [
        {"startPeriod": each.start_s, "limit": float(each.limit), "numberPhases": each.phases}
        for each in schedule.periods
    ]
    return {
        "status": "Accepted",
        "connectorId": schedule.evse_id,
        "scheduleStart": timestamp(schedule.start),
        "chargingSchedule": {
            "duration": schedule.duration_s,
            "startSchedule": timestamp(schedule.start),
            "chargingRateUnit": schedule.unit,
            "chargingSchedulePeriod": periods,
        },
    }


def _object(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)  # noqa: S101  the schema says so
    return value


def _number(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  the schema says so
    return value


def _time(row: Mapping[str, object], name: str) -> datetime | None:
    try:
        return parse_timestamp(row[name]) if name in row else None
    except PayloadError as error:
        raise CallRefused(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{name}: {error}") from error
