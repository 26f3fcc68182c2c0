"""Every action that OCPP 2.0.1 has, asked of the whole agent with the least payload that its schema allows."""

import json
from importlib.resources import files
from pathlib import Path

from shared.ocpp.validation import Version, violation
from tests.link.csms import Json
from tests.unit.station.ocpp201.station import booted, central, made, run
from tests.unit.station.site import Site, station

FOLDER = files("ocpp").joinpath("v201", "schemas")
LAST = ("Reset", "SetNetworkProfile", "UpdateFirmware")
"""What ends the program or changes the way to it is asked after all others, the reset at the very end."""
NOT_DONE = {
    "ClearDisplayMessage",
    "GetDisplayMessages",
    "PublishFirmware",
    "SetDisplayMessage",
    "UnpublishFirmware",
}
"""There is no display and no network of stations."""
OURS = {
    "Authorize",
    "BootNotification",
    "ClearedChargingLimit",
    "FirmwareStatusNotification",
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "SignCertificate",
    "StatusNotification",
    "TransactionEvent",
}
"""What only a station may say."""
SCALARS = {"integer": 1, "number": 1, "boolean": True}


def actions() -> list[str]:
    names = [path.name.removesuffix("Request.json") for path in FOLDER.iterdir() if path.name.endswith("Request.json")]
    return sorted(names, key=lambda name: (LAST[::-1].index(name) + 1 if name in LAST else 0, name))


def schema_of(action: str) -> Json:
    found: Json = json.loads(FOLDER.joinpath(f"{action}Request.json").read_text("utf-8-sig"))
    return found


def least(schema: Json, whole: Json) -> object:
    """Make the least value that fits a schema."""
    if "$ref" in schema:
        return least(whole["definitions"][schema["$ref"].rpartition("/")[2]], whole)
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: least(schema["properties"][name], whole) for name in schema.get("required", ())}
        case "array":
            return [least(schema["items"], whole)] * schema.get("minItems", 0)
        case "string":
            return "2026-10-31T18:40:00Z" if schema.get("format") == "date-time" else "x"
        case kind:
            return SCALARS[kind]


def test_every_action_is_answered_by_its_schema_or_refused_with_the_right_code(tmp_path: Path) -> None:
    async def work() -> None:
        csms, codes = central(), {}
        async with csms.serve(), station(made(tmp_path, csms), Site()) as task:
            await booted(csms)
            for number, action in enumerate(actions()):
                schema = schema_of(action)
                payload = least(schema, schema)
                assert isinstance(payload, dict)
                assert violation(Version.V201, action, payload) is None, action
                if schema.get("required"):
                    _, code, *_ = await csms.ask(action, {}, f"empty{number}")
                    assert code in ("OccurrenceConstraintViolation", "NotSupported"), action
                _, code, *_ = await csms.ask(action, {**payload, "surplus": 1}, f"more{number}")
                assert code in ("FormatViolation", "NotSupported"), action
                kind, told, *_ = await csms.ask(action, payload, f"least{number}")
                if kind == 3:
                    assert violation(Version.V201, action, told, answer=True) is None, (action, told)
                else:
                    codes[action] = told
            assert codes == dict.fromkeys(NOT_DONE | OURS, "NotSupported")
            kind, code, *_ = await csms.ask("NoSuchAction", {})
            assert (kind, code) == (4, "NotImplemented")
            assert task.done() is False

    run(work)
