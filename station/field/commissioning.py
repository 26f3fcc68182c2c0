"""The commissioning report: what was checked, when, with which result, and what is still open. Pure.

Times are ISO 8601 texts in UTC and numbers are whole: the report is signed in its canonical form, without floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from station.field.text import NOTHING, Text
from station.ledger_view import LedgerRow

KIND = "emops commissioning report"
VERSION = 1

Report = dict[str, Any]
"""Any: JSON, as `make_report` lays it out."""


# Any: what the steps have kept.
def make_report(about: Mapping[str, str], at: str, evses: Sequence[int], kept: Mapping[str, Any]) -> Report:
    """Lay out the report.

    Args:
        about: charge_point, serial, software, technician, place.
        at: when it was closed.
        evses: numbers of all EVSEs.
        kept: results of the steps, see `station.field.commission`.
    """
    steps = kept.get("steps", {})
    parts = [
        {
            "evse": number,
            "meter": kept.get("meters", {}).get(str(number)) or steps.get(f"meter.{number}"),
            "contactor": steps.get(f"contactor.{number}"),
            "rcd": steps.get(f"rcd.{number}"),
        }
        for number in evses
    ]
    report: Report = {
        "kind": KIND,
        "version": VERSION,
        **about,
        "begun": kept.get("begun", ""),
        "at": at,
        "evses": parts,
        "antenna": steps.get("antenna"),
        "test_transaction": steps.get("transaction"),
        "certificates": [],
    }
    return {**report, "open": [text.en for text in open_points(report)]}


def open_points(report: Report) -> list[Text]:
    """Tell what was not done, or did not pass."""
    points = []
    for part in report["evses"]:
        for key, name in (("meter", _METER), ("contactor", _CONTACTOR), ("rcd", _RCD)):
            points += _open(part[key], Text(f"EVSE {part['evse']}, ", f"Ladepunkt {part['evse']}, "), name)
    if report["antenna"] is not None:
        points += _open(report["antenna"], NOTHING, _ANTENNA)
    return points + _open(report["test_transaction"], NOTHING, _TRANSACTION)


_METER = Text("meter and display", "Zähler und Anzeige")
_CONTACTOR = Text("contactor", "Schütz")
_RCD = Text("RCD", "RCD (Fehlerstromschutz)")
_ANTENNA = Text("antenna", "Antenne")
_TRANSACTION = Text("test transaction", "Testladung")


# Any: one step's result.
def _open(result: Mapping[str, Any] | None, where: Text, name: Text) -> list[Text]:
    if result is None or result.get("skipped"):
        why = f" ({result['skipped']})" if result else ""
        return [Text(f"{where.en}{name.en}: not checked{why}", f"{where.de}{name.de}: nicht geprüft{why}")]
    if not result.get("passed"):
        return [Text(f"{where.en}{name.en}: failed", f"{where.de}{name.de}: nicht bestanden")]
    return []


@dataclass(frozen=True, slots=True)
class Seen:
    """How far the test transaction is."""

    key: str = ""
    has_ended: bool = False
    is_acknowledged: bool = False
    energy_wh: int = 0


def seen_transaction(rows: Sequence[LedgerRow], after_row: int) -> Seen:
    """Find the newest transaction that began after a row of the ledger.

    Args:
        rows: the newest of the ledger, in their order.
        after_row: number of the last row before the test began.
    """
    keys = [row.transaction for row in rows if row.row_id > after_row and row.kind == "started"]
    if not keys:
        return Seen()
    mine = [row for row in rows if row.transaction == keys[-1]]
    ended = [row for row in mine if row.kind == "ended"]
    first_wh, last_wh = mine[0].register_wh, (ended or mine)[-1].register_wh
    return Seen(
        keys[-1],
        bool(ended),
        bool(ended) and all(row.state == "acknowledged" for row in mine),
        last_wh - first_wh if first_wh is not None and last_wh is not None else 0,
    )
