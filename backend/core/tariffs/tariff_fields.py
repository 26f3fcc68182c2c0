"""Reading JSON field by field: what is not understood is refused with its path, never passed over."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from backend.core.tariffs.tariff_model import WEEKDAYS, TariffError

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
_MAX_NUMBER = Decimal(10) ** 9
_MAX_DECIMALS = 6
"""With 9 digits before the point that makes 15 significant ones: JSON numbers carry them without loss."""


class Row:
    """A JSON object whose fields are taken one by one, so that what remains is unknown."""

    def __init__(self, data: object, path: str, name: str = "tariff") -> None:
        if not isinstance(data, Mapping):
            raise TariffError(path or name, "must be an object")
        self._rest = dict(data)
        self._path = path

    def need(self, name: str, read: Callable[[object, str], T]) -> T:
        """Take a field that must be there."""
        if name not in self._rest:
            raise TariffError(self.path(name), "is missing", "missing_field")
        return read(self._rest.pop(name), self.path(name))

    def take(self, name: str, read: Callable[[object, str], T], default: T) -> T:
        """Take a field, or the default if it is absent or null."""
        value = self._rest.pop(name, None)
        return default if value is None else read(value, self.path(name))

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self._rest.get(name) is not None

    def finish(self) -> None:
        """Refuse what was not taken: a price condition that is not understood must not be passed over."""
        for name in self._rest:
            raise TariffError(self.path(str(name)), "is not a known field", "unknown_field")

    def path(self, name: str) -> str:
        """Name a field for an error text."""
        return f"{self._path}.{name}" if self._path else name


def listed(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    """Read a list of at least one."""

    def read_all(value: object, path: str) -> tuple[T, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise TariffError(path, "must be a list of at least one")
        return tuple(read(part, f"{path}[{i}]") for i, part in enumerate(value))

    return read_all


def text(limit: int) -> Callable[[object, str], str]:
    """Read printable text of 1 to `limit` characters."""

    def read(value: object, path: str) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= limit or not value.isprintable():
            raise TariffError(path, f"must be text of 1 to {limit} printable characters")
        return value

    return read


def choice(*choices: str) -> Callable[[object, str], str]:
    """Read one of these texts."""

    def read(value: object, path: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise TariffError(path, f"{value!r} is not one of {', '.join(choices)}")
        return value

    return read


def one_of(kind: type[E]) -> Callable[[object, str], E]:
    """Read a member of an enumeration by its value."""
    return lambda value, path: kind(choice(*kind)(value, path))


def currency(value: object, path: str) -> str:
    """Read an ISO 4217 code."""
    if not isinstance(value, str) or len(value) != 3 or not (value.isascii() and value.isalpha() and value.isupper()):
        raise TariffError(path, "must be an ISO 4217 code such as EUR")
    return value


def number(value: object, path: str) -> Decimal:
    """Read a JSON number of 0 or more."""
    result = signed_number(value, path)
    if result < 0:
        raise TariffError(path, f"{value} must be 0 or more and below {_MAX_NUMBER:,}")
    return result


def signed_number(value: object, path: str) -> Decimal:
    """Read a JSON number; floats are taken as written."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TariffError(path, f"{value!r} is not a number")
    result = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not result.is_finite() or not abs(result) < _MAX_NUMBER:
        raise TariffError(path, f"{value} must be 0 or more and below {_MAX_NUMBER:,}")
    if result != round(result, _MAX_DECIMALS):
        raise TariffError(path, f"{value} has more than {_MAX_DECIMALS} decimals")
    return result


def amount(value: object, path: str) -> Decimal:
    """Read a number of 0 or more that may also be written as text, as our own fields allow."""
    return number(_from_text(value, path), path)


def signed_amount(value: object, path: str) -> Decimal:
    """Read a number of either sign that may also be written as text."""
    return signed_number(_from_text(value, path), path)


def percent(value: object, path: str) -> Decimal:
    """Read per cent from 0 to 100."""
    result = number(value, path)
    if result > 100:
        raise TariffError(path, f"{value} is no percentage")
    return result


def whole(value: object, path: str) -> int:
    """Read a whole number of 0 or more."""
    result = number(value, path)
    if result != int(result):
        raise TariffError(path, f"{value} must be a whole number")
    return int(result)


def boolean(value: object, path: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise TariffError(path, f"{value!r} is not true or false")
    return value


def time_of_day(value: object, path: str) -> time:
    """Read `22:00`."""
    try:
        if not isinstance(value, str) or len(value) != 5:
            raise ValueError(value)
        return time.fromisoformat(value)
    except ValueError as error:
        raise TariffError(path, f"{value!r} is no time of day such as 22:00") from error


def day(value: object, path: str) -> date:
    """Read `2026-12-31`."""
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError(value)
        return date.fromisoformat(value)
    except ValueError as error:
        raise TariffError(path, f"{value!r} is no date such as 2026-12-31") from error


def moment(value: object, path: str) -> datetime:
    """Read a time with or, as OCPI allows, without offset; without one it is UTC."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value) if value else "")
    except ValueError as error:
        raise TariffError(path, f"{value!r} is no time such as 2026-12-31T22:00:00Z") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def weekday(value: object, path: str) -> int:
    """Read `MONDAY` as 0 to `SUNDAY` as 6."""
    return WEEKDAYS.index(choice(*WEEKDAYS)(value, path))


def _from_text(value: object, path: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise TariffError(path, f"{value!r} is not a number") from error
