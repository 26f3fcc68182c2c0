"""What OCPP 1.6 has no message for, as DataTransfer (§6.13) between programs of this project.

`vendorId` is `emops`. `messageId` `RunningCost` tells a station what a running transaction costs so far, so that it can
show it; later versions of OCPP have CostUpdated for that. Its `data` is a JSON object:

| key             | value                                                              |
|-----------------|--------------------------------------------------------------------|
| `transactionId` | number of the transaction                                          |
| `cost`          | what is to be paid so far, VAT included: text with its own digits  |
| `currency`      | ISO 4217 code                                                      |
| `energyWh`      | energy that the cost is for, whole Wh                              |
| `timestamp`     | of the meter value that it was computed from, ISO 8601             |

`messageId` `Backlog` tells the central system how a station's deliveries stand. Its `data` likewise:

| key             | value                                                              |
|-----------------|--------------------------------------------------------------------|
| `pending`       | transaction messages that wait                                     |
| `oldestSeconds` | age of the oldest of them, 0 if none waits                         |
| `clearsSeconds` | about how long they take while the connection lasts                |
| `parked`        | messages that the central system refused for good                  |
| `parkedSessions`| transactions that these belong to                                  |
| `uncertainTimes`| transactions sent with a time that nobody had confirmed            |
| `alarm`         | what is wrong with the station's memory, empty if nothing is       |
| `dataBytes`     | bytes on the link to the central system in this month              |
| `dataAllowance` | what the SIM may use in a month, bytes, 0 = no end                 |
| `dataLevel`     | `normal`, `thrift` or `over`                                       |

Stations that do not count their bytes leave the last three out.

`messageId` `Modem` tells how a station's mobile modem hears and what its SIM has used; each key may be missing:

| key             | value                                                              |
|-----------------|--------------------------------------------------------------------|
| `signalDbm`     | strength of the signal, dBm                                        |
| `network`       | name or number of the network                                      |
| `sim`           | ICCID of the card                                                  |
| `sentBytes`     | sent since the modem was started                                   |
| `receivedBytes` | received likewise                                                  |
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from shared.money import Money
from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.v16 import PayloadError, parse_timestamp, timestamp
from shared.units import Wh

VENDOR_ID = "emops"
"""vendorId of all messages here, and chargePointVendor of stations that understand them."""

RUNNING_COST = "RunningCost"
"""messageId of the cost so far."""

BACKLOG = "Backlog"
"""messageId of how deliveries stand."""

MODEM = "Modem"
"""messageId of the modem and its SIM."""


@dataclass(frozen=True, slots=True)
class RunningCost:
    """What a running transaction costs so far, VAT included."""

    transaction_id: int
    cost: Money
    energy: Wh
    at: datetime


def encode_running_cost(told: RunningCost) -> Payload:
    """Write DataTransfer.req."""
    data = {
        "transactionId": told.transaction_id,
        "cost": str(told.cost.amount),
        "currency": told.cost.currency,
        "energyWh": told.energy,
        "timestamp": timestamp(told.at),
    }
    return {"vendorId": VENDOR_ID, "messageId": RUNNING_COST, "data": dumps(data)}


def decode_running_cost(payload: Payload) -> RunningCost:
    """Read DataTransfer.req whose vendorId and messageId are those of the cost so far.

    Raises:
        PayloadError: `data` is not what this module describes.
    """
    try:
        data = loads(str(payload.get("data", "")))
    except ValueError as error:
        raise PayloadError("data is not JSON") from error
    match data:
        case {
            "transactionId": int(number),
            "cost": str(amount),
            "currency": str(currency),
            "energyWh": int(energy),
            "timestamp": str(at),
        }:
            try:
                cost = Decimal(amount)
            except InvalidOperation as error:
                raise PayloadError(f"data.cost: {amount!r} is no amount") from error
            if not cost.is_finite():
                raise PayloadError(f"data.cost: {amount!r} is no amount")
            return RunningCost(number, Money(cost, currency), Wh(energy), parse_timestamp(at))
        case _:
            raise PayloadError("data lacks transactionId, cost, currency, energyWh or timestamp")


@dataclass(frozen=True, slots=True)
class BacklogReport:
    """How a station's deliveries stand; see the table above."""

    pending: int
    oldest_s: int
    clears_s: int
    parked: int
    parked_sessions: int
    uncertain_times: int
    alarm: str = ""
    data_bytes: int = 0
    data_allowance: int = 0
    data_level: str = ""


def encode_backlog(report: BacklogReport) -> str:
    """Write `data` of DataTransfer.req."""
    return dumps(
        {
            "pending": report.pending,
            "oldestSeconds": report.oldest_s,
            "clearsSeconds": report.clears_s,
            "parked": report.parked,
            "parkedSessions": report.parked_sessions,
            "uncertainTimes": report.uncertain_times,
            "alarm": report.alarm,
            "dataBytes": report.data_bytes,
            "dataAllowance": report.data_allowance,
            "dataLevel": report.data_level,
        }
    )


def decode_backlog(payload: Payload) -> BacklogReport:
    """Read DataTransfer.req whose vendorId and messageId are those of a backlog.

    Raises:
        PayloadError: `data` is not what this module describes.
    """
    try:
        data = loads(str(payload.get("data", "")))
    except ValueError as error:
        raise PayloadError("data is not JSON") from error
    match data:
        case {
            "pending": int(pending),
            "oldestSeconds": int(oldest_s),
            "clearsSeconds": int(clears_s),
            "parked": int(parked),
            "parkedSessions": int(sessions),
            "uncertainTimes": int(uncertain),
            "alarm": str(alarm),
            **more,
        } if min(pending, oldest_s, clears_s, parked, sessions, uncertain) >= 0:
            used, allowed, level = more.get("dataBytes", 0), more.get("dataAllowance", 0), more.get("dataLevel", "")
            if not (isinstance(used, int) and isinstance(allowed, int) and isinstance(level, str)):
                raise PayloadError("data.dataBytes, dataAllowance or dataLevel is of a wrong type")
            return BacklogReport(
                pending, oldest_s, clears_s, parked, sessions, uncertain, alarm, max(used, 0), max(allowed, 0), level
            )
        case _:
            raise PayloadError("data lacks pending, oldestSeconds, clearsSeconds, parked or another of their numbers")


@dataclass(frozen=True, slots=True)
class ModemReport:
    """How a station's modem hears, and what its SIM has used; see the table above. None = not told."""

    signal_dbm: int | None = None
    network: str = ""
    sim: str = ""
    sent_bytes: int | None = None
    received_bytes: int | None = None


def decode_modem(payload: Payload) -> ModemReport:
    """Read DataTransfer.req whose vendorId and messageId are those of the modem.

    Raises:
        PayloadError: `data` is not what this module describes.
    """
    try:
        data = loads(str(payload.get("data", "")))
    except ValueError as error:
        raise PayloadError("data is not JSON") from error
    if not isinstance(data, dict):
        raise PayloadError("data is no JSON object")
    signal, sent, received = (_whole(data, name) for name in ("signalDbm", "sentBytes", "receivedBytes"))
    return ModemReport(signal, str(data.get("network", "")), str(data.get("sim", "")), sent, received)


def _whole(data: Payload, name: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if type(value) is not int or not -(2**62) < value < 2**62:
        raise PayloadError(f"data.{name} must be a whole number")
    return value
