"""The commissioning report for people: as text for a terminal, and as a page to print, sign and hand over. Pure.

Both are made from the same lines, and show only what the signed file holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from station.field.commissioning import Report, open_points
from station.field.text import NOTHING, Text
from station.wording import evse_name


@dataclass(frozen=True, slots=True)
class _Line:
    """What was checked, how it ended (NOTHING for a plain fact), and what was seen."""

    name: Text
    verdict: Text
    seen: str = ""


def report_text(report: Report, language: str) -> str:
    """Give the report as text, in `de` or `en`."""
    title = _TITLE.of(language)
    lines = [title, "=" * len(title)]
    for head, rows in _parts(report, language):
        lines += ["", head] if head else [""]
        for row in rows:
            told = ", ".join(filter(None, (row.verdict.of(language), row.seen)))
            lines.append(f"  {row.name.of(language) + ':':24} {told}")
    lines += ["", f"{_OPEN.of(language)}:"]
    lines += [f"- {point.of(language)}" for point in open_points(report)] or [f"- {_NONE.of(language)}"]
    return "\n".join(lines) + "\n"


def report_html(report: Report, key: str, signature: str, language: str) -> str:
    """Give the report as one page that needs nothing else.

    Args:
        report: what is signed.
        key: public key of the station, base64.
        signature: of the report in its canonical form, base64.
        language: `de` or `en`.
    """
    body = "".join(_section(head, rows, language) for head, rows in _parts(report, language))
    title, points = _TITLE.of(language), open_points(report)
    found = "".join(f"<li>{escape(point.of(language))}</li>" for point in points)
    mood, result = ("bad", _NOT_READY) if points else ("good", _READY)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title} {escape(str(report['charge_point']))}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{title}</h1><p class="result {mood}">{result.of(language)}</p>'
        f"{f'<h2>{_OPEN.of(language)}</h2><ul>{found}</ul>' if points else ''}{body}"
        f'<div class="hands"><span>{_INSTALLER.of(language)}</span><span>{_OPERATOR.of(language)}</span></div>'
        f"<footer><p>{_HOW.of(language)}</p><p>{_KEY.of(language)}: <code>{escape(key)}</code><br>"
        f"{_SIGNATURE.of(language)}: <code>{escape(signature)}</code></p></footer></body></html>\n"
    )


def _section(head: str, rows: list[_Line], language: str) -> str:
    cells = "".join(
        f"<tr><th>{escape(row.name.of(language))}</th>"
        f'<td class="{_MOODS.get(row.verdict, "")}">{escape(row.verdict.of(language))}</td>'
        f"<td>{escape(row.seen)}</td></tr>"
        if row.verdict != NOTHING
        else f'<tr><th>{escape(row.name.of(language))}</th><td colspan="2">{escape(row.seen)}</td></tr>'
        for row in rows
    )
    return f"{f'<h2>{escape(head)}</h2>' if head else ''}<table>{cells}</table>"


def _parts(report: Report, language: str) -> list[tuple[str, list[_Line]]]:
    about = [_Line(name, NOTHING, str(report[key])) for key, name in _ABOUT if report[key]]
    about.append(_Line(_TIME, NOTHING, f"{report['begun']} - {report['at']}"))
    parts = [("", about)]
    for part in report["evses"]:
        parts.append((evse_name(part["evse"], language), _evse_lines(part, language)))
    station = [_Line(_TRANSACTION, _verdict(report["test_transaction"]), _transaction(report["test_transaction"]))]
    if antenna := report["antenna"]:
        seen = f"{antenna['best_dbm']} dBm, {antenna['position']}" if "best_dbm" in antenna else _why(antenna)
        station.insert(0, _Line(_ANTENNA, _verdict(antenna), seen))
    return [*parts, (_STATION.of(language), station)]


# Any: one step's result, as station.field.commission keeps it.
def _verdict(result: Mapping[str, Any] | None) -> Text:
    if result is None or result.get("skipped"):
        return _NOT_CHECKED
    return _PASSED if result.get("passed") else _FAILED


# Any: as above.
def _why(result: Mapping[str, Any] | None) -> str:
    return str(result.get("skipped") or result.get("reason") or "") if result else ""


# Any: as above.
def _transaction(result: Mapping[str, Any] | None) -> str:
    if not result or not result.get("transaction"):
        return _why(result)
    return f"{result['transaction']}, {result['energy_wh']} Wh"


# Any: one EVSE of the report.
def _evse_lines(part: Mapping[str, Any], language: str) -> list[_Line]:
    meter, contactor, rcd = part["meter"], part["contactor"], part["rcd"]
    told = _why(meter)
    if meter and "register_wh" in meter:
        shown = f"{meter['register_wh'] / 1000:.3f} kWh, {_DISPLAY.of(language)} {meter['display_kwh']} kWh"
        told = f"{meter['model']} {meter['serial']}: {shown}"
    times = _why(contactor)
    if contactor and contactor.get("closed_ms") is not None and contactor.get("opened_ms") is not None:
        closed, opened = contactor["closed_ms"], contactor["opened_ms"]
        times = Text(f"closed after {closed} ms, opened after {opened} ms",
                     f"schloss nach {closed} ms, öffnete nach {opened} ms").of(language)  # fmt: skip
    how = _HOW_RCD[rcd["how"]].of(language) if rcd and rcd.get("how") in _HOW_RCD else _why(rcd)
    return [
        _Line(_METER, _verdict(meter), told),
        _Line(_CONTACTOR, _verdict(contactor), times),
        _Line(_RCD, _verdict(rcd), how),
    ]


_TITLE = Text("Commissioning report", "Inbetriebnahmeprotokoll")
_ABOUT = (
    ("charge_point", Text("Charging station", "Ladestation")),
    ("serial", Text("Serial number", "Seriennummer")),
    ("place", Text("Place", "Ort")),
    ("technician", Text("Technician", "Techniker")),
    ("software", Text("Software", "Software")),
)
_TIME = Text("Time (UTC)", "Zeit (UTC)")
_METER = Text("Meter and display", "Zähler und Anzeige")
_CONTACTOR = Text("Contactor (main switch)", "Schütz (Hauptschalter)")
_RCD = Text("RCD (residual current)", "RCD (Fehlerstrom)")
_STATION = Text("Station", "Station")
_ANTENNA = Text("Antenna", "Antenne")
_TRANSACTION = Text("Test transaction", "Testladung")
_PASSED = Text("passed", "bestanden")
_FAILED = Text("FAILED", "FEHLER")
_NOT_CHECKED = Text("not checked", "nicht geprüft")
_MOODS = {_PASSED: "good", _FAILED: "bad", _NOT_CHECKED: "bad"}
_DISPLAY = Text("display", "Anzeige")
_HOW_RCD = {"self": Text("by the board's own test", "durch Selbsttest"), "button": Text("test button", "Prüftaste")}
_OPEN = Text("Open points", "Offene Punkte")
_NONE = Text("none", "keine")
_READY = Text("All was checked and passed.", "Alles wurde geprüft und ist bestanden.")
_NOT_READY = Text("Not finished: there are open points.", "Nicht abgeschlossen: es gibt offene Punkte.")
_INSTALLER = Text("Installer: place, date, signature", "Errichter: Ort, Datum, Unterschrift")
_OPERATOR = Text("Operator: place, date, signature", "Betreiber: Ort, Datum, Unterschrift")
_KEY = Text("Public key of the station", "Öffentlicher Schlüssel der Station")
_SIGNATURE = Text("Signature (Ed25519)", "Signatur (Ed25519)")
_HOW = Text(
    "The file of the same name that ends in .json is signed by the station. This page shows its content; "
    "emops-station commission verify FILE checks it.",
    "Die gleichnamige Datei mit der Endung .json ist von der Station signiert. Dieses Blatt zeigt ihren Inhalt; "
    "emops-station commission verify DATEI prüft sie.",
)
_STYLE = """
@page{size:A4;margin:18mm}
body{max-width:46rem;margin:2rem auto;padding:0 1rem;background:#fff;color:#14202b;font:1rem/1.4 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.05rem;margin:1.4rem 0 .3rem}
.result{font-size:1.1rem;font-weight:700;margin:0 0 1rem}.good{color:#0a7a3d}.bad{color:#b3261e;font-weight:700}
table{width:100%;border-collapse:collapse;table-layout:fixed}
tr{border-bottom:1px solid #cfd8df;break-inside:avoid}
th{width:14rem;text-align:left;font-weight:400;color:#556677}
th,td{padding:.35rem .5rem .35rem 0;vertical-align:top;overflow-wrap:anywhere}
td:nth-child(2):not([colspan]){width:8rem}
.hands{display:flex;gap:2rem;margin-top:4.5rem;break-inside:avoid}
.hands span{flex:1;border-top:1px solid #14202b;padding-top:.3rem;font-size:.85rem}
footer{margin-top:1.5rem;color:#556677;font-size:.75rem}code{overflow-wrap:anywhere}
"""
