"""What exporting and importing tariffs can't say, in German and English. Values stand in braces."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a loss means for the amount: none, a cent or a case now and then, another price."""

    NOTE = "NOTE"
    APPROXIMATED = "APPROXIMATED"
    NOT_EXPRESSIBLE = "NOT_EXPRESSIBLE"


@dataclass(frozen=True, slots=True)
class LossText:
    """How bad a loss is, and its text."""

    level: Level
    text: tuple[str, str]


_N, _A, _X = Level.NOTE, Level.APPROXIMATED, Level.NOT_EXPRESSIBLE

LOSS_TEXTS = {
    "net_drift": LossText(
        _A,
        (
            (
                "Bruttopreis als Nettopreis mit vier Nachkommastellen ({net}): {quantity} {unit} kosten {own}, "
                "nachgerechnet {other}. Im CDR steht der genaue Betrag."
            ),
            (
                "Gross price as a net one of four decimals ({net}): {quantity} {unit} cost {own}, recomputed {other}; "
                "the CDR has the exact amount."
            ),
        ),
    ),
    "net_rounded": LossText(
        _N,
        (
            "Bruttopreis als Nettopreis mit vier Nachkommastellen ({net}); bei üblichen Mengen auf den Cent gleich.",
            "Gross price as a net price of four decimals ({net}); for usual amounts the same to the cent.",
        ),
    ),
    "gross_without_rate": LossText(
        _A,
        (
            "Preis inkl. Steuer ohne Steuersatz: in dieser Version sieht er aus wie ein Preis ohne Steuer.",
            "A price with tax but without its rate: in this version it looks like a price without tax.",
        ),
    ),
    "rounded": LossText(
        _A,
        (
            "{value} auf vier Nachkommastellen gerundet, mehr kennt OCPI nicht.",
            "{value} rounded to four decimals, OCPI has no more.",
        ),
    ),
    "no_vat": LossText(
        _A,
        (
            "Umsatzsteuersätze gibt es in dieser Version nicht: der Partner erfährt nur Nettopreise.",
            "This version has no VAT rates: the partner is told net prices only.",
        ),
    ),
    "no_owner": LossText(
        _N,
        (
            "country_code und party_id fehlen: vor dem Senden die eigenen eintragen.",
            "country_code and party_id are missing: enter your own before sending.",
        ),
    ),
    "owner_dropped": LossText(
        _N,
        ("Diese Version nennt den Betreiber nicht im Tarif.", "This version does not name the operator in the tariff."),
    ),
    "type_dropped": LossText(
        _N,
        (
            "Tarifarten gibt es in dieser Version nicht ({type}): nur passenden Partnern senden.",
            "This version has no tariff types ({type}): send it to fitting partners only.",
        ),
    ),
    "validity_dropped": LossText(
        _A,
        (
            "Gültigkeit gibt es in dieser Version nicht: den Tarif zum Beginn senden und zum Ende zurückziehen.",
            "This version has no validity: send the tariff when it begins and withdraw it when it ends.",
        ),
    ),
    "limit_dropped": LossText(
        _X,
        (
            "Mindest- und Höchstpreis gibt es in dieser Version nicht.",
            "This version has no minimum or maximum price.",
        ),
    ),
    "reservation_dropped": LossText(
        _A,
        (
            "Preise für Reservierungen gibt es in dieser Version nicht; das Element entfällt.",
            "This version has no prices for reservations; the element is left out.",
        ),
    ),
    "current_dropped": LossText(
        _X,
        (
            "Bedingungen über die Stromstärke gibt es in dieser Version nicht; das Element entfällt.",
            "This version has no conditions on the current; the element is left out.",
        ),
    ),
    "counter": LossText(
        _X,
        (
            "OCPI zählt Dauern ab Beginn des Ladevorgangs, nicht {counter}; das Element entfällt.",
            "OCPI counts durations from the start of the session, not {counter}; the element is left out.",
        ),
    ),
    "calendar_listed": LossText(
        _N,
        (
            "Kalender {name}: als einzelne Tage geschrieben ({years}).",
            "Calendar {name}: written as single days ({years}).",
        ),
    ),
    "formula": LossText(
        _X,
        (
            "Ein Preis nach Formel ist nicht darstellbar; gesendet wird der feste Preis.",
            "A price by formula can't be told; the fixed price is sent.",
        ),
    ),
    "cap_as_duration": LossText(
        _N,
        (
            "Höchstbetrag {amount} als Höchstdauer {duration} s geschrieben: bei dieser Gebühr dasselbe.",
            "Cap of {amount} written as a maximum duration of {duration} s: for this fee the same.",
        ),
    ),
    "cap": LossText(
        _X,
        (
            "Ein Höchstbetrag für einzelne Preisteile ist nicht darstellbar; er entfällt.",
            "A cap for some components can't be told; it is left out.",
        ),
    ),
    "quota": LossText(
        _X,
        (
            "Freimengen über mehrere Ladevorgänge sind nicht darstellbar; der CDR nennt den Preis jedes Teils.",
            "Quotas across sessions can't be told; the CDR tells the price of each part.",
        ),
    ),
    "graduated": LossText(
        _X,
        (
            "Staffelpreise und Grundgebühren über mehrere Ladevorgänge sind nicht darstellbar.",
            "Volume prices and base fees across sessions can't be told.",
        ),
    ),
    "spot": LossText(
        _A,
        (
            "Die Formel des Börsenpreises ist nicht darstellbar, nur eine aufgelöste Preisliste.",
            "The formula of the market price can't be told, only a resolved list of prices.",
        ),
    ),
    "tax": LossText(
        _N,
        (
            "Die steuerliche Behandlung je Beziehung steht nicht im Tarif, sondern im CDR und auf der Rechnung.",
            "The tax treatment by relationship is not in the tariff but in the CDR and on the invoice.",
        ),
    ),
    "unknown": LossText(
        _N,
        ("Unbekanntes Feld, beim Einlesen weggelassen.", "Unknown field, left out on import."),
    ),
    "vat_assumed": LossText(
        _N,
        (
            "Diese Version nennt keine Umsatzsteuer: {vat} % angenommen.",
            "This version tells no VAT: {vat}% assumed.",
        ),
    ),
    "vat_unknown": LossText(
        _A,
        (
            "Diese Version nennt keine Umsatzsteuer: die Preise gelten als ohne Umsatzsteuer.",
            "This version tells no VAT: the prices count as without VAT.",
        ),
    ),
}

COUNTERS = {
    "since_charging_end": ("ab Ende des Ladens", "from the end of charging"),
    "in_window": ("nur innerhalb des Zeitfensters", "only within the window"),
}
