"""TransactionEventRequests of a small session, for the tests of OCPP 2.x."""

from shared.ocpp.session import Payload
from tests.unit.backend.world import at

KEY = "0b9a5c6e-7d0f-4a43-9f0e-1f0e3f8a8c11"
TOKEN = {"idToken": "04a2b3c4", "type": "ISO14443"}


def meter(minute: int, energy: int, context: str = "Sample.Periodic", **more: object) -> Payload:
    return {"timestamp": at(minute), "sampledValue": [{"value": energy, "context": context, **more}]}


def message(kind: str, number: int, minute: int, *values: Payload, key: str = KEY, **more: object) -> Payload:
    payload: dict[str, object] = {
        "eventType": kind,
        "timestamp": at(minute),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": key},
        **more,
    }
    return {**payload, "meterValue": list(values)} if values else payload


def started(energy: int = 1000, minute: int = 0, *, key: str = KEY, **more: object) -> Payload:
    told: dict[str, object] = {"evse": {"id": 1, "connectorId": 1}, "idToken": TOKEN, "triggerReason": "Authorized"}
    return message("Started", 0, minute, meter(minute, energy, "Transaction.Begin"), key=key, **{**told, **more})


def updated(number: int, minute: int, energy: int, *, key: str = KEY, **more: object) -> Payload:
    return message("Updated", number, minute, meter(minute, energy), key=key, **more)


def ended(number: int = 3, energy: int = 12_000, minute: int = 60, *, key: str = KEY, **more: object) -> Payload:
    info = {"transactionId": key, "stoppedReason": "EVDisconnected"}
    value = meter(minute, energy, "Transaction.End")
    return {**message("Ended", number, minute, value, key=key, **more), "transactionInfo": info}


SESSION = (started(), updated(1, 10, 3000), updated(2, 20, 5000), ended())
