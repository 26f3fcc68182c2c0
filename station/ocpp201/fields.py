"""Fields that many requests of OCPP 2.0.1 have."""

from decimal import Decimal

from shared.ids import EvseId, IdToken
from shared.ocpp.session import Payload
from shared.ocpp.v16 import PayloadError
from shared.ocpp.v201 import decode_id_token
from station.ocpp201.dialect import CONNECTOR, TOKEN_LENGTH


def answer(status: str, reason: str = "") -> Payload:
    """Give an answer that is a status, with the reason for people if there is one."""
    if not reason:
        return {"status": status}
    return {"status": status, "statusInfo": {"reasonCode": "Other", "additionalInfo": reason[:512]}}


def number(payload: Payload, name: str) -> int:
    """Read a whole number; JSON schemas take 3.0 for one, too."""
    value = payload[name]
    assert isinstance(value, (int, Decimal))  # noqa: S101  the schema says so
    return int(value)


def token(told: object) -> IdToken | None:
    """Read IdTokenType; None if it names nobody."""
    try:
        found = decode_id_token(told)
    except PayloadError:
        return None
    return found if found and len(found.value) <= TOKEN_LENGTH else None


def evse_of(payload: Payload) -> tuple[EvseId | None, bool]:
    """Read the optional field `evse`: its number, None without one; and whether its connector can exist."""
    evse = payload.get("evse")
    if not isinstance(evse, dict):
        return None, True
    return EvseId(number(evse, "id")), evse.get("connectorId", CONNECTOR) == CONNECTOR
