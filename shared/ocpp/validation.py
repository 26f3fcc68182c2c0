"""Validation of payloads against the JSON schemas of the OCPP specifications.

The schemas are read from the `ocpp` package, which ships them; its own validator is not used (see DECISIONS.md).
Importing that package's version modules is avoided too: they cost 19 MB and 0.2 s that a station can't spare.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from shared.ocpp.session import ErrorCode, Payload

_FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}


class Version(StrEnum):
    """OCPP versions. `subprotocol` is what the WebSocket handshake negotiates."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"

    @property
    def subprotocol(self) -> str:
        """The registered WebSocket subprotocol name, for instance `ocpp1.6`."""
        return f"ocpp{self.value}"


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a payload, in the terms of OCPP-J. `path` names the field: `meterValue/0/timestamp`.

    `is_limit`: all that must be there is there and of its type; a value is beyond its limits, or there is more.
    """

    code: ErrorCode
    path: str
    reason: str
    is_limit: bool = False

    def __str__(self) -> str:
        return f"{self.path or 'payload'}: {self.reason}"


_CODES: dict[str, ErrorCode] = {
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "required": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    "maxItems": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    "additionalProperties": ErrorCode.FORMATION_VIOLATION,
}
"""Schema keyword to code; any other (enum, maxLength, minimum ...) limits a value: PropertyConstraintViolation."""


_SHAPE = ("type", "required")
"""Keywords that a reader relies on."""


def is_known(version: Version, action: str) -> bool:
    """Tell whether the specification has this action."""
    return _validator(version, action, False) is not None


def violation(version: Version, action: str, payload: Payload, *, answer: bool = False) -> Violation | None:
    """Check a call's payload, or with `answer` that of its CALLRESULT. None means it is valid.

    Only the first violation is told. An action that the specification lacks is NotImplemented.
    """
    return next(violations(version, action, payload, answer=answer), None)


def violations(version: Version, action: str, payload: Payload, *, answer: bool = False) -> Iterator[Violation]:
    """Tell all that is wrong with a payload, without the values themselves: they may hold an IdToken."""
    validator = _validator(version, action, answer)
    if validator is None:
        yield Violation(ErrorCode.NOT_IMPLEMENTED, "", f"OCPP {version} has no {action}")
    elif not validator.is_valid(payload):  # looking for errors costs several times as much as finding none
        yield from map(_violation, validator.iter_errors(payload))


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    path = "/".join(str(part) for part in error.instance_path)
    code = _CODES.get(keyword, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    return Violation(code, path, _reason(keyword, error), is_limit=keyword not in _SHAPE)


def _reason(keyword: str, error: jsonschema_rs.ValidationError) -> str:
    # "required" and "additionalProperties" name fields, which are no secrets and which the peer must know.
    if keyword in ("required", "additionalProperties"):
        return error.message[:200]
    return f"breaks {keyword or 'the schema'}"


@cache
def _validator(version: Version, action: str, answer: bool) -> jsonschema_rs.Draft4Validator | None:
    """Compile one schema on first use; a station speaks few actions of one version."""
    if not action.isalnum():
        return None
    found = schema(version, action, answer=answer)
    return jsonschema_rs.Draft4Validator(found, validate_formats=False) if found else None


# Any: a JSON schema is nested JSON.
def schema(version: Version, action: str, *, answer: bool = False) -> dict[str, Any]:
    """Read the schema of a call, or with `answer` of its CALLRESULT; empty if the specification has no such action."""
    name = action + ("Response" if answer else "" if version is Version.V16 else "Request")
    file = files("ocpp").joinpath(_FOLDERS[version], "schemas", f"{name}.json")
    return dict(json.loads(file.read_text("utf-8-sig"))) if file.is_file() else {}
