"""Change one setting in a TOML text and leave everything else, comments too, as it stands.

Only what can be proved is done: the new text must mean exactly the old one with this one value changed. A file written
in an unusual way is refused, not guessed at.
"""

import copy
import itertools
import re
import tomllib
from typing import Any

from shared.config import ConfigError

Path = tuple[str | int, ...]
"""Way to a setting: keys, and after the name of an array of tables its place from 0: ("evse", 0, "poll_s")."""

_KEY = r"[A-Za-z0-9_-]+"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*(\]\]?)\s*(?:#.*)?")
_LINE = re.compile(
    rf"(?P<key>\s*{_KEY}(?:\s*\.\s*{_KEY})*)(?P<equals>\s*=\s*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|\[[^\[\]#]*\]|[^\s#\"'\[\]{}]+)(?P<rest>\s*(?:#.*)?)"
)


def parse_path(name: str) -> Path:
    """Read the name of a setting as people write it: `modem.apn`, `evse[1].poll_s` or `evse.1.poll_s`, from 1.

    Raises:
        ConfigError: it is no such name.
    """
    parts: list[str | int] = []
    for word in re.sub(r"\[([0-9]+)\]", r".\1", name.strip()).split("."):
        if word.isdecimal() and parts and int(word) >= 1:
            parts.append(int(word) - 1)
        elif re.fullmatch(rf"(?![0-9]){_KEY}", word):
            parts.append(word)
        else:
            raise ConfigError(f"{name!r} is no setting: write for instance modem.apn or evse[1].poll_s")
    return tuple(parts)


def show_path(path: Path) -> str:
    """Write the name of a setting as people read it."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def changed(text: str, path: Path, value: str) -> str:
    """Give the text with one setting changed, or added where it is missing.

    Args:
        text: a valid TOML file.
        path: of the setting.
        value: as TOML writes it.

    Raises:
        ConfigError: the array has no such element, or the file is written in a way that this can't change safely.
    """
    old = tomllib.loads(text)
    # Any: a TOML value may be of every type.
    wanted: dict[str, Any] = copy.deepcopy(old)
    _put(wanted, path, tomllib.loads(f"x = {value}")["x"])
    lines = text.split("\n")
    place, found = _find(lines, path)
    if found:
        lines[place] = f"{found['key']}{found['equals']}{value}{found['rest']}"
    else:
        _insert(lines, path, value)
    new = "\n".join(lines)
    try:
        is_right = tomllib.loads(new) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise ConfigError(f"{show_path(path)} is written in a way that can't be changed here: edit the file itself")
    return new


# Any: as above.
def _put(tree: Any, path: Path, value: Any) -> None:
    for here, following in itertools.pairwise(path):
        if isinstance(here, int):
            if not isinstance(tree, list) or here >= len(tree):
                raise ConfigError(f"there is no {show_path(path)}: the file has {_count(tree)} of them")
            tree = tree[here]
        else:
            tree = tree.setdefault(here, [] if isinstance(following, int) else {})
    if not isinstance(tree, dict):
        raise ConfigError(f"{show_path(path)} is no single setting")
    tree[path[-1]] = value


def _count(tree: object) -> int:
    return len(tree) if isinstance(tree, list) else 0


def _find(lines: list[str], path: Path) -> tuple[int, "re.Match[str] | None"]:
    for place, prefix in enumerate(_tables(lines)):
        found = _LINE.fullmatch(lines[place])
        if found and (*prefix, *_words(found["key"])) == path:
            return place, found
    return -1, None


def _insert(lines: list[str], path: Path, value: str) -> None:
    """Add a setting behind the header of its table; a table that is missing is added at the end."""
    parent, line = path[:-1], f"{path[-1]} = {value}"
    if not parent:
        lines.insert(0, line)
        return
    for place, prefix in enumerate(_tables(lines)):
        if prefix == parent and _HEADER.fullmatch(lines[place]):
            lines.insert(place + 1, line)
            return
    dotted = [place for place, prefix in enumerate(_tables(lines)) if prefix == () and _is_below(lines[place], parent)]
    if dotted:
        lines.insert(dotted[-1] + 1, f"{'.'.join(map(str, path))} = {value}")
        return
    while lines and not lines[-1].strip():
        lines.pop()
    lines += ["", f"[{'.'.join(map(str, parent))}]", line, ""]


def _is_below(line: str, parent: Path) -> bool:
    found = _LINE.fullmatch(line)
    return found is not None and _words(found["key"])[: len(parent)] == parent


def _tables(lines: list[str]) -> list[Path]:
    """Tell for each line the table that it stands in."""
    tables: list[Path] = []
    counts: dict[Path, int] = {}
    prefix: Path = ()
    for line in lines:
        if found := _HEADER.fullmatch(line):
            prefix = ()
            *above, last = _words(found[2])
            for word in above:
                prefix = (*prefix, word)
                prefix = (*prefix, counts[prefix]) if prefix in counts else prefix
            prefix = (*prefix, last)
            if found[1] == "[[":
                counts[prefix] = counts.get(prefix, -1) + 1
                prefix = (*prefix, counts[prefix])
        tables.append(prefix)
    return tables


def _words(key: str) -> Path:
    return tuple(word.strip() for word in key.split("."))


def toml_value(text: str, type_name: str) -> str:
    """Write what somebody typed as a TOML value of a type of shared.config.

    Raises:
        ConfigError: it is none.
    """
    if type_name.startswith("list of "):
        inner = type_name.removeprefix("list of ")
        return "[" + ", ".join(toml_value(part.strip(), inner) for part in text.split(",") if part.strip()) + "]"
    match type_name:
        case "true or false":
            answers = {"true": "true", "yes": "true", "ja": "true", "false": "false", "no": "false", "nein": "false"}
            if text.lower() not in answers:
                raise ConfigError(f"{text!r} is neither true nor false")
            return answers[text.lower()]
        case "whole number" if re.fullmatch(r"[+-]?[0-9]{1,15}", text):
            return str(int(text))
        case "number" if re.fullmatch(r"[+-]?[0-9]{1,15}([.,][0-9]{1,10})?", text):
            number = text.replace(",", ".")
            return number.lstrip("+") if "." in number else str(int(number))
        case "whole number" | "number":
            raise ConfigError(f"{text!r} is no {type_name}")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable():
        raise ConfigError("a text holds printable characters only")
    return f'"{escaped}"'
