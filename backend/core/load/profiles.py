"""What stations are told, as charging profiles of each version (OCPP 1.6 §3.13 and §7; 2.0.1 part 2, K). Pure.

A station keeps to the lowest of three: its maximum as a station, and for each EVSE the profile of the transaction, or
while there is none that counts, the default. The default is the fail-safe current: it is set once and has no end. The
profile of a transaction ends by itself, and then the default counts again, without a word of ours.
"""

from datetime import UTC, datetime
from decimal import Decimal

from backend.core.load.control import Told
from backend.core.load.site import EvseKey
from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version

ACTION = "SetChargingProfile"
_STATION_ID = 9000
"""Ids of our profiles begin here; each EVSE has two."""
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""Since when the maximum counts: any time that is past at every station."""


def fail_safe_profile(version: Version, evse_id: int, limit_ma: int) -> Payload:
    """Make the TxDefaultProfile that an EVSE falls back to."""
    number = _STATION_ID + 2 * evse_id
    return _request(version, evse_id, _profile(version, number, "TxDefaultProfile", limit_ma, stack=0))


def station_profile(version: Version, limit_ma: int) -> Payload:
    """Make the profile that no station with all its EVSEs may exceed: what its circuit bears."""
    purpose = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
    return _request(version, 0, _profile(version, _STATION_ID, purpose, limit_ma, stack=0, begin=_EPOCH))


def transaction_profile(version: Version, key: EvseKey, told: Told) -> Payload:
    """Make the TxProfile of a running transaction."""
    profile = _profile(version, _STATION_ID + 2 * key[1] + 1, "TxProfile", told.limit_ma, stack=1)
    name = int(told.transaction) if version is Version.V16 else told.transaction
    return _request(version, key[1], {**profile, "transactionId": name, "validTo": timestamp(told.until)})


def _request(version: Version, evse_id: int, profile: Payload) -> Payload:
    if version is Version.V16:
        return {"connectorId": evse_id, "csChargingProfiles": profile}
    return {"evseId": evse_id, "chargingProfile": profile}


def _profile(
    version: Version, number: int, purpose: str, limit_ma: int, *, stack: int, begin: datetime | None = None
) -> Payload:
    schedule: dict[str, object] = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": Decimal(limit_ma // 100) / 10}],
    }
    if begin is not None:
        schedule["startSchedule"] = timestamp(begin)
    is_16 = version is Version.V16
    return {
        "chargingProfileId" if is_16 else "id": number,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative" if begin is None else "Absolute",
        "chargingSchedule": schedule if is_16 else [schedule | {"id": number}],
    }
