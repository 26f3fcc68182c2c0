"""The commissioning report: what was checked, when, with which result, and what is still open. Pure.

Times are ISO 8601 texts in UTC and numbers are whole: the report is signed in its canonical form, without floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from station.field.text import Text
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
            points += _open(part[key], f"EVSE {part['evse']}, ", name)
    if report["antenna"] is not None:
        points += _open(report["antenna"], "", _ANTENNA)
    return points + _open(report["test_transaction"], "", _TRANSACTION)


_METER = Text("meter and display", "Zähler und Anzeige")
_CONTACTOR = Text("contactor", "Schütz")
_RCD = Text("RCD", "RCD (Fehlerstromschutz)")
_ANTENNA = Text("antenna", "Antenne")
_TRANSACTION = Text("test transaction", "Testladung")


# Any: one step's result.
def _open(result: Mapping[str, Any] | None, where: str, name: Text) -> list[Text]:
    if result is None or result.get("skipped"):
        why = f" ({result['skipped']})" if result else ""
        return [Text(f"{where}{name.en}: not checked{why}", f"{where}{name.de}: nicht geprüft{why}")]
    if not result.get("passed"):
        return [Text(f"{where}{name.en}: failed", f"{where}{name.de}: nicht bestanden")]
    return []


def report_text(report: Report, language: str) -> str:
    """Give the report for people, in `de` or `en`."""
    german = language == "de"

    def word(result: Mapping[str, Any] | None) -> str:
        if result is None or result.get("skipped"):
            return "nicht geprüft" if german else "not checked"
        return ("bestanden" if german else "passed") if result.get("passed") else ("FEHLER" if german else "FAILED")

    title = "Inbetriebnahmeprotokoll" if german else "Commissioning report"
    names = (
        (("Ladestation", "charge_point"), ("Seriennummer", "serial"), ("Ort", "place"), ("Techniker", "technician"))
        if german
        else (("Charge point", "charge_point"), ("Serial number", "serial"), ("Place", "place"),
              ("Technician", "technician"))
    )  # fmt: skip
    lines = [title, "=" * len(title), ""]
    lines += [f"{name:14} {report[key]}" for name, key in names if report[key]]
    lines += [
        f"{'Zeit' if german else 'Time':14} {report['begun']} - {report['at']}",
        f"{'Software':14} {report['software']}",
    ]
    for part in report["evses"]:
        lines += ["", f"EVSE {part['evse']}", *_evse_lines(part, word, german=german)]
    if antenna := report["antenna"]:
        best = f"{antenna['best_dbm']} dBm, {antenna['position']}" if not antenna.get("skipped") else ""
        lines += ["", f"{'Antenne' if german else 'Antenna'}: {word(antenna)} {best}".rstrip()]
    transaction = report["test_transaction"]
    seen = ""
    if transaction and not transaction.get("skipped"):
        seen = f"{transaction['transaction']}, {transaction['energy_wh']} Wh"
    lines += ["", f"{'Testladung' if german else 'Test transaction'}: {word(transaction)} {seen}".rstrip()]
    points = open_points(report)
    lines += ["", "Offene Punkte:" if german else "Open points:"]
    lines += [f"- {point.of(language)}" for point in points] or ["- keine" if german else "- none"]
    return "\n".join(lines) + "\n"


# Any: one EVSE of the report.
def _evse_lines(part: Mapping[str, Any], word: Any, *, german: bool) -> list[str]:
    meter = part["meter"]
    told = ""
    if meter and "register_wh" in meter:
        shown, display = f"{meter['register_wh'] / 1000:.3f} kWh", f"{meter['display_kwh']} kWh"
        told = f"{meter['model']} {meter['serial']}: {shown}, {'Anzeige' if german else 'display'} {display}"
    contactor, times = part["contactor"], ""
    if contactor and contactor.get("closed_ms") is not None and contactor.get("opened_ms") is not None:
        times = f"{contactor['closed_ms']} ms / {contactor['opened_ms']} ms"
    rcd = part["rcd"]
    how = {"self": "Selbsttest" if german else "self-test", "button": "Prüftaste" if german else "test button"}
    return [
        f"  {'Zähler' if german else 'Meter':10} {word(meter)} {told}".rstrip(),
        f"  {'Schütz' if german else 'Contactor':10} {word(contactor)} {times}".rstrip(),
        f"  {'RCD':10} {word(rcd)} {how.get(rcd.get('how', ''), '') if rcd else ''}".rstrip(),
    ]


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
    return Seen(
        keys[-1],
        bool(ended),
        bool(ended) and all(row.state == "acknowledged" for row in mine),
        (ended or mine)[-1].register_wh - mine[0].register_wh,
    )
