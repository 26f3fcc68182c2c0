"""Configuration: TOML into one table of settings per program.

The table is a tree of frozen dataclasses whose fields are made by `setting`: name, default, unit and help stand in one
line, and the values come out typed. A nested dataclass is a TOML table, a tuple of dataclasses an array of tables.
An unknown key, a wrong type or a value out of range stops the start and says what to write instead.
"""

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from shared.clock import Clock, SystemClock, TimeLapse
from shared.ids import Secret

T = TypeVar("T")
# Any: TOML values and dataclass fields are of every type; each is checked before it leaves this module.

_REQUIRED = "required"

_TYPE_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", datetime: "date and time"}


class ConfigError(Exception):
    """The configuration can't be used. The text names the file, the key and what to do; show it and stop."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table of settings, for `config` commands and documentation."""

    name: str
    type_name: str
    default: str
    unit: str
    help: str


# Any: a field's declared type is that of its setting, which this call can't know.
def setting(
    default: Any = MISSING,
    *,
    help: str,  # noqa: A002  the word that the reader of a settings table expects
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Declare one setting as a dataclass field. Without a default it must be given.

    Args:
        default: the value when the file doesn't say.
        help: one sentence for the operator.
        unit: of a number, for instance `s`, `A`, `baud`.
        minimum: smallest number allowed.
        maximum: largest number allowed.
        choices: the texts allowed.
    """
    metadata = {"help": help, "unit": unit, "minimum": minimum, "maximum": maximum, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=metadata)


def table(settings: type[T], *, help: str) -> T:  # noqa: A002  as above
    """Declare a nested TOML table whose settings all have defaults."""
    return dataclasses.field(default_factory=settings, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """World time, for demonstrations. Production leaves this out."""

    lapse_rate: float = setting(
        1.0,
        minimum=1.0,
        maximum=3600.0,
        help="how many times faster than real time; 1 = real time. Demonstrations only",
    )
    lapse_epoch: str = setting(
        "", help="world time at lapse_origin, ISO 8601 with offset; needed when lapse_rate is not 1"
    )
    lapse_origin: str = setting("", help="real time at which the world showed lapse_epoch, ISO 8601 with offset")

    def build(self) -> Clock:
        """Make the clock.

        Raises:
            ConfigError: the rate is not 1 and one of the two times is missing or wrong.
        """
        if self.lapse_rate == 1.0:
            return SystemClock()
        return TimeLapse(
            _aware("clock.lapse_epoch", self.lapse_epoch),
            _aware("clock.lapse_origin", self.lapse_origin),
            self.lapse_rate,
        )


def _aware(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{name} = {text!r}: write a time such as 2026-10-31T18:40:00+01:00") from error
    if moment.tzinfo is None:
        raise ConfigError(f"{name} = {text!r} lacks its offset: write for instance +01:00 behind the time")
    return moment


def load(path: Path, settings: type[T]) -> T:
    """Read a TOML file into its settings.

    Raises:
        ConfigError: the file can't be read, isn't TOML, has an unknown key or a value that doesn't fit.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(
            f"can't read the configuration {path}: {error.strerror}. Name another with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from error
    return parse(text, settings, source=str(path))


def parse(text: str, settings: type[T], source: str = "configuration") -> T:
    """As `load`, from text."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}") from error
    return build(values, settings, source)


# Any: TOML values are of every type; each is checked here.
def build(values: dict[str, Any], settings: type[T], source: str) -> T:
    """As `load`, from TOML that was read already."""
    try:
        return _build(settings, values, "")
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error.__cause__


def describe(settings: type[object], prefix: str = "") -> Iterator[Setting]:
    """List every setting of a table, in the order of declaration; `[]` marks an array of tables."""
    hints = typing.get_type_hints(settings)
    for field in dataclasses.fields(typing.cast(Any, settings)):
        name, kind = f"{prefix}{field.name}", hints[field.name]
        nested, repeated = _nested(kind)
        if nested:
            yield from describe(nested, f"{name}[]." if repeated else f"{name}.")
        else:
            default = _REQUIRED if field.default is MISSING else _toml(field.default)
            meta = field.metadata
            text = meta["help"] + (f" ({', '.join(meta['choices'])})" if meta["choices"] else "")
            yield Setting(name, _type_name(kind), default, meta["unit"], text)


def settings_text(settings: type[object]) -> str:
    """Give the table of settings as a TOML file with every default, for the `config` commands.

    The text loads as it is; what has no default, and tables that repeat, stand there as comments to fill in.
    """
    lines = []
    for row in describe(settings):
        unit = f" [{row.unit}]" if row.unit else ""
        must_be_filled_in = row.default == _REQUIRED or "[]" in row.name
        line = f"{row.name} = {row.default}  # {row.type_name}"
        lines += [f"# {row.help}{unit}", f"# {line}" if must_be_filled_in else line, ""]
    return "\n".join(lines)


# Any: see above; _check narrows every value.
def _build(settings: type[T], values: dict[str, Any], prefix: str) -> T:
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, settings))}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
            raise ConfigError(
                f"unknown key {prefix}{key}; the nearest is {prefix}{near[0]}. The config command lists all"
            )
    hints = typing.get_type_hints(settings)
    arguments = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = _check(values[name], hints[name], field, f"{prefix}{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{prefix}{name} is missing: {field.metadata['help']}")
    return settings(**arguments)


def _check(value: Any, kind: Any, field: "dataclasses.Field[Any]", name: str) -> Any:
    nested, repeated = _nested(kind)
    if nested:
        rows = value if repeated else [value]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConfigError(f"{name} must be {'an array of tables' if repeated else 'a table'}")
        built = [_build(nested, row, f"{name}[{i}]." if repeated else f"{name}.") for i, row in enumerate(rows)]
        return tuple(built) if repeated else built[0]
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{name} must be a list")
        item = typing.get_args(kind)[0]
        return tuple(_scalar(part, item, field, f"{name}[{i}]") for i, part in enumerate(value))
    return _scalar(value, kind, field, name)


def _scalar(value: Any, kind: Any, field: "dataclasses.Field[Any]", name: str) -> Any:
    meta = field.metadata
    target = {Secret: str, Path: str}.get(kind, kind)
    if target is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, target) or (isinstance(value, bool) and target is not bool):
        raise ConfigError(f"{name} = {value!r} must be {_type_name(kind)}: {meta['help']}")
    low, high = meta["minimum"], meta["maximum"]
    if (low is not None and value < low) or (high is not None and value > high):
        span = (
            f"from {low} to {high}"
            if None not in (low, high)
            else f"at least {low}"
            if high is None
            else f"at most {high}"
        )
        raise ConfigError(f"{name} = {value} is out of range: {span} {meta['unit']}".rstrip())
    if meta["choices"] and value not in meta["choices"]:
        raise ConfigError(f"{name} = {value!r} is not one of: {', '.join(meta['choices'])}")
    return kind(value) if kind in (Secret, Path) else value


def _nested(kind: Any) -> tuple[type[object] | None, bool]:
    """Tell the dataclass inside a field's type, and whether it repeats."""
    if dataclasses.is_dataclass(kind) and kind is not Secret:
        return typing.cast(type[object], kind), False
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        if dataclasses.is_dataclass(item) and item is not Secret:
            return typing.cast(type[object], item), True
    return None, False


def _type_name(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"list of {_type_name(typing.get_args(kind)[0])}"
    if isinstance(kind, types.UnionType):
        return " or ".join(_type_name(part) for part in typing.get_args(kind))
    return {Secret: "text (kept secret)", Path: "path"}.get(kind) or _TYPE_NAMES.get(kind, str(kind))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, Path)):
        return f'"{value}"'
    if isinstance(value, Secret):
        return '""'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return str(value)
