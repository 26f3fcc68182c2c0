"""Until when meters are calibrated: who is reminded when, and what a session after the last day is told. Pure.

Source: MessEV § 34 (periods of calibration); the operator watches them (MessEG § 31).
"""

from datetime import date, timedelta

REMIND = timedelta(days=60)
"""So long before the last day the operator is reminded: time to order a calibration or a new meter."""


def read_day(text: str) -> date | None:
    """Read a day as it is stored (ISO 8601); None where none was told."""
    return date.fromisoformat(text) if text else None


def is_near(until: str, today: date) -> bool:
    """Tell whether the last day is at most 60 days away, or over."""
    last = read_day(until)
    return last is not None and last - today <= REMIND


def is_over(until: str, day: date) -> bool:
    """Tell whether a day lies after the last one."""
    last = read_day(until)
    return last is not None and day > last


def over_text(serial: str, until: str) -> str:
    """Say of a session that its meter was no longer calibrated."""
    return f"the calibration of the meter {serial} ended on {until}"
