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
