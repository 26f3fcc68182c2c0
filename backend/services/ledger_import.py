"""Take in a ledger that was carried here as a file (shared.ledger_file): the same intake as over the wire.

The whole file is checked before anything of it is stored. Then each message goes through the handler that its call
would have gone through, so what is known already stays as it is: a file may be imported again, before, after or while
the station delivers the same messages itself.

A station that was never online does not know the number of its transactions: their later messages say -1. The answer
to the start in the same file gives it, by the station's own name of the transaction.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from backend.csms.handlers_v16 import on_meter_values, on_start_transaction, on_stop_transaction
from backend.csms.handling import Handler, Sender
from backend.errors import ReportError, StoreError
from backend.store.charge_points import find_charge_point
from backend.store.tables import transaction_event
from backend.store.writer import Store, short_reason
from shared.ed25519 import fingerprint
from shared.ids import ChargePointId, TransactionKey
from shared.ledger_file import LONGEST_LINE, End, LedgerFileError, Row, read_lines
from shared.ocpp.v16 import UNKNOWN_TRANSACTION, PayloadError
from shared.ocpp.validation import Version, violation

_TOGETHER = 200
"""Messages in one commit; bounds the memory, and how long a serving backend waits for its turn."""

_START = "StartTransaction"
_HANDLERS: dict[str, Handler] = {
    _START: on_start_transaction,
    "MeterValues": on_meter_values,
    "StopTransaction": on_stop_transaction,
}


@dataclass(slots=True)
class Imported:
    """What came of a file. `refused` has a sentence for each message that was not taken."""

    new: int = 0
    known: int = 0
    unconfirmed: int = 0
    refused: list[str] = field(default_factory=list)


def check_file(path: Path) -> End:
    """Read a file to its end and tell whose it is.

    Raises:
        ReportError: it can't be read, is damaged, cut off or wrongly signed; the text names the line.
    """
    end: End | None = None
    for item in _read(path):
        if isinstance(item, End):
            end = item
    assert end is not None  # noqa: S101  the reader gives it or raises
    return end


def check_key(end: End, key: str, *, trust: bool) -> None:
    """See whether the key that signed a file is the station's.

    Args:
        end: of the file.
        key: the station's public key, as the operator knows it; empty = not known.
        trust: whether an unknown key is taken.

    Raises:
        ReportError: it is another key, or an unknown one that is not trusted.
    """
    if key and key.strip() != end.key:
        raise ReportError(f"the file of {end.charge_point} is signed with another key: {fingerprint(end.key)}")
    if not key and not trust:
        raise ReportError(
            f"the file of {end.charge_point} is signed with the key {fingerprint(end.key)}, which is not known here: "
            "compare it with the station's, then give --trust, or --key with the public key of its commissioning report"
        )


async def import_ledger(store: Store, path: Path, end: End, now: datetime) -> Imported:
    """Take in a file that was checked. Killed in between, it is simply imported again.

    Args:
        store: the database; a serving backend may use it too.
        path: of the file.
        end: what `check_file` gave.
        now: when, aware UTC.

    Raises:
        ReportError: its charge point is not known, or the file has changed since it was checked.
        StoreError: the database can't be used.
    """
    if await store.read(lambda unit: find_charge_point(unit, end.charge_point)) is None:
        raise ReportError(f"the charge point {end.charge_point} is not known here: add it with apply")
    done, numbers = Imported(), dict[TransactionKey, int]()
    rows = (item for item in _read(path) if isinstance(item, Row))
    try:
        while group := tuple(islice(rows, _TOGETHER)):
            intakes = [_Intake(row, end.charge_point, numbers, now) for row in group]
            outcomes = await asyncio.gather(*(store.write(intake.take) for intake in intakes), return_exceptions=True)
            for row, outcome in zip(group, outcomes, strict=True):
                _count(done, row, outcome)
    except (SQLAlchemyError, OSError) as error:
        reason = short_reason(error)
        raise StoreError(
            f"the database can't be used: {reason}. Import the file again, nothing counts twice"
        ) from error
    return done


def _count(done: Imported, row: Row, outcome: bool | BaseException) -> None:
    if isinstance(outcome, PayloadError):
        done.refused.append(f"message {row.message_id} ({row.action}) of transaction {row.transaction}: {outcome}")
        return
    if isinstance(outcome, BaseException):
        raise outcome
    done.new += outcome
    done.known += not outcome
    done.unconfirmed += not row.certain


@dataclass(frozen=True, slots=True)
class _Intake:
    """One message on its way into the store. `numbers` are those of the transactions that began in this file."""

    row: Row
    charge_point: ChargePointId
    numbers: dict[TransactionKey, int]
    now: datetime

    def take(self, connection: Connection) -> bool:
        """Store the message and tell whether it is new; a unit of work."""
        row = self.row
        handler = _HANDLERS.get(row.action)
        if handler is None or row.ocpp != Version.V16:
            raise PayloadError(f"{row.action} of OCPP {row.ocpp} belongs to no transaction that is known here")
        payload = row.payload
        if row.action != _START and row.transaction in self.numbers:
            payload = {**payload, "transactionId": self.numbers[row.transaction]}
        if wrong := violation(Version.V16, row.action, payload):
            raise PayloadError(str(wrong))
        if payload.get("transactionId") == UNKNOWN_TRANSACTION:
            raise PayloadError("its start is not in this file, or was refused")
        newest = select(func.max(transaction_event.c.id))
        before = connection.scalar(newest)
        answer = handler(payload, Sender(self.charge_point, row.message_id), connection, self.now)
        number = answer.get("transactionId")
        if row.action == _START and isinstance(number, int):
            self.numbers[row.transaction] = number
        return bool(connection.scalar(newest) != before)


def _read(path: Path) -> Iterator[Row | End]:
    try:
        with path.open("rb") as file:
            yield from read_lines(iter(lambda: file.readline(LONGEST_LINE), b""))
    except LedgerFileError as error:
        raise ReportError(f"{path}: {error}. Nothing of it was imported: have it exported again") from error
    except OSError as error:
        raise ReportError(f"can't read {path}: {error.strerror}") from error
