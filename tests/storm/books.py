"""The books after a storm: what the meter, the station's journal and the backend say of each EVSE must be one thing."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from station.core import record
from station.journal import register
from tests.storm.stage import Site

Charge = tuple[int, int]
"""Begin and end register, Wh."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a station has not got rid of yet."""

    pending: int
    parked: int
    open_transactions: int

    @property
    def is_nothing(self) -> bool:
        return not (self.pending or self.parked or self.open_transactions)


def waiting(site: Site) -> Waiting:
    """Count beside the running agent."""
    path = site.folder / "journal.sqlite"
    if not path.exists():
        return Waiting(0, 0, 0)
    pending, parked = (
        _rows(path, "SELECT count(*) FROM ledger WHERE state = ?", state)[0][0] for state in ("pending", "parked")
    )
    return Waiting(pending, parked, _rows(path, "SELECT count(*) FROM txn WHERE is_open")[0][0])


def journal_charges(site: Site, evse: int) -> list[Charge]:
    """Give the charges of the journal, in their order."""
    bodies: dict[str, list[int]] = {}
    rows = _rows(
        site.folder / "journal.sqlite",
        "SELECT e.transaction_key, e.body FROM event e JOIN txn t ON t.key = e.transaction_key "
        "WHERE t.evse_id = ? AND e.body != '' ORDER BY e.id",
        evse,
    )
    for key, body in rows:
        bodies.setdefault(key, []).append(register(record.decode(body)))
    return [(registers[0], registers[-1]) for registers in bodies.values()]


def backend_charges(folder: Path, site: Site, evse: int) -> list[Charge]:
    """Give the charges of the backend, in the meter's order."""
    return _rows(
        folder / "backend.sqlite",
        "SELECT meter_start, meter_stop FROM charging_transaction WHERE charge_point_id = ? AND evse_id = ? "
        "ORDER BY meter_start, meter_stop",
        site.name,
        evse,
    )


def held(folder: Path) -> list[tuple[str, str]]:
    """Give what the backend could not rate, and why."""
    return _rows(
        folder / "backend.sqlite",
        "SELECT charge_point_id, state || ': ' || held_reason FROM charging_transaction WHERE state != 'rated'",
    )


def differences(folder: Path, site: Site, evse: int, first: int, last: int) -> list[str]:
    """Compare; every sentence is a defect."""
    drawn = last - first
    station, backend = journal_charges(site, evse), backend_charges(folder, site, evse)
    where = f"{site.name} ({site.version}) EVSE {evse}"
    found = []
    for name, charges in (("journal", station), ("backend", backend)):
        if any(end is None for _, end in charges):
            found.append(f"{where}: the {name} has a charge without an end")
            continue
        told = sum(end - begin for begin, end in charges)
        if told != drawn:
            found.append(f"{where}: the meter counted {drawn} Wh, the {name} {told} Wh")
    if sorted(station) != sorted(backend):
        found.append(
            f"{where}: only in the journal {set(station) - set(backend)}, only in the backend "
            f"{set(backend) - set(station)}"
        )
    overlaps = [(one, other) for one, other in pairwise(station) if other[0] < one[1]]
    if overlaps:
        found.append(f"{where}: charges overlap: {overlaps}")
    return found


# Any: whatever the query asks for.
def _rows(path: Path, sql: str, *parameters: object) -> list[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(sql, parameters).fetchall()
