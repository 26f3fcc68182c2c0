"""Days on which banks settle euro payments: the calendar of TARGET (ECB, T2 user handbook). Pure."""

from datetime import date, timedelta

_FIXED = ((1, 1), (5, 1), (12, 25), (12, 26))
"""Month and day of the closing days that never move."""


def easter(year: int) -> date:
    """Compute Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    cycle = year % 19
    century, rest = divmod(year, 100)
    shift = (century + 8) // 25
    epact = (19 * cycle + century - century // 4 - (century - shift + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    correction = (cycle + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def is_banking_day(day: date) -> bool:
    """Tell whether TARGET is open: not on weekends, 1 January, Good Friday, Easter Monday, 1 May, at Christmas."""
    if day.weekday() >= 5 or (day.month, day.day) in _FIXED:
        return False
    return day - easter(day.year) not in (timedelta(days=-2), timedelta(days=1))


def next_banking_day(day: date) -> date:
    """Give the day itself if banks settle on it, else the first one after it that they do."""
    while not is_banking_day(day):
        day += timedelta(days=1)
    return day
