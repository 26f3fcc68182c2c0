"""Commands for the settings: show, change, go back; and the configuration keys of the central system's protocol."""

import re
from collections.abc import Sequence

from shared.config import ConfigError
from shared.log import Log
from station.console.config_files import (
    difference,
    hidden,
    judge,
    load_checked,
    previous_files,
    replace_file,
    type_of,
    values,
)
from station.console.menu import Visit
from station.console.screen import table
from station.console.toml_edit import changed, parse_path, show_path, toml_value
from station.field.text import Text
from station.wording import named

_LOG = Log("station.console")


async def show(visit: Visit, words: Sequence[str]) -> None:
    """Show the settings; words behind it choose those whose name or value holds them."""
    if visit.trouble:
        await visit.terminal.say(visit.trouble)
        await visit.terminal.show(hidden(visit.config.read_text("utf-8", "replace")).split("\n"))
        return
    wanted = " ".join(words).casefold()
    rows = [row for row in values(load_checked(visit.config)) if wanted in " = ".join(row).casefold()]
    await visit.terminal.show(table(rows) or [visit.terminal.pick(_NO_SETTING)])


async def change(visit: Visit, words: Sequence[str]) -> None:
    """Change one setting in the file."""
    terminal = visit.terminal
    name = words[0] if words else await terminal.ask(terminal.pick(_NAME))
    if not name:
        return
    path = parse_path(name)
    kind = type_of(re.sub(r"\[[0-9]+\]", "[]", show_path(path)))
    value = " ".join(words[1:]) or await terminal.ask(
        f"{show_path(path)} ({named(_KINDS, kind, terminal.language)})", secret="secret" in kind
    )
    old = visit.config.read_text("utf-8")
    new = changed(old, path, toml_value(value, kind))
    if await _replace(visit, old, new):
        _LOG.info("setting_changed", setting=show_path(path), who=visit.who)


async def go_back(visit: Visit, _words: Sequence[str]) -> None:
    """Let a previous file take the place of the present one."""
    terminal = visit.terminal
    files = previous_files(visit.config)
    if not files:
        await terminal.tell(_NO_PREVIOUS)
        return
    old = visit.config.read_text("utf-8", "replace")
    texts = [file.read_text("utf-8") for file in files]
    options = [
        f"{file.name}: {len(difference(old, text))} {terminal.pick(_LINES)}"
        for file, text in zip(files, texts, strict=True)
    ]
    place = await terminal.choose(terminal.pick(_WHICH), options)
    if place is not None and await _replace(visit, old, texts[place]):
        _LOG.info("config_rolled_back", file=files[place].name, who=visit.who)


async def _replace(visit: Visit, old: str, new: str) -> bool:
    terminal = visit.terminal
    if old == new:
        await terminal.tell(_SAME)
        return False
    judge(new)
    await terminal.show(difference(old, new) or [terminal.pick(_HIDDEN)])
    if not await terminal.confirm(terminal.pick(_SURE)):
        await terminal.tell(_NOT_SAVED)
        return False
    replace_file(visit.config, new)
    await terminal.tell(_SAVED)
    return True


async def show_keys(visit: Visit, words: Sequence[str]) -> None:
    """Show the OCPP configuration keys."""
    wanted = " ".join(words).casefold()
    keys = (await visit.service.call("keys"))["keys"]
    lines = [
        line
        for key in keys
        if wanted in f"{key['name']} {key['help']}".casefold()
        for line in (
            f"{key['name']} = {key['value']} {key['unit']}".rstrip()
            + ("" if key["writable"] else "  (fest)" if visit.terminal.language == "de" else "  (fixed)"),
            f"    {key['help']}",
        )
    ]
    await visit.terminal.show(lines or [visit.terminal.pick(_NO_SETTING)])


async def set_key(visit: Visit, words: Sequence[str]) -> None:
    """Change an OCPP configuration key; it counts at once and survives a restart."""
    terminal = visit.terminal
    name = words[0] if words else await terminal.ask(terminal.pick(_KEY))
    if not name:
        return
    known = {key["name"].casefold(): key for key in (await visit.service.call("keys"))["keys"]}
    key = known.get(name.casefold())
    if key is None:
        raise ConfigError(f"there is no key {name}: `config keys` lists them")
    value = " ".join(words[1:]) or await terminal.ask(f"{key['name']} ({key['help']})", str(key["value"]))
    if await terminal.confirm(f"{key['name']}: {key['value']} -> {value}?"):
        result = await visit.service.call("set_key", {"name": key["name"], "value": value})
        await terminal.tell(_NEEDS_RESTART if result["needs_restart"] else _IN_FORCE)


_NO_SETTING = Text("(no setting fits)", "(keine Einstellung passt)")
_NAME = Text("Name of the setting, for instance modem.apn", "Name der Einstellung, zum Beispiel modem.apn")
_KEY = Text("Name of the key, for instance HeartbeatInterval", "Name des Schlüssels, zum Beispiel HeartbeatInterval")
_NO_PREVIOUS = Text("There is no previous file yet.", "Es gibt noch keine frühere Datei.")
_LINES = Text("lines differ", "Zeilen anders")
_WHICH = Text("Back to which file? 1 is the last.", "Zurück zu welcher Datei? 1 ist die letzte.")
_SAME = Text("Nothing changes.", "Es ändert sich nichts.")
_HIDDEN = Text("(a secret changes; it is not shown)", "(ein Geheimnis ändert sich; es wird nicht angezeigt)")
_SURE = Text("- goes away, + is new. Save?", "- fällt weg, + ist neu. Speichern?")
_SAVED = Text(
    "Saved. It counts after `restart` (settings of the console: at the next log-in). `config rollback` goes back.",
    "Gespeichert. Es gilt nach `neustart` (für die Konsole: ab dem nächsten Anmelden). Zurück: `einstellungen zurück`.",
)
_NEEDS_RESTART = Text("Stored. It counts after `restart`.", "Gespeichert. Es gilt nach `neustart`.")
_NOT_SAVED = Text("(not saved)", "(nicht gespeichert)")
_KINDS = {
    "text": Text("text", "Text"),
    "whole number": Text("whole number", "ganze Zahl"),
    "number": Text("number", "Zahl"),
    "true or false": Text("true or false", "ja oder nein"),
    "path": Text("path of a file", "Pfad einer Datei"),
    "text (kept secret)": Text("new value, not shown", "neuer Wert, unsichtbar"),
}
_IN_FORCE = Text("It counts from now on.", "Gilt ab sofort.")
