"""What is known of the link, for people: what was done about it, the signal by the hour, dead hours. Pure."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from station.core.uplink_ladder import Ladder, Outcome, Rung, Why
from station.field.text import Text
from station.german import said

if TYPE_CHECKING:
    from station.link_memory import LinkMemory

STEPS_SHOWN = 8
HOURS_SHOWN = 24

LinkFacts = dict[str, Any]
"""Any: JSON, as `link_facts` makes it."""

NO_FACTS: LinkFacts = {"climbing": False, "steps": [], "hours": [], "dead_hours": []}

RUNGS = {
    Rung.REDIAL: Text("dial anew", "neu einwählen"),
    Rung.REGISTER: Text("radio off and on", "Funk aus und ein"),
    Rung.RESTART: Text("restart the modem", "Modem neu starten"),
    Rung.POWER: Text("switch the modem's supply", "Modem aus- und einschalten"),
    Rung.ACCESS: Text("other access point (APN)", "anderer Zugangspunkt (APN)"),
    Rung.REBOOT: Text("restart the controller", "Steuerung neu starten"),
}
WHYS = {
    Why.NO_REPLY: Text("the central system does not answer", "die Zentrale antwortet nicht"),
    Why.NOT_REGISTERED: Text("no network has taken the modem", "kein Netz hat das Modem eingebucht"),
    Why.SILENT: Text("the modem does not answer", "das Modem antwortet nicht"),
    Why.DENIED: Text("the network refuses the SIM", "das Netz lehnt die SIM ab"),
}
OUTCOMES = {
    Outcome.OPEN: Text("may still help", "kann noch helfen"),
    Outcome.HELPED: Text("HELPED", "HALF"),
    Outcome.FAILED: Text("did not help", "half nicht"),
    Outcome.UNKNOWN: Text("interrupted", "unterbrochen"),
    Outcome.LACKING: Text("skipped: not set up or not built in", "übersprungen: nicht eingerichtet oder eingebaut"),
    Outcome.SPENT: Text("skipped: often enough for a day", "übersprungen: oft genug für einen Tag"),
    Outcome.CHARGING: Text("skipped: somebody charges", "übersprungen: hier wird geladen"),
    Outcome.USELESS: Text("skipped: it never helped here", "übersprungen: half hier noch nie"),
}
_DAYS = Text("Mon Tue Wed Thu Fri Sat Sun", "Mo Di Mi Do Fr Sa So")
_STEPS = Text("What was done about the link (UTC):", "Was für die Verbindung getan wurde (UTC):")
_NO_STEPS = Text("Nothing had to be done about the link.", "Für die Verbindung musste nichts getan werden.")
_HOURS = Text("Link by the hour (UTC):", "Verbindung je Stunde (UTC):")
_NO_HOURS = Text("No hour is complete yet.", "Noch keine volle Stunde.")
_DEAD = Text("Usually without a link", "Meist ohne Verbindung")
_ALIVE = Text("alive", "in Ordnung")
_CAUSE = Text("cause", "Ursache")


def link_facts(ladder: Ladder, memory: "LinkMemory") -> LinkFacts:
    """Collect what is shown. The running hour is left out: what holds these facts is written when they change."""
    shown = [hour for hour in memory.hours[:-1] if hour.looks][-HOURS_SHOWN:]
    return {
        "climbing": ladder.is_climbing,
        "steps": [
            {"at": f"{s.at:%Y-%m-%d %H:%M}", "step": s.rung, "why": s.why, "cause": s.cause, "outcome": s.outcome}
            for s in ladder.memory.steps[-STEPS_SHOWN:]
        ],
        "hours": [
            {
                "at": f"{hour.begin:%Y-%m-%d %H:%M}",
                "alive": round(100 * hour.share_alive),
                "operator": hour.operator,
                "technology": hour.technology,
                "cell": hour.cell,
                "rssi_dbm": _round(hour.rssi_dbm.mean),
                "rsrp_dbm": _round(hour.rsrp_dbm.mean),
                "rsrq_db": _round(hour.rsrq_db.mean),
                "sinr_db": _round(hour.sinr_db.mean),
            }
            for hour in shown
        ],
        "dead_hours": sorted(memory.dead),
    }


def link_lines(facts: LinkFacts, language: str) -> list[str]:
    """Tell it line by line."""
    lines = [(_STEPS if facts["steps"] else _NO_STEPS).of(language)]
    for step in facts["steps"]:
        lines.append(f"  {step['at'][5:]}  {_step(step, language)}")
        if step["cause"]:
            lines.append(f"      {_CAUSE.of(language)}: {said(step['cause'], language)}")
    lines.append((_HOURS if facts["hours"] else _NO_HOURS).of(language))
    lines += [f"  {hour['at'][5:]}  {_hour(hour, language)}" for hour in facts["hours"]]
    if facts["dead_hours"]:
        lines.append(f"{_DEAD.of(language)}: {dead_text(facts['dead_hours'], language)}")
    return lines


def link_sentence(facts: LinkFacts, language: str) -> str:
    """Say what is being done about the link now; empty if nothing is."""
    taken = [step for step in facts["steps"] if not step["outcome"].startswith("skipped")]
    if not facts["climbing"] or not taken:
        return ""
    step = taken[-1]
    what, why = RUNGS[step["step"]].of(language), WHYS[step["why"]].of(language)
    text = Text(f"The link: {why}; done about it last: {what}.", f"Die Verbindung: {why}; zuletzt versucht: {what}.")
    return text.of(language)


def link_section(facts: LinkFacts, language: str) -> str:
    """Draw the hours as bars and tell the last steps, as HTML; empty if there is nothing to tell."""
    bars = "".join(
        f'<i style="height:{max(4, hour["alive"])}%" class="{"ok" if hour["alive"] >= 50 else "ko"}" '
        f'title="{escape(hour["at"][5:] + "  " + _hour(hour, language), quote=True)}"></i>'
        for hour in facts["hours"]
    )
    parts = [f'<h2>{_HOURS.of(language)}</h2><div class="bars">{bars}</div>'] if bars else []
    if facts["dead_hours"]:
        parts.append(f"<p>{_DEAD.of(language)}: {escape(dead_text(facts['dead_hours'], language))}</p>")
    if facts["steps"]:
        parts.append(f"<h2>{_STEPS.of(language)}</h2>")
        parts += [f"<p>{step['at'][5:]} {escape(_step(step, language))}</p>" for step in facts["steps"][-4:]]
    return f"<section>{''.join(parts)}</section>" if parts else ""


def dead_text(hours: Sequence[int], language: str) -> str:
    """Write hours of the week as spans, for instance `Mon 02-05, Tue 02-03`."""
    days = _DAYS.of(language).split()
    return ", ".join(f"{days[day]} {begin:02}-{end:02}" for day, begin, end in _spans(hours))


def _spans(hours: Iterable[int]) -> list[tuple[int, int, int]]:
    spans: list[tuple[int, int, int]] = []
    for hour in sorted(hours):
        day, begin = divmod(hour, 24)
        if spans and spans[-1][0] == day and spans[-1][2] == begin:
            spans[-1] = (day, spans[-1][1], begin + 1)
        else:
            spans.append((day, begin, begin + 1))
    return spans


def _step(step: LinkFacts, language: str) -> str:
    what, why = RUNGS[step["step"]].of(language), WHYS[step["why"]].of(language)
    return f"{what} ({why}): {OUTCOMES[step['outcome']].of(language)}"


def _hour(hour: LinkFacts, language: str) -> str:
    keys = [key for key in ("rssi_dbm", "rsrp_dbm", "rsrq_db", "sinr_db") if hour[key] is not None]
    known = [f"{key[:4].upper()} {hour[key]} {'dBm' if key.endswith('dbm') else 'dB'}" for key in keys]
    network = " ".join(part for part in (hour["operator"], hour["technology"], hour["cell"]) if part)
    return "  ".join(part for part in (f"{hour['alive']:3} % {_ALIVE.of(language)}", *known, network) if part)


def _round(value: float | None) -> int | None:
    return None if value is None else round(value)
