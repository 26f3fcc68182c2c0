"""Checks that entries of master data share. Each raises an ApplyError that begins with the entry's name."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from backend.errors import ApplyError

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
VAT_ID = re.compile(r"DE\d{9}|(?!DE)[A-Z]{2}[0-9A-Z+*]{2,12}")
COUNTRY = re.compile("[A-Z]{2}")
NAME = re.compile(r"\S.{0,34}\S|\S")

EMAIL_SHAPE = "an address such as name@example.com"
VAT_ID_SHAPE = "a VAT id such as DE123456789"
COUNTRY_SHAPE = "two capital letters such as DE"
NAME_SHAPE = "1 to 36 characters"


def match(name: str, key: str, value: str, pattern: "re.Pattern[str]", shape: str) -> None:
    """Check the shape of a value."""
    if not pattern.fullmatch(value):
        raise ApplyError(f"{name}.{key} = {value!r} must be {shape}")


def aware(value: object, name: str) -> datetime:
    """Read a time that carries its offset, as TOML date-time or as text; gives UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ApplyError(f"{name} must be a time with its offset such as 2026-01-01T00:00:00+01:00")
    return moment.astimezone(UTC)


def time_of(text: str, name: str) -> datetime | None:
    """Read a time that may be left out."""
    return aware(text, name) if text else None


def check_span(name: str, valid_from: str, valid_to: str) -> None:
    """Check two times that may be left out."""
    begin, end = time_of(valid_from, f"{name}.valid_from"), time_of(valid_to, f"{name}.valid_to")
    if begin and end and begin >= end:
        raise ApplyError(f"{name}.valid_to must be after valid_from")


def day_of(text: str, name: str) -> date:
    """Read a day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ApplyError(f"{name} = {text!r} must be a day such as 2026-12-31") from error


def amount_of(text: str, name: str) -> Decimal:
    """Read an amount of money that is not negative."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0 or amount != round(amount, 2):
        raise ApplyError(f'{name} = {text!r} must be an amount such as "10.00"')
    return amount
