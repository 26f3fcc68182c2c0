"""What a central system may ask of a station, by version, and the fields of each request from its schema. Pure.

The lists are those of the specifications: OCPP 1.6 §5 with the security white paper (ed. 3), and part 2 of 2.0.1 and
of 2.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.validation import Version, schema

_V16 = """
CancelReservation ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile DataTransfer
GetCompositeSchedule GetConfiguration GetDiagnostics GetLocalListVersion RemoteStartTransaction RemoteStopTransaction
ReserveNow Reset SendLocalList SetChargingProfile TriggerMessage UnlockConnector UpdateFirmware
CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog InstallCertificate
SignedUpdateFirmware
"""
_V201 = """
CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile ClearDisplayMessage
ClearVariableMonitoring CostUpdated CustomerInformation DataTransfer DeleteCertificate GetBaseReport
GetChargingProfiles GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds GetLocalListVersion GetLog
GetMonitoringReport GetReport GetTransactionStatus GetVariables InstallCertificate PublishFirmware
RequestStartTransaction RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SetDisplayMessage
SetMonitoringBase SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables TriggerMessage
UnlockConnector UnpublishFirmware UpdateFirmware
"""
_V21 = """
AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs GetDERControl
GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer NotifyWebPaymentStarted RequestBatterySwap
SetDERControl SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging
"""
ACTIONS: Mapping[Version, tuple[str, ...]] = {
    Version.V16: tuple(sorted(_V16.split())),
    Version.V201: tuple(sorted(_V201.split())),
    Version.V21: tuple(sorted((_V201 + _V21).split())),
}
"""26, 40 and 55 requests."""

DESTRUCTIVE = frozenset(
    {
        "CertificateSigned",
        "ClearCache",
        "DeleteCertificate",
        "InstallCertificate",
        "Reset",
        "SetNetworkProfile",
        "SignedUpdateFirmware",
        "UnlockConnector",
        "UpdateFirmware",
    }
)
"""A person is asked before these: they end transactions, cut a station off, or can't be undone from afar."""

_UNUSED = "customData"


class Kind(StrEnum):
    """How a field is typed in. `JSON` is for lists and groups of fields."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    FLAG = "flag"
    CHOICE = "choice"
    TIME = "time"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request.

    Args:
        name: as on the wire.
        kind: how it is typed in.
        required: the request lacks sense without it.
        choices: the words allowed, of a CHOICE.
        longest: characters, 0 = no limit is known.
        example: what a JSON field may look like.
    """

    name: str
    kind: Kind
    required: bool
    choices: tuple[str, ...] = ()
    longest: int = 0
    example: str = ""


class FieldError(ValueError):
    """A text does not fit its field. `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


@cache
def fields(version: Version, action: str) -> tuple[Field, ...]:
    """Give the fields of a request, the required ones first; none if the version has no such request."""
    if action not in ACTIONS[version]:
        return ()
    whole = schema(version, action)
    found = [_field(name, part, whole) for name, part in whole.get("properties", {}).items() if name != _UNUSED]
    return tuple(sorted(found, key=lambda field: not field.required))


def payload_of(version: Version, action: str, texts: Mapping[str, str]) -> Payload:
    """Make a payload of what was typed; an empty text means that the field is left out.

    Args:
        version: that the station speaks.
        action: of ACTIONS.
        texts: by name of the field.

    Raises:
        FieldError: there is no such field, or a text can't be one of its values.
    """
    known = fields(version, action)
    for name in texts:
        if name not in {field.name for field in known}:
            raise FieldError(name, f"OCPP {version} has no such field of {action}")
    return {field.name: _value(field, text) for field in known if (text := texts.get(field.name, "").strip())}


def _value(field: Field, text: str) -> object:
    match field.kind:
        case Kind.FLAG if text in ("true", "false"):
            return text == "true"
        case Kind.CHOICE if text not in field.choices:
            raise FieldError(field.name, f"is none of {', '.join(field.choices)}")
        case Kind.CHOICE | Kind.TEXT | Kind.TIME:
            return text
    try:
        value = loads(text)
    except ValueError as error:
        raise FieldError(field.name, "is not JSON" if field.kind is Kind.JSON else "is no number") from error
    fits: dict[Kind, tuple[type, ...]] = {Kind.JSON: (dict, list), Kind.WHOLE: (int,), Kind.NUMBER: (int, Decimal)}
    if isinstance(value, bool) or not isinstance(value, fits.get(field.kind, ())):
        wanted = {Kind.JSON: "a JSON object or list", Kind.FLAG: "true or false"}.get(field.kind, "a number")
        raise FieldError(field.name, f"must be {wanted}")
    return value


# Any, below: JSON schemas are nested JSON.


def _field(name: str, part: dict[str, Any], whole: dict[str, Any]) -> Field:
    part, required = _resolve(part, whole), name in whole.get("required", ())
    if "enum" in part:
        return Field(name, Kind.CHOICE, required, tuple(part["enum"]))
    match part.get("type"):
        case "boolean":
            return Field(name, Kind.FLAG, required)
        case "integer":
            return Field(name, Kind.WHOLE, required)
        case "number":
            return Field(name, Kind.NUMBER, required)
        case "string" if part.get("format") == "date-time":
            return Field(name, Kind.TIME, required)
        case "string":
            return Field(name, Kind.TEXT, required, longest=part.get("maxLength", 0))
        case _:
            return Field(name, Kind.JSON, required, example=dumps(_example(part, whole)))


def _resolve(part: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = whole["definitions"][part["$ref"].rpartition("/")[2]]
    return part


def _example(part: dict[str, Any], whole: dict[str, Any]) -> Any:
    """Give the smallest value of a schema: required fields only, the first word of each choice."""
    part = _resolve(part, whole)
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "object":
            return dict(_required(part, whole))
        case "array":
            return [_example(part.get("items", {}), whole)]
        case "integer" | "number":
            return int(part.get("minimum", 0))
        case "boolean":
            return False
        case _:
            return "2026-01-31T12:00:00Z" if part.get("format") == "date-time" else ""


def _required(part: dict[str, Any], whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in part.get("required", ()):
        if name in part.get("properties", {}):
            yield name, _example(part["properties"][name], whole)
