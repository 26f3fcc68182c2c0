"""The data budget in words. Pure."""

from collections.abc import Mapping
from typing import Any

from station.field.text import Text

_CLASSES = {
    "connect": Text("connecting", "Verbindungsaufbau"),
    "boot": Text("start", "Anmeldung"),
    "heartbeat": Text("heartbeats", "Lebenszeichen"),
    "status": Text("states", "Zustände"),
    "authorize": Text("cards", "Karten"),
    "transaction": Text("begins and ends", "Beginn und Ende"),
    "meter_values": Text("meter values", "Messwerte"),
    "security": Text("security", "Sicherheit"),
    "files": Text("files", "Dateien"),
    "keepalive": Text("keeping the link", "Offenhalten"),
    "remote": Text("requests from afar", "Fernzugriff"),
    "headers": Text("packet headers", "Paketköpfe"),
    "other": Text("other", "Sonstiges"),
}
_Data = Mapping[str, Any]
"""Any: `station.data_keeper.DataKeeper.describe` as the status file holds it; empty before the first look."""


def used_brief(data: _Data, language: str) -> str:
    """Say what was used this month, and of what; empty if nothing is known."""
    if not data:
        return ""
    used, allowed = size(data["month"], language), data["allowance"]
    if not allowed:
        return used
    whole = f"{Text('of', 'von').of(language)} {size(allowed, language)}"
    return f"{used} {whole} ({data['month'] * 100 // allowed} %)"


def used_words(data: _Data, language: str) -> str:
    """Say the same, and on what most of it went."""
    if not data:
        return ""
    most = sorted(data["classes"].items(), key=lambda pair: -pair[1])[:2]
    total = max(sum(data["classes"].values()), 1)
    told = ", ".join(f"{_name(name, language)} {count * 100 // total} %" for name, count in most)
    used = used_brief(data, language)
    return f"{used}; {told}" if told else used


def data_lines(data: _Data, language: str) -> list[tuple[str, str]]:
    """Give the whole account: names and figures."""
    if not data:
        return [(Text("Data", "Daten").of(language), Text("not counted yet", "noch nicht gezählt").of(language))]
    rows = [
        (Text("This month", "Dieser Monat").of(language), used_words(data, language)),
        (Text("Today", "Heute").of(language), size(data["today"], language)),
        (Text("Last month", "Letzter Monat").of(language), size(data["last_month"], language)),
    ]
    if data["keepalive_s"]:
        text = Text(f"after {data['keepalive_s']} s of silence", f"nach {data['keepalive_s']} s Stille")
        rows.append((Text("Ping", "Ping").of(language), text.of(language)))
    return rows + [(f"  {_name(name, language)}", size(count, language)) for name, count in data["classes"].items()]


def thrift_line(data: _Data, language: str) -> str:
    """Say why samples are thinner than set, empty if they aren't."""
    if data.get("level", "normal") == "normal":
        return ""
    percent = data["month"] * 100 // max(data["allowance"], 1)
    every = (
        Text(f"at most every {data['sample_s'] // 60} min", f"höchstens alle {data['sample_s'] // 60} min")
        if data["sample_s"]
        else Text("never", "gar nicht")
    )
    return Text(
        f"{percent} % of this month's mobile data are used: while charging the register is told "
        f"{every.en} and nothing else; begin, end and commands go at once as always.",
        f"{percent} % der Mobilfunkdaten dieses Monats sind verbraucht: während des Ladens wird nur der Zählerstand "
        f"gemeldet, {every.de}; Beginn, Ende und Befehle gehen wie immer sofort.",
    ).of(language)


def size(count: int, language: str) -> str:
    """Write a number of bytes for people."""
    text = f"{count / 1e6:.1f} MB" if count >= 1_000_000 else f"{count / 1e3:.1f} kB"
    return text.replace(".", ",") if language == "de" else text


def _name(name: str, language: str) -> str:
    return _CLASSES[name].of(language) if name in _CLASSES else name
