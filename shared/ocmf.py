"""Open Charge Metering Format: a signed meter reading as one line of text. Pure.

    OCMF|{what was read, JSON}|{the signature, JSON}

The signature covers the bytes of the middle section as they are, so a text is cut and looked at, and never written
anew: `Record.payload_text` is what was signed. `shared.ocmf_signature` judges the signature.

Source: SAFE e.V., Open Charge Metering Format 1.4 (sections, tables 3 to 8 and 22).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

HEADER = "OCMF"
METHOD = "OCMF"
"""`SignedData.encoding_method` of such a text."""

DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256"
"""Where the signature section names none (table 22)."""

DER = "application/x-der"
"""How the signature is written where nothing else is told (table 8, SM)."""

BEGIN = "B"
ENDS = frozenset("ELRAP")
"""`Reading.kind` of the end of a transaction; all but E say why (table 7, TX)."""

MAX_CHARACTERS = 32_768
"""Longest text that is looked at; the fields of OCPP that carry it hold no more."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[,.](\d{1,3})([+-]\d{4}|Z)(?: ([UISR]))?")


class OcmfError(ValueError):
    """A text is not what the format demands. One line that names the part."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a record. Fields that a record leaves out are those of the reading before (§ Readings).

    Args:
        at: aware time, None where it can't be read.
        time_status: U unknown, I informative, S synchronised, R relative (table 19); empty = not told.
        kind: B begin, C during, E L R A P end, and others (table 7, TX); empty = none.
        value: exact, in `unit`; None where only an event is told.
        register: OBIS code; empty = not told.
        unit: as written, `kWh` or `Wh`.
        status: G is good (table 10).
        errors: quantities that can't be used for billing, `E` energy, `t` time.
    """

    at: datetime | None
    time_status: str
    kind: str
    value: Decimal | None
    register: str
    unit: str
    status: str
    errors: str

    @property
    def wh(self) -> Decimal | None:
        """The value in Wh, exact; None where it is of another unit."""
        if self.value is None or self.unit not in ("Wh", "kWh"):
            return None
        return self.value * 1000 if self.unit == "kWh" else self.value


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature section, with its defaults filled in. `data` are the bytes, usually DER."""

    algorithm: str
    data: bytes
    mime_type: str = DER


@dataclass(frozen=True, slots=True)
class Record:
    """A text, cut. `payload_text` is what was signed, character by character."""

    text: str
    payload_text: str
    payload: Mapping[str, object]
    signature: Signature

    @property
    def id_token(self) -> str:
        """Who charged (ID); empty = not told."""
        return _text(self.payload, "ID")

    @property
    def serial(self) -> str:
        """Serial number of the meter (MS), else of its gateway (GS)."""
        return _text(self.payload, "MS") or _text(self.payload, "GS")

    @property
    def pagination(self) -> str:
        """T and a number for a reading of a transaction, F and a number for others (PG)."""
        return _text(self.payload, "PG")

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The readings in their order.

        Raises:
            OcmfError: one of them has no meaning.
        """
        rows = self.payload.get("RD")
        if not isinstance(rows, list) or not rows:
            raise OcmfError("the payload has no readings (RD)")
        carried: dict[str, object] = {}
        found = []
        for row in rows:
            if not isinstance(row, dict):
                raise OcmfError("a reading (RD) is not an object")
            carried = {**carried, **row}
            found.append(_reading(carried))
        return tuple(found)

    def reading(self, *kinds: str) -> Reading | None:
        """Give the first reading of one of these kinds."""
        return next((each for each in self.readings if each.kind in kinds), None)


def parse(text: str) -> Record:
    """Cut a text.

    Args:
        text: the whole, as it came.

    Raises:
        OcmfError: it is no record of this format.
    """
    if len(text) > MAX_CHARACTERS:
        raise OcmfError(f"the text has {len(text)} characters, at most {MAX_CHARACTERS} are read")
    parts = text.split("|")
    if len(parts) != 3 or parts[0].strip() != HEADER:
        raise OcmfError("a record is OCMF|{payload}|{signature}")
    payload, section = _object(parts[1], "payload"), _object(parts[2], "signature section")
    return Record(text, parts[1], payload, _signature(section))


def build(payload_text: str, signature: bytes, algorithm: str = DEFAULT_ALGORITHM) -> str:
    """Put a record together whose parts a meter gives apart.

    Args:
        payload_text: JSON as the meter signed it; it is not touched.
        signature: DER.
        algorithm: as in SA.

    Raises:
        OcmfError: the payload is no JSON object, or holds the character that parts the sections.
    """
    if "|" in payload_text:
        raise OcmfError("the payload holds a '|', which parts the sections")
    _object(payload_text, "payload")
    section = json.dumps({"SA": algorithm, "SD": signature.hex().upper()}, separators=(",", ":"))
    return f"{HEADER}|{payload_text}|{section}"


def decode_bytes(text: str) -> bytes | None:
    """Read hexadecimal (blanks and colons between the bytes are passed over) or base64; None if it is neither."""
    bare = re.sub(r"[\s:]", "", text)
    try:
        return bytes.fromhex(bare)
    except ValueError:
        pass
    try:
        return base64.b64decode(bare, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _signature(section: Mapping[str, object]) -> Signature:
    text, encoding = _text(section, "SD"), _text(section, "SE") or "hex"
    try:
        data = bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise OcmfError(f"the signature (SD) is not {encoding}") from error
    if not data:
        raise OcmfError("the signature section has no signature (SD)")
    return Signature(_text(section, "SA") or DEFAULT_ALGORITHM, data, _text(section, "SM") or DER)


def _reading(row: Mapping[str, object]) -> Reading:
    at, status = _time(_text(row, "TM"))
    return Reading(
        at,
        status,
        _text(row, "TX"),
        _number(row.get("RV")),
        _text(row, "RI"),
        _text(row, "RU"),
        _text(row, "ST"),
        _text(row, "EF"),
    )


def _time(text: str) -> tuple[datetime | None, str]:
    """Read `2018-07-24T13:22:04,000+0200 S`."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        return None, ""
    second, fraction, zone, status = found.groups()
    try:
        return datetime.fromisoformat(f"{second}.{fraction.ljust(3, '0')}{zone}"), status or ""
    except ValueError:
        return None, status or ""


def _number(value: object) -> Decimal | None:
    """Give a value; some meters write it as a text."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        number = Decimal("nan")
    if isinstance(value, bool) or not number.is_finite():
        raise OcmfError(f"a reading's value (RV) is {value!r}, no number")
    return number


def _text(values: Mapping[str, object], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _object(text: str, what: str) -> Mapping[str, object]:
    try:
        # Numbers keep their digits: 2935.60 is not 2935.6.
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise OcmfError(f"the {what} is not JSON") from error
    if not isinstance(found, dict):
        raise OcmfError(f"the {what} is not a JSON object")
    return found
