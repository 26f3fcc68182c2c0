"""The file that carries a station's ledger by hand: JSON lines, chained and signed. Pure.

    {"previous": "", "format": 1, "charge_point": "CP1", "row": 7, ..., "action": "StopTransaction", "payload": {...}}
    {"previous": <SHA-256 of the line above>, "format": 1, "charge_point": "CP1", "count": 1, "made": ..., "key": ...}
    {"previous": <SHA-256 of the line above>, "signature": <Ed25519 of the bytes of the line above, base64>}

Each line names the hash of the line before it, without its line feed, so a change is found in the line where it was
made, and the signature of the last but one is that of all. Whoever reads keeps no more than a line.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, cast

from shared.ed25519 import is_signed
from shared.ids import ChargePointId, MessageId, TransactionKey
from shared.ocpp.session import Payload, dumps, loads

FORMAT = 1
LONGEST_LINE = 1 << 20
"""Bytes; a message with signed readings of the longest kind has some 20 kB."""


class LedgerFileError(ValueError):
    """The file is damaged, cut off, forged or none. The text names the line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message and what became of it at the station.

    Args:
        row: its place in the order of the ledger.
        boot: number of the boot whose clock stamped it; None if its time is of an earlier one.
        at: time of the event, ISO 8601, UTC.
        certain: whether that time was ever confirmed by a clock that is right.
        ocpp: version of OCPP that `action` and `payload` are of.
        message_id: the one that it has on the wire, in every try.
        transaction: the station's name of the transaction.
        action: of the call.
        payload: as it goes out; its transactionId is -1 while the station does not know the true one.
        state: `pending`, `acknowledged` or `parked`.
    """

    row: int
    boot: int | None
    at: str
    certain: bool
    ocpp: str
    message_id: MessageId
    transaction: TransactionKey
    action: str
    payload: Payload
    state: str


@dataclass(frozen=True, slots=True)
class End:
    """What stands below the rows: whose they are, how many, when the file was made, and who signed it (base64)."""

    charge_point: ChargePointId
    count: int
    made: str
    key: str


Sign = Callable[[bytes], bytes]

_ROW: dict[str, tuple[type, ...]] = {
    "row": (int,), "boot": (int, type(None)), "at": (str,), "certain": (bool,), "ocpp": (str,), "message_id": (str,),
    "transaction": (str,), "action": (str,), "payload": (dict,), "state": (str,),
}  # fmt: skip
_END: dict[str, tuple[type, ...]] = {"count": (int,), "made": (str,), "key": (str,)}


def lines_of(rows: Iterable[Row], charge_point: ChargePointId, made: datetime, key: str, sign: Sign) -> Iterator[bytes]:
    """Write a file, line by line.

    Args:
        rows: in the order of the ledger.
        charge_point: whose they are.
        made: when, aware.
        key: public half of the key that `sign` signs with.
        sign: signs bytes.
    """
    previous, count = "", 0
    head = {"format": FORMAT, "charge_point": charge_point}
    for row in rows:
        count += 1
        line = _line(previous, head | {field.name: getattr(row, field.name) for field in fields(row)})
        previous = _hash(line)
        yield line
    line = _line(previous, head | asdict(End(charge_point, count, made.isoformat(), key)))
    yield line
    yield _line(_hash(line), {"signature": base64.b64encode(sign(line[:-1])).decode("ascii")})


def read_lines(lines: Iterable[bytes]) -> Iterator[Row | End]:
    """Read a file: its rows, then its End when all that was given before it has proven whole and signed.

    Raises:
        LedgerFileError: it is not as it was written. What was given until then proves nothing.
    """
    previous, number, count = "", 0, 0
    end: tuple[End, bytes] | None = None
    is_done = False
    for number, line in enumerate(lines, 1):
        body = _body(line, number)
        if body.get("previous") != previous:
            raise LedgerFileError(f"line {max(1, number - 1)} or the one behind it was changed, or a line is missing")
        if is_done:
            raise LedgerFileError(f"line {number}: something stands behind the signature")
        if end:
            _check_signature(body, *end, number)
            is_done = True
            yield end[0]
        elif "count" in body:
            end = _end(body, count, number), line[:-1]
        else:
            count += 1
            yield _row(body, number)
        previous = _hash(line)
    if not is_done:
        raise LedgerFileError(f"line {number}: the file is cut off behind it")


def _line(previous: str, body: dict[str, object]) -> bytes:
    return dumps({"previous": previous, **body}).encode() + b"\n"


def _hash(line: bytes) -> str:
    return hashlib.sha256(line[:-1]).hexdigest()


# Any: JSON of a file; each value is checked before it is used.
def _body(line: bytes, number: int) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise LedgerFileError(f"line {number} is cut off, or longer than {LONGEST_LINE} bytes")
    try:
        body = loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise LedgerFileError(f"line {number} is not JSON") from error
    if not isinstance(body, dict):
        raise LedgerFileError(f"line {number} is no line of a ledger")
    if body.get("format", FORMAT) != FORMAT:
        raise LedgerFileError(f"line {number} is of format {body['format']}: a newer program can read it")
    return body


def _checked(body: dict[str, Any], types: dict[str, tuple[type, ...]], number: int) -> dict[str, Any]:
    for name, allowed in types.items():
        value = body.get(name)
        if name not in body or not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise LedgerFileError(f"line {number}: {name} is missing or wrong")
    return {name: body[name] for name in types}


def _row(body: dict[str, Any], number: int) -> Row:
    return Row(**_checked(body, _ROW, number))


def _end(body: dict[str, Any], count: int, number: int) -> End:
    checked = _checked(body, _END | {"charge_point": (str,)}, number)
    if checked["count"] != count:
        raise LedgerFileError(f"line {number}: it speaks of {checked['count']} lines, {count} stand above it")
    return End(ChargePointId(checked.pop("charge_point")), **checked)


def _check_signature(body: dict[str, Any], end: End, signed: bytes, number: int) -> None:
    text = cast(str, _checked(body, {"signature": (str,)}, number)["signature"])
    try:
        good = is_signed(signed, base64.b64decode(text, validate=True), end.key)
    except (binascii.Error, ValueError) as error:
        raise LedgerFileError(f"line {number}: the signature or its key can't be read") from error
    if not good:
        raise LedgerFileError(f"line {number}: the signature is wrong: the file was changed after it was made")
