"""The words of the price sign, German and English."""

from backend.core.tariffs.tariff_model import Scope, Span

WORDS = {
    "title": ("Ladepreise", "Charging prices"),
    "tax": ("alle Preise inkl. {rate} % USt.", "all prices incl. {rate}% VAT"),
    "no_tax": ("keine USt.", "no VAT"),
    "free": ("kostenlos", "free of charge"),
    "energy": ("Ladestrom", "Energy"),
    "charging": ("Ladezeit", "Charging time"),
    "parking": ("Standzeit ohne Laden", "Time connected without charging"),
    "occupied": ("Belegung des Ladepunkts", "Occupancy of the charging point"),
    "start": ("Startgebühr", "Start fee"),
    "reserved": ("Reservierung", "Reservation"),
    "expired": ("Nicht genutzte Reservierung", "Reservation not used"),
    "min_price": ("Mindestpreis", "Minimum price"),
    "max_price": ("Höchstpreis", "Maximum price"),
    "base_fee": ("Grundgebühr", "Base fee"),
    "otherwise": ("sonst", "otherwise"),
    "session": ("je Ladevorgang", "per session"),
    "at_most": ("höchstens {amount} {span}", "at most {amount} {span}"),
    "first_kwh": ("die ersten {kwh} kWh {span} {scope}", "the first {kwh} kWh {span} {scope}"),
    "variable": ("veränderlicher Preis", "variable price"),
    "market": ("Börsenpreis", "market price"),
    "spot": ("nach {market}, Wechsel alle {minutes} min", "by {market}, changes every {minutes} min"),
    "adder": ("zuzüglich {amount}/kWh", "plus {amount}/kWh"),
    "floor": ("mindestens {amount}/kWh", "at least {amount}/kWh"),
    "cap": ("höchstens {amount}/kWh", "at most {amount}/kWh"),
    "spot_start": (
        "es gilt der Preis beim Start für den ganzen Ladevorgang",
        "the price at the start holds throughout",
    ),
    "spot_interval": ("es gilt der Preis des jeweiligen Zeitraums", "the price of each interval applies"),
    "not_allowed": ("ad hoc ab 50 kW nicht zulässig", "not allowed ad hoc from 50 kW on"),
}

SPANS = {
    Span.SESSION: ("je Ladevorgang", "per session"),
    Span.DAY: ("je Tag", "per day"),
    Span.MONTH: ("je Kalendermonat", "per calendar month"),
    Span.YEAR: ("je Kalenderjahr", "per calendar year"),
}

SCOPES = {Scope.CONTRACT: ("und Vertrag", "and contract"), Scope.GROUP: ("und Gruppe", "and group")}
