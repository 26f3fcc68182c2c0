"""What the central system may ask of charging profiles in OCPP 2.0.1 (part 2, K01, K08 to K10): payloads and back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import cast

from shared.ids import EvseId, TransactionKey
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp, timestamp
from station.core.charging_profile import (
    OCPP2_RULES,
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
from station.core.delivery import Message
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.ocpp201.fields import answer, number
from station.operations import Operations

_SOURCE = "CSO"
"""ChargingLimitSourceEnumType: all profiles here came from the central system."""


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        "ClearChargingProfile": requests.clear_charging_profile,
        "GetChargingProfiles": requests.get_charging_profiles,
        "GetCompositeSchedule": requests.get_composite_schedule,
        "SetChargingProfile": requests.set_charging_profile,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._charging = operations.charging

    async def set_charging_profile(self, payload: Payload) -> Payload:
        profile = read_profile(cast(Payload, payload["chargingProfile"]))
        if profile is None:
            return answer("Rejected", "a profile has one schedule here")
        refused = await self._charging.set_profile(EvseId(number(payload, "evseId")), profile, OCPP2_RULES)
        if refused is None:
            return answer("Accepted")
        return {"status": "Rejected", "statusInfo": {"reasonCode": refused.code[:20], "additionalInfo": refused.why}}

    async def clear_charging_profile(self, payload: Payload) -> Payload:
        if "chargingProfileId" in payload:
            criteria = Criteria((number(payload, "chargingProfileId"),))
        else:
            told = cast(Payload, payload.get("chargingProfileCriteria") or {})
            criteria = _criteria(told, told)
        return answer("Accepted" if await self._charging.clear_profiles(criteria) else "Unknown")

    async def get_charging_profiles(self, payload: Payload) -> Payload:
        told = cast(Payload, payload["chargingProfile"])
        sources = told.get("chargingLimitSource")
        found = self._charging.profiles(_criteria(told, payload))
        if not found or (isinstance(sources, list) and _SOURCE not in sources):
            return answer("NoProfiles")
        by_evse = groupby(sorted(found, key=lambda kept: kept.evse_id), key=lambda kept: kept.evse_id)
        groups = [(evse_id, [_profile(kept.profile) for kept in group]) for evse_id, group in by_evse]
        for place, (evse_id, profiles) in enumerate(groups):
            report: dict[str, object] = {
                "requestId": number(payload, "requestId"),
                "chargingLimitSource": _SOURCE,
                "evseId": evse_id,
                "chargingProfile": profiles,
                "tbc": place < len(groups) - 1,
            }
            self._operations.post(Message("ReportChargingProfiles", report))
        return answer("Accepted")

    async def get_composite_schedule(self, payload: Payload) -> Payload:
        unit = RateUnit(str(payload["chargingRateUnit"])) if "chargingRateUnit" in payload else None
        evse_id, duration_s = EvseId(number(payload, "evseId")), number(payload, "duration")
        schedule = self._charging.composite_schedule(evse_id, duration_s, unit) if duration_s > 0 else None
        return _composite(schedule) if schedule else answer("Rejected", "there is no such EVSE, or no duration")


def read_profile(row: Payload) -> ChargingProfile | None:
    """Read ChargingProfileType; None if it has more schedules than one, which only ISO 15118 needs.

    Raises:
        CallRefused: a time in it can't be read.
    """
    schedules = cast("Sequence[Payload]", row["chargingSchedule"])
    if len(schedules) != 1:
        return None
    schedule = schedules[0]
    periods = cast("Sequence[Payload]", schedule["chargingSchedulePeriod"])
    return ChargingProfile(
        number=number(row, "id"),
        stack_level=number(row, "stackLevel"),
        purpose=Purpose(str(row["chargingProfilePurpose"])),
        kind=Kind(str(row["chargingProfileKind"])),
        schedule=Schedule(
            unit=RateUnit(str(schedule["chargingRateUnit"])),
            periods=tuple(_period(period) for period in periods),
            start=_time(schedule, "startSchedule"),
            duration_s=_optional(schedule, "duration"),
            minimum=Decimal(str(schedule["minChargingRate"])) if "minChargingRate" in schedule else None,
            number=number(schedule, "id"),
        ),
        recurrence=Recurrence(str(row["recurrencyKind"])) if "recurrencyKind" in row else None,
        valid_from=_time(row, "validFrom"),
        valid_to=_time(row, "validTo"),
        transaction=TransactionKey(str(row["transactionId"])) if "transactionId" in row else None,
    )


def _period(row: Payload) -> Period:
    phases, phase = _optional(row, "numberPhases"), _optional(row, "phaseToUse")
    return Period(number(row, "startPeriod"), Decimal(str(row["limit"])), phases, phase)


def _criteria(told: Payload, where: Payload) -> Criteria:
    asked = cast("Sequence[int]", told.get("chargingProfileId") or ())
    return Criteria(
        numbers=tuple(int(one) for one in asked),
        evse_id=EvseId(number(where, "evseId")) if "evseId" in where else None,
        purpose=Purpose(str(told["chargingProfilePurpose"])) if "chargingProfilePurpose" in told else None,
        stack_level=_optional(told, "stackLevel"),
    )


def _profile(profile: ChargingProfile) -> Payload:
    """Write ChargingProfileType."""
    return _present(
        id=profile.number,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=profile.purpose,
        chargingProfileKind=profile.kind,
        recurrencyKind=profile.recurrence,
        validFrom=_text(profile.valid_from),
        validTo=_text(profile.valid_to),
        transactionId=profile.transaction,
        chargingSchedule=[
            _present(
                id=profile.schedule.number,
                startSchedule=_text(profile.schedule.start),
                duration=profile.schedule.duration_s,
                chargingRateUnit=profile.schedule.unit,
                minChargingRate=profile.schedule.minimum,
                chargingSchedulePeriod=list(_periods(profile.schedule)),
            )
        ],
    )


def _periods(schedule: Schedule) -> Iterator[Payload]:
    for each in schedule.periods:
        yield _present(startPeriod=each.start_s, limit=each.limit, numberPhases=each.phases, phaseToUse=each.phase)


def _composite(schedule: CompositeSchedule) -> Payload:
    periods = [
        {"startPeriod": each.start_s, "limit": each.limit, "numberPhases": each.phases} for each in schedule.periods
    ]
    told = {
        "evseId": schedule.evse_id,
        "duration": schedule.duration_s,
        "scheduleStart": timestamp(schedule.start),
        "chargingRateUnit": schedule.unit,
        "chargingSchedulePeriod": periods,
    }
    return {"status": "Accepted", "schedule": told}


def _present(**fields: object) -> Mapping[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _text(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _optional(row: Payload, name: str) -> int | None:
    return number(row, name) if name in row else None


def _time(row: Payload, name: str) -> datetime | None:
    try:
        return parse_timestamp(row[name]) if name in row else None
    except PayloadError as error:
        raise CallRefused(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{name}: {error}") from error
