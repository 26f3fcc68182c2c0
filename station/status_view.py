"""The agent's state as one page for a phone: no script, nothing loaded from elsewhere, no card number. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from station.data_view import used_brief
from station.german import said
from station.link_view import link_section
from station.wear_words import wear_brief
from station.wording import REGISTRATION, STATUS, TIME, evse_name, named

REFRESH_S = 5

_TEXTS = {
    "en": {
        "why": "Why",
        "csms": "Central system",
        "modem": "Mobile network",
        "data": "Data this month",
        "time": "Time",
        "pending": "Waiting for delivery",
        "parked": "Refused for good",
        "card": "Storage card",
        "alarm": "Alarm",
        "charging": "transaction running",
        "cost": "Cost so far",
        "stopped": "The station's program does not run",
        "as_of": "as of",
        "connected": "connected",
        "not_connected": "not connected",
    },
    "de": {
        "why": "Warum",
        "csms": "Zentrale",
        "modem": "Mobilfunk",
        "data": "Daten im Monat",
        "time": "Uhrzeit",
        "pending": "Wartet auf Zustellung",
        "parked": "Endgültig abgelehnt",
        "card": "Speicherkarte",
        "alarm": "Alarm",
        "charging": "Ladevorgang läuft",
        "cost": "Kosten bisher",
        "stopped": "Das Stationsprogramm läuft nicht",
        "as_of": "Stand",
        "connected": "verbunden",
        "not_connected": "nicht verbunden",
    },
}

_GOOD = frozenset({"Available", "Preparing", "Charging", "SuspendedEV", "Finishing"})

_STYLE = """
:root{color-scheme:light dark;--ground:#eef1f4;--card:#fff;--ink:#14202b;--soft:#556677;--good:#0a7a3d;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ground:#10171e;--card:#1c2630;--ink:#eef3f7;--soft:#9db0c2;--good:#4fd08a;
--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;background:var(--ground);color:var(--ink);font:1.125rem/1.4 system-ui,sans-serif}
main{max-width:34rem;margin:auto}
h1{font-size:1.25rem;margin:.25rem 0 1rem;overflow-wrap:anywhere}
section{background:var(--card);border-radius:.75rem;padding:1rem;margin-bottom:1rem}
h2{font-size:1rem;color:var(--soft);margin:0 0 .25rem;font-weight:600}
.big{font-size:2rem;font-weight:700;line-height:1.15}
.alarm{border-left:.4rem solid var(--bad)}.alarm h2{color:var(--bad)}
.good{color:var(--good)}.bad{color:var(--bad)}
.bars{display:flex;align-items:flex-end;gap:2px;height:3rem;margin:.25rem 0 .75rem}
.bars i{flex:1;border-radius:2px}.bars .ok{background:var(--good)}.bars .ko{background:var(--bad)}
p{margin:.35rem 0 0;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;text-align:right;font-weight:600;overflow-wrap:break-word}
footer{display:flex;justify-content:space-between;align-items:center;color:var(--soft);font-size:.95rem}
a{color:inherit;padding:.8rem 0 .8rem 1rem;display:inline-block}
"""


# Any: what the status file holds; all of it is written as text.
def page(
    name: str,
    status: dict[str, Any],
    reasons: Sequence[str],
    at: datetime,
    language: str,
    *,
    alarms: Sequence[str] = (),
) -> str:
    """Draw the page.

    Args:
        name: of the charge point.
        status: as `station.report.status_of` gives it.
        reasons: what stands in the way, one sentence each.
        at: when, aware UTC.
        language: `de` or `en`.
        alarms: those of the reasons that somebody must see to; they come first.
    """
    words = _TEXTS[language]
    evses = "".join(_evse(evse, words, language) for evse in status["evses"])
    is_good = status["running"] and not any(evse["blocked_by"] for evse in status["evses"])
    sentences = _sentences(reason for reason in reasons if reason not in alarms)
    heard = _sentences(alarms)
    alarm = f'<section class="alarm"><h2>{words["alarm"]}</h2>{heard}</section>' if alarms else ""
    why = f'<section><h2>{words["why"]}</h2><div class="{"good" if is_good else "bad"}">{sentences}</div></section>'
    other = "en" if language == "de" else "de"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(name)}</h1>{alarm}{evses}"
        f"{why if sentences else ''}<section>{_facts(status, words, language)}</section>"
        f"{link_section(status['uplink'], language) if status.get('uplink') else ''}"
        f"<footer><span>{words['as_of']} {at:%Y-%m-%d %H:%M:%S} UTC</span>"
        f'<a href="/?lang={other}">{"English" if other == "en" else "Deutsch"}</a></footer></main></body></html>'
    )


def _sentences(texts: Iterable[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


# Any: as above.
def _evse(evse: dict[str, Any], words: dict[str, str], language: str) -> str:
    status = str(evse["status"])
    word = named(STATUS, status, language)
    lines = [words["charging"]] if evse["transaction"] else []
    if evse.get("limit"):
        lines.append(said(evse["limit"], language))
    if evse["cost"]:
        lines.append(f"{words['cost']}: {evse['cost']}")
    more = "".join(f"<p>{escape(line)}</p>" for line in lines)
    mood = "good" if status in _GOOD else "bad"
    name = evse_name(evse["id"], language)
    return f'<section><h2>{name}</h2><div class="big {mood}">{escape(word)}</div>{more}</section>'


# Any: as above.
def _facts(status: dict[str, Any], words: dict[str, str], language: str) -> str:
    registration = named(REGISTRATION, status["modem"], language) if status["modem"] else ""
    modem = f"{registration} {status['operator']}".strip()
    rows = {
        "csms": words["connected" if status["csms"] == "connected" else "not_connected"],
        "modem": modem,
        "data": used_brief(status.get("data", {}), language),
        "time": named(TIME, status["time"], language),
        "pending": status["pending"],
        "parked": status["parked"],
        "card": wear_brief(status.get("wear", {}), language),
    }
    if not status["running"]:
        rows = {"stopped": "", **rows}
    shown = {name: value for name, value in rows.items() if value != "" or name == "stopped"}
    return "<dl>" + "".join(f"<dt>{words[n]}</dt><dd>{escape(str(v))}</dd>" for n, v in shown.items()) + "</dl>"
