"""Saves from a damaged journal what can be read, row by row, into a new one.

SQLite reads a table up to the first page that it can't make sense of. Here each table is read from both ends, and past
a bad page by leaps in the row number. Where not even the tables are found, events are recognised by their check sums.

What its rows say of each other is used to mend: a transaction is known from its events, and a ledger row whose page is
gone is made again with its old message id. Whether such a message was delivered is not known unless it is younger than
one that waits: then it is parked, because to send it could bill a charge twice. A person decides, by `ledger replay`.
"""

import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from station.core import record
from station.journal import ALARM
from station.journal_schema import prepare

_TABLES = ("value", "boot", "txn", "event", "ledger", "try", "token", "security_event")
_BY_NAME = {"value": "name", "txn": "key", "token": "kind || id_token"}
"""Tables without row numbers, and the column they are ordered by."""
_LONGEST = 4096
"""No event that is found by its check sum is longer, bytes."""
_FURTHEST = 1 << 24
"""No leap over bad pages goes further: more events than a station has in its life."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many events are in the new journal, and how many were found that can't be read any more."""

    events: int
    unreadable: int


def salvage(damaged: Path, new: Path, *, alarm: str) -> Salvaged:
    """Make a new journal of what can be read.

    Args:
        damaged: the old file; it is not changed.
        new: the new file, which must not exist.
        alarm: what the new journal says of this, until a technician has cleared it.

    Raises:
        sqlite3.Error: the new one can't be written.
    """
    with closing(sqlite3.connect(f"file:{damaged}?mode=ro", uri=True)) as old:
        with suppress(sqlite3.DatabaseError):
            old.execute("PRAGMA writable_schema = ON")  # a table that can't be read does not hide the others
        tables = {name: _read(old, name) for name in _TABLES}
    if not tables["event"]:
        _carve(damaged.read_bytes(), tables)
    for row in tables["txn"]:
        if "start_parked" in row:  # its name before schema 4
            row["is_parked"] = row.pop("start_parked")
    tables["value"].append({"name": ALARM, "text": alarm})
    events, unreadable = [], 0
    for row in tables["event"]:
        if _is_readable(row):
            events.append(row)
        else:
            unreadable += 1
    tables["event"] = events
    _mend(tables)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        prepare(connection, new)
        for name in _TABLES:
            _insert(connection, name, tables[name])
        connection.execute("COMMIT")
    return Salvaged(len(events), unreadable)


def _read(connection: sqlite3.Connection, table: str) -> list[Row]:
    """Read all rows that can be read, in their order."""
    order = _BY_NAME.get(table, "rowid")
    rows: dict[object, Row] = {}
    for direction in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError):
            for row in _rows(connection, f"SELECT {order} AS place, * FROM {table} ORDER BY 1 {direction}"):  # noqa: S608
                rows[row.pop("place")] = row
    if order == "rowid" and rows:
        _leap(connection, table, rows, min(map(_number, rows)), max(map(_number, rows)))
    return list(rows.values()) if table in _BY_NAME else [rows[number] for number in sorted(rows, key=_number)]


def _carve(content: bytes, tables: dict[str, list[Row]]) -> None:
    """Find events in the bytes of the file. What is longer than a page is not found."""
    found: dict[tuple[str, int], tuple[float, str]] = {}
    for match in re.finditer(rb"crc32 [0-9a-f]{8} (?=\{)", content):
        end = content.find(b"}]", match.end())
        while 0 <= end < match.end() + _LONGEST:
            close = content.find(b"}", end + 2)
            body = content[match.start() : close + 1].decode("utf-8", "replace")
            with suppress(ValueError, KeyError, TypeError, IndexError):
                event = record.decode(body)
                found[event.key, event.seq_no] = (event.at.timestamp(), body)
                break
            end = content.find(b"}]", end + 2)
    in_order = sorted(found.items(), key=lambda item: (item[1][0], item[0]))
    tables["ledger"].clear()
    tables["value"].append({"name": "journal_id", "text": secrets.token_hex(4)})
    tables["event"] = [
        {"id": number, "transaction_key": key, "seq_no": seq_no, "boot": None, "offset_ms": 0, "body": body}
        for number, ((key, seq_no), (_, body)) in enumerate(in_order, 1)
    ]


def _number(place: object) -> int:
    return place if isinstance(place, int) else 0


def _leap(connection: sqlite3.Connection, table: str, rows: dict[object, Row], first: int, last: int) -> None:
    """Read between two row numbers, over pages that can't be read."""
    at, step = first, 1
    while at < last and step < _FURTHEST:
        if at in rows:
            at += 1
            continue
        try:
            sql = f"SELECT rowid AS place, * FROM {table} WHERE rowid >= {at} AND rowid < {last} ORDER BY 1"  # noqa: S608
            for row in _rows(connection, sql):
                number = row.pop("place")
                rows[number] = row
                at, step = _number(number) + 1, 1
        except sqlite3.DatabaseError:
            at, step = at + step, step * 2 if step < 64 else step
        else:
            return


def _rows(connection: sqlite3.Connection, sql: str) -> Iterator[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    for values in cursor:
        yield dict(zip(names, values, strict=True))


def _is_readable(row: Row) -> bool:
    if row["body"] == "":
        return True  # thinned out or aged out
    try:
        event = record.decode(str(row["body"]))
    except (ValueError, KeyError, TypeError, IndexError):
        return False
    return (event.key, event.seq_no) == (row["transaction_key"], row["seq_no"])


def _mend(tables: dict[str, list[Row]]) -> None:
    """Make what is missing from what is there."""
    events, ledger = tables["event"], {row["event_id"]: row for row in tables["ledger"]}
    journal_id = _journal_id(tables)
    boots = {row["number"] for row in tables["boot"]}
    known = {row["key"] for row in tables["txn"]}
    present = {row["id"] for row in events}
    first_waiting = min((_number(i) for i, row in ledger.items() if row["state"] == "pending"), default=_FURTHEST)
    for event in events:
        if event["boot"] is not None and event["boot"] not in boots:
            boots.add(event["boot"])
            tables["boot"].append(
                {"number": event["boot"], "kernel_boot_id": "", "offset_ms": event["offset_ms"], "source": 0}
            )
        if event["id"] not in ledger and journal_id and event["body"]:
            at_ms = round(record.decode(str(event["body"])).at.timestamp() * 1000)
            ledger[event["id"]] = {
                "event_id": event["id"],
                "message_id": f"{journal_id}-{event['id']}",
                "created_ms": at_ms,
                "state": "pending" if _number(event["id"]) > first_waiting else "parked",
                "reason": "its row was damaged: whether it was delivered is not known",
            }
        if event["transaction_key"] not in known:
            known.add(event["transaction_key"])
            tables["txn"].append(_transaction(str(event["transaction_key"]), events, ledger))
    tables["ledger"] = [row for row in ledger.values() if row["event_id"] in present]
    tables["try"] = [row for row in tables["try"] if row["event_id"] in present]
    ended = {row["transaction_key"] for row in events if row["body"] and '"kind":"ended"' in str(row["body"])}
    begun = {row["transaction_key"] for row in events if row["seq_no"] == 0}
    for row in tables["txn"]:
        # Without its begin nobody could go on with it; without its end it is still open, and ends again.
        row["is_open"] = int(row["key"] in begun and row["key"] not in ended)


def _transaction(key: str, events: list[Row], ledger: dict[object, Row]) -> Row:
    """Make a transaction from its events. Without its number nothing more of it can be sent: a person decides."""
    mine = [row for row in events if row["transaction_key"] == key]
    decoded = [record.decode(str(row["body"])) for row in mine if row["body"]]
    states = {row["seq_no"]: ledger.get(row["id"], {}).get("state") for row in mine}
    is_numbered = states.get(0) == "acknowledged"
    for row in mine:
        if is_numbered and states[row["seq_no"]] == "pending":
            ledger[row["id"]] = {
                **ledger[row["id"]],
                "state": "parked",
                "reason": "the number of its transaction was damaged",
            }
    return {"key": key, "evse_id": decoded[0].evse_id if decoded else 1, "is_open": 0, "is_parked": is_numbered}


def _journal_id(tables: dict[str, list[Row]]) -> str:
    """Give the journal's id, from its row or from a message id that begins with it."""
    for row in tables["value"]:
        if row["name"] == "journal_id":
            return str(row["text"])
    for row in tables["ledger"]:
        journal_id = str(row["message_id"]).rsplit("-", 1)[0]
        tables["value"].append({"name": "journal_id", "text": journal_id})
        return journal_id
    return ""


def _insert(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    for row in rows:
        names = [name for name in row if name in columns]
        sql = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        with suppress(sqlite3.IntegrityError):  # of two rows that exclude each other the first stays
            connection.execute(sql, [row[name] for name in names])
