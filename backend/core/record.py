"""Frozen dataclasses as JSON and back, exact: what is stored once and read for years.

A Decimal is a JSON string of its own digits, a time ISO 8601 with its offset, an enumeration its value, None null.
A field that was added since takes its default.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")
# Any: a dataclass's fields are of every type; each is built as its annotation says.


class RecordError(ValueError):
    """The JSON is not the record that it should be. The text names the field."""


def to_json(record: object) -> str:
    """Write a dataclass as JSON, keys in the order of its fields."""
    return json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":"))


def from_json(kind: type[T], text: str) -> T:
    """Read a dataclass that `to_json` wrote.

    Raises:
        RecordError: it is no JSON, or a field is missing or of another type.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise RecordError(f"{kind.__name__} is not JSON") from error
    return typing.cast(T, _build(kind, value, kind.__name__))


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case tuple():
            return [_plain(part) for part in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def _build(kind: Any, value: object, path: str) -> object:
    kind = getattr(kind, "__supertype__", kind)  # of a NewType
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _build(next(part for part in typing.get_args(kind) if part is not types.NoneType), value, path)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        item = typing.get_args(kind)[0]
        return tuple(_build(item, part, f"{path}[{i}]") for i, part in enumerate(value))
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        hints = typing.get_type_hints(kind)
        missing = _required(kind) - value.keys()
        if missing:
            raise RecordError(f"{path}.{min(missing)} is missing")
        make: Any = kind
        told = {name: hint for name, hint in hints.items() if name in value}
        return make(**{name: _build(hint, value[name], f"{path}.{name}") for name, hint in told.items()})
    return _scalar(kind, value, path)


def _required(kind: Any) -> set[str]:
    none = dataclasses.MISSING
    return {field.name for field in dataclasses.fields(kind) if field.default is none is field.default_factory}


def _added_later(kind: Any) -> set[str]:
    """Name the fields with a default: records that were stored before a field came do without it."""
    none = dataclasses.MISSING
    return {f.name for f in dataclasses.fields(kind) if f.default is not none or f.default_factory is not none}


def _scalar(kind: Any, value: object, path: str) -> object:
    try:
        if kind in (str, int, bool) and type(value) is kind:
            return value
        if isinstance(value, str) and kind in (datetime, date):
            return kind.fromisoformat(value)
        if isinstance(value, str) and (kind is Decimal or issubclass(kind, Enum)):
            return kind(value)
    except (ArithmeticError, ValueError) as error:
        raise RecordError(f"{path} = {value!r} is no {kind.__name__}") from error
    raise RecordError(f"{path} = {value!r} is no {kind.__name__}")
