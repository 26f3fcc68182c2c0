"""Words for prices: why a line of a rating is there, in German and English, as customers read it."""

from datetime import date, timedelta
from decimal import Decimal

from backend.core.tariffs.tariff_model import (
    ComponentCap,
    DurationCounter,
    Graduated,
    Quota,
    Restrictions,
    Span,
    Tariff,
)

LANGUAGES = ("de", "en")
Words = tuple[str, str]

_ITEMS = {
    "FLAT": ("Startgebühr", "Start fee"),
    "ENERGY": ("Ladestrom", "Energy"),
    "TIME": ("Ladezeit", "Charging time"),
    "PARKING_TIME": ("Standzeit ohne Laden", "Time connected without charging"),
    "RESERVATION_TIME": ("Reservierung", "Reservation"),
    "CAP": ("Nachlass auf den Höchstbetrag", "Reduction to the cap"),
    "BASE_FEE": ("Grundgebühr", "Base fee"),
    "HOST_SHARE": ("Umsatzbeteiligung", "Share of revenue"),
    "HOST_ENERGY": ("Vergütung je kWh", "Payment per kWh"),
    "HOST_REFUND": ("Stromkostenerstattung", "Refund of energy"),
    "HOST_BASE": ("Grundvergütung", "Monthly payment"),
    "MIN_PRICE": ("Ausgleich auf den Mindestpreis", "Increase to the minimum price"),
    "MAX_PRICE": ("Nachlass auf den Höchstpreis", "Reduction to the maximum price"),
}
_DAYS = (("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"), ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
_SPANS = {
    Span.SESSION: ("je Ladevorgang", "per session"),
    Span.DAY: ("je Tag", "per day"),
    Span.MONTH: ("je Monat", "per month"),
    Span.YEAR: ("je Jahr", "per year"),
}
_COUNTERS = {
    DurationCounter.SESSION: ("", ""),
    DurationCounter.SINCE_CHARGING_END: (" ab Ladeende", " from the end of charging"),
    DurationCounter.IN_WINDOW: (" in diesem Zeitfenster", " in this window"),
}


def item_name(item: str, language: str) -> str:
    """Name what a line charges for, for instance `Ladestrom`."""
    return _ITEMS[item][LANGUAGES.index(language)]


def day_text(day: date, language: str) -> str:
    """Write a date as on paper: `31.10.2026`, `31 Oct 2026`."""
    return day.strftime("%d.%m.%Y") if language == "de" else f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number_text(value: Decimal, language: str, least: int = 0) -> str:
    """Write a number as people of that language do: at least so many decimals, more only where they say something."""
    text = _number_text(value, least)
    return _german(text) if language == "de" else text


def _german(text: str) -> str:
    """Change points and commas of the numbers in a text, which holds no others."""
    if "," not in text:
        return text.replace(".", ",")
    return text.replace(",", "\0").replace(".", ",").replace("\0", ".")


def _number_text(value: Decimal, least: int) -> str:
    whole, _, decimals = f"{value:,f}".partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole


def price_words(item: str, price: Decimal, currency: str, when: tuple[str, str]) -> tuple[Words, Words]:
    """Word a price with its conditions, (German, English): what stands before a quantity, and after it."""
    unit = "" if item == "FLAT" else "/kWh" if item == "ENERGY" else "/h"
    amount = f"{_number_text(price, 2)} {currency}{unit}"
    times = " " if item == "FLAT" else " × "
    conditions = [f" ({text})" if text else "" for text in when]
    (de, en), gap = _ITEMS[item], "" if item == "FLAT" else " "
    return (f"{de}{gap}", f"{times}{_german(amount)}{conditions[0]}"), (f"{en}{gap}", f"{times}{amount}{conditions[1]}")


def line_reasons(
    item: str, words: tuple[Words, Words], quantity: Decimal, *, added: Decimal, interpolated: bool
) -> tuple[str, str]:
    """Explain a line: (German, English). `words` are those of its price by `price_words`."""
    count, step = "", "s"
    if item == "ENERGY":
        count, step = f"{_number_text(quantity, 3)} kWh", "kWh"
    elif item != "FLAT":
        whole_minutes = quantity % 60 == 0
        count = f"{_number_text(quantity / 60, 0)} min" if whole_minutes else f"{_number_text(quantity, 0)} s"
    german, english = words
    de, en = f"{german[0]}{_german(count)}{german[1]}", f"{english[0]}{count}{english[1]}"
    if added:
        more = f"{_number_text(added, 0)} {step}"
        de, en = f"{de}, aufgerundet um {_german(more)}", f"{en}, rounded up by {more}"
    if interpolated:
        de, en = f"{de}, Zählerstand beim Preiswechsel interpoliert", f"{en}, register interpolated at the price change"
    return de, en


def quota_reasons(quota: Quota, before: Decimal) -> tuple[str, str]:
    """Explain energy within a quota, of which so many kWh were used before."""
    used, free = _both(before), _both(quota.free_kwh)
    return (
        f"aus dem Kontingent, {used[0]} von {free[0]} kWh zuvor verbraucht",
        f"from the quota, {used[1]} of {free[1]} kWh used before",
    )


def tier_reasons(graduated: Graduated) -> tuple[tuple[str, str], ...]:
    """Explain energy in each tier of a volume price."""
    span, least, found = _SPANS[graduated.per], _both(Decimal(0)), []
    for tier in graduated.tiers:
        if tier.up_to_kwh is None:
            found.append((f"Menge {span[0]} über {least[0]} kWh", f"volume {span[1]} above {least[1]} kWh"))
            continue
        most = _both(tier.up_to_kwh)
        found.append((f"Menge {span[0]} {least[0]} bis {most[0]} kWh", f"volume {span[1]} {least[1]} to {most[1]} kWh"))
        least = most
    return tuple(found)


def cap_reasons(cap: ComponentCap, currency: str) -> tuple[str, str]:
    """Explain what a cap takes off."""
    most, span = [number_text(cap.most, language, 2) for language in LANGUAGES], _SPANS[cap.per]
    names = [", ".join(item_name(d, language) for d in cap.dimensions) for language in LANGUAGES]
    return (
        f"{item_name('CAP', 'de')} von {most[0]} {currency} {span[0]} für {names[0]}",
        f"{item_name('CAP', 'en')} of {most[1]} {currency} {span[1]} for {names[1]}",
    )


def fee_reasons(graduated: Graduated, currency: str) -> tuple[str, str]:
    """Explain a base fee."""
    fee, span = graduated.base_fee or Decimal(0), _SPANS[graduated.per]
    de, en = (number_text(fee, language, 2) for language in LANGUAGES)
    return f"{item_name('BASE_FEE', 'de')} {de} {currency} {span[0]}", (
        f"{item_name('BASE_FEE', 'en')} {en} {currency} {span[1]}"
    )


def _both(value: Decimal) -> tuple[str, str]:
    return number_text(value, "de"), number_text(value, "en")


def limit_reasons(item: str, tariff: Tariff) -> tuple[str, str]:
    """Explain a line that brings a session to its least or highest price: (German, English)."""
    limit = tariff.min_price if item == "MIN_PRICE" else tariff.max_price
    assert limit is not None  # noqa: S101  the line exists because of it
    net = tuple(number_text(limit.excl_vat, language, 2) for language in LANGUAGES)
    return (
        f"{item_name(item, 'de')} von {net[0]} {tariff.currency} netto je Ladevorgang",
        f"{item_name(item, 'en')} of {net[1]} {tariff.currency} net per session",
    )


def condition_text(rules: Restrictions, language: str) -> str:
    """Say when an element applies, for instance `22:00–06:00 Uhr, ab 20 kWh`; empty when always."""
    en = LANGUAGES.index(language)
    parts = []
    if rules.start_time or rules.end_time:
        start = f"{rules.start_time:%H:%M}" if rules.start_time else "00:00"
        end = f"{rules.end_time:%H:%M}" if rules.end_time else "24:00"
        parts.append(f"{start}–{end}" + ("" if en else " Uhr"))
    if rules.weekdays:
        parts.append(", ".join(_DAYS[en][day] for day in rules.weekdays))
    if rules.start_date:
        parts.append(f"from {rules.start_date}" if en else f"ab {rules.start_date:%d.%m.%Y}")
    if rules.end_date:
        parts.append(f"before {rules.end_date}" if en else f"vor dem {rules.end_date:%d.%m.%Y}")
    least, below = ("from", "below") if en else ("ab", "unter")
    for unit, low, high in (
        ("kWh", rules.min_kwh, rules.max_kwh),
        ("kW", rules.min_power, rules.max_power),
        ("A", rules.min_current, rules.max_current),
    ):
        parts += [f"{least} {number_text(low, language)} {unit}"] if low else []
        parts += [f"{below} {number_text(high, language)} {unit}"] if high is not None else []
    after, until = ("after", "up to") if en else ("nach", "bis")
    counted = _COUNTERS[rules.duration_counter][en]
    parts += [f"{after} {_duration(rules.min_duration)}{counted}"] if rules.min_duration else []
    parts += [f"{until} {_duration(rules.max_duration)}{counted}"] if rules.max_duration is not None else []
    for calendar, words in ((rules.calendar, ("an", "on")), (rules.not_calendar, ("nicht an", "not on"))):
        if calendar:
            days = (f"Feiertagen ({calendar.state})", f"public holidays ({calendar.state})")
            parts.append(f"{words[en]} {days[en] if calendar.state else calendar.name}")
    return ", ".join(parts)


def _duration(seconds: int) -> str:
    hours, minutes = divmod(timedelta(seconds=seconds) // timedelta(minutes=1), 60)
    if seconds % 60:
        return f"{seconds} s"
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)) or "0 min"
