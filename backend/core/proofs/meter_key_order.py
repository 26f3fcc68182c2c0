"""Ask a station for the public key of a meter, and find it in the answer. Pure.

A key that comes on the station's own line proves nothing by itself: it is a proposal for whoever compares it with the
meter.

Source: Open Charge Alliance, Signed Meter Values in OCPP 1.0 (MeterPublicKey[n], FiscalMetering.PublicKey).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.ocpp.session import Payload
from shared.ocpp.validation import Version

_COMPONENT, _VARIABLE = "FiscalMetering", "PublicKey"
_CONFIGURATION_KEY = re.compile(r"MeterPublicKey([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class ToldKey:
    """What a station calls the public key of the meter of an EVSE, in any shape."""

    evse_id: int
    text: str


def key_question(version: Version, evse_id: int) -> tuple[str, Payload]:
    """Give the request for the key of an EVSE's meter: its name and its payload."""
    if version is Version.V16:
        return "GetConfiguration", {"key": [f"MeterPublicKey{evse_id}"]}
    asked = {"component": {"name": _COMPONENT, "evse": {"id": evse_id}}, "variable": {"name": _VARIABLE}}
    return "GetVariables", {"getVariableData": [asked]}


def told_keys(action: str, answer: Payload) -> Iterator[ToldKey]:
    """Find keys of meters in an answer, whoever asked and for whatever else."""
    if action == "GetConfiguration":
        for one in _objects(answer.get("configurationKey")):
            found = _CONFIGURATION_KEY.fullmatch(str(one.get("key")))
            if found and isinstance(text := one.get("value"), str) and text.strip():
                yield ToldKey(int(found[1]), text)
    if action == "GetVariables":
        for one in _objects(answer.get("getVariableResult")):
            component, variable = one.get("component"), one.get("variable")
            if not (isinstance(component, dict) and isinstance(variable, dict)):
                continue
            named = component.get("name"), variable.get("name")
            evse, text = component.get("evse"), one.get("attributeValue")
            if named == (_COMPONENT, _VARIABLE) and isinstance(text, str) and text.strip():
                number = evse.get("id") if isinstance(evse, dict) else 1
                yield ToldKey(number if isinstance(number, int) else 1, text)


def _objects(value: object) -> Iterator[dict[str, object]]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one
