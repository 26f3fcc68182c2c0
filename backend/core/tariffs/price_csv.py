"""Price series as CSV: `start,price`, one interval a line; the start with its offset, the price per MWh without VAT."""

import csv
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

_HEADER = ["start", "price"]
_LARGEST = Decimal(100_000)
"""Per MWh; the markets' own limits are far below."""


class PriceListError(ValueError):
    """The list can't be used. The text names the line."""


def parse_prices(text: str) -> dict[datetime, Decimal]:
    """Read a list, by start in UTC. A first line `start,price` is a heading.

    Raises:
        PriceListError: a line is not understood, a start comes twice with different prices, or there is no price.
    """
    prices: dict[datetime, Decimal] = {}
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells == _HEADER):
            continue
        if len(cells) != 2:
            raise PriceListError(f"line {number}: must be start,price such as 2026-07-12T12:00:00+02:00,-12.4")
        start, price = _start(cells[0], number), _price(cells[1], number)
        if prices.setdefault(start, price) != price:
            raise PriceListError(f"line {number}: {cells[0]} has another price in a line before")
    if not prices:
        raise PriceListError("there is no price in it")
    return prices


def _start(text: str, number: int) -> datetime:
    try:
        start = datetime.fromisoformat(text)
    except ValueError as error:
        raise PriceListError(f"line {number}: {text!r} is no time") from error
    if start.tzinfo is None:
        raise PriceListError(f"line {number}: {text} lacks its offset from UTC, for instance +02:00")
    return start.astimezone(UTC)


def _price(text: str, number: int) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise PriceListError(f"line {number}: {text!r} is no price such as -12.4") from error
    if not price.is_finite() or abs(price) > _LARGEST or price != round(price, 6):
        raise PriceListError(f"line {number}: {text} is no price that a market makes")
    return price
