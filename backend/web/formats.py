"""Numbers, money and times as people of a language write them. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from shared.units import Watt, Wh, kwh

NARROW = "\N{NARROW NO-BREAK SPACE}"
"""Between a number and its unit (DIN 1301)."""

_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Formats:
    """How to write things.

    Args:
        language: `de` or `en`.
        zone: whose wall clock is shown.
    """

    language: str
    zone: ZoneInfo

    def number(self, value: Decimal | int, digits: int | None = None) -> str:
        """Write a number with the language's separators, rounded commercially to so many decimals; None keeps all."""
        exact = Decimal(value)
        if digits is not None:
            exact = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        text = f"{exact:,f}".replace("-", "\N{MINUS SIGN}")
        return text.translate(str.maketrans(",.", ".,")) if self.language == "de" else text

    def kwh(self, energy: Wh) -> str:
        """Write energy in kWh to the Wh."""
        return f"{self.number(kwh(energy), 3)}{NARROW}kWh"

    def power(self, power: Watt) -> str:
        """Write power in kW with one decimal."""
        return f"{self.number(Decimal(power).scaleb(-3), 1)}{NARROW}kW"

    def money(self, amount: Decimal, currency: str, digits: int | None = 2) -> str:
        """Write an amount. None keeps all decimals, at least two."""
        if digits is None:
            exponent = amount.normalize().as_tuple().exponent
            digits = max(2, -exponent if isinstance(exponent, int) else 2)
        text, symbol = self.number(amount, digits), _SYMBOLS.get(currency, currency)
        if self.language == "en" and len(symbol) == 1:
            return f"\N{MINUS SIGN}{symbol}{text[1:]}" if amount < 0 else f"{symbol}{text}"
        return f"{text}{NARROW}{symbol}"

    def day(self, moment: datetime) -> str:
        """Write the date at the wall."""
        return self.local_day(moment.astimezone(self.zone).date())

    def local_day(self, local: date) -> str:
        """Write a local day."""
        if self.language == "de":
            return f"{local:%d.%m.%Y}"
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"

    def clock(self, moment: datetime, seconds: bool = False) -> str:
        """Write the time at the wall."""
        return f"{moment.astimezone(self.zone):{'%H:%M:%S' if seconds else '%H:%M'}}"

    def moment(self, moment: datetime, seconds: bool = False) -> str:
        """Write date and time at the wall."""
        return f"{self.day(moment)}, {self.clock(moment, seconds)}"

    def near(self, moment: datetime, now: datetime, seconds: bool = False) -> str:
        """Write the time alone if the moment lies on the day of `now`, else the date too."""
        same = self.day(moment) == self.day(now)
        return self.clock(moment, seconds) if same else self.moment(moment, seconds)

    def duration(self, span: timedelta) -> str:
        """Write a duration in its two largest units, cut off: `2 d 3 h`, `1 h 05 min`, `4 min`, `12 s`."""
        seconds = max(0, int(span.total_seconds()))
        minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
        if days:
            return f"{days}{NARROW}d {hours % 24}{NARROW}h"
        if hours:
            return f"{hours}{NARROW}h {minutes % 60:02}{NARROW}min"
        return f"{minutes}{NARROW}min" if minutes else f"{seconds}{NARROW}s"


def day_start(now: datetime, zone: ZoneInfo) -> datetime:
    """Tell when the day of `now` began at the wall, in UTC: on the days of the clock change too."""
    local = now.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
