"""Does the register that is billed show what the meter's display shows? And if not, what is probably wrong. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from station.errors import FieldError
from station.field.text import Text

_TELLING = 50
"""A display of fewer steps fits to a factor by chance."""
_STEP_KWH = Decimal("0.001")
_UNITS = {"wh": Decimal("0.001"), "kwh": Decimal(1), "mwh": Decimal(1000)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, with what to do."""

    passed: bool
    display_kwh: Decimal
    register_kwh: Decimal
    text: Text


def compare(typed: str, register_wh: int, step_wh: int, others: Mapping[str, int] | None = None) -> Verdict:
    """Compare what the technician reads on the display with the register.

    Args:
        typed: for instance `4711,1`; a point or a comma, with or without unit.
        register_wh: what we read.
        step_wh: by how much the register jumps when it counts on.
        others: readings of the same meter in another way, by what that would mean; one that fits explains the mistake.

    Raises:
        FieldError: what was typed is no number.
    """
    display, place = parse_display(typed)
    # The display cuts off, and both may count on by one step between the two looks.
    tolerance = place + Decimal(step_wh) / 1000
    register = Decimal(register_wh) / 1000

    def fits(kwh: Decimal) -> bool:
        return abs(display - kwh) <= tolerance

    if fits(register):
        good = Text(
            f"Display {display} kWh and register {register} kWh agree.",
            f"Anzeige {display} kWh und Register {register} kWh stimmen überein.",
        )
        return Verdict(True, display, register, good)
    return Verdict(False, display, register, _explained(display, register, place, fits, others or {}))


def _explained(
    display: Decimal, register: Decimal, place: Decimal, fits: Callable[[Decimal], bool], others: Mapping[str, int]
) -> Text:
    head = Text(
        f"Display {display} kWh, register {register} kWh: they differ. ",
        f"Anzeige {display} kWh, Register {register} kWh: sie weichen ab. ",
    )
    for name, wh in others.items():
        if wh and fits(Decimal(wh) / 1000):
            return _joined(head, _OTHERS.get(name, Text(name, name)))
    if not register or display < _TELLING * place:
        return _joined(head, _UNKNOWN)
    for factor in (10, 100, 1000, 10_000, 1_000_000):
        if abs(display - register * factor) <= max(place, factor * _STEP_KWH):
            return _joined(head, _factor(factor, "too small", "zu klein"))
        if abs(display - register / factor) <= place:
            return _joined(head, _factor(factor, "too large", "zu groß"))
    return _joined(head, _UNKNOWN)


def _joined(head: Text, tail: Text) -> Text:
    return Text(head.en + tail.en, head.de + tail.de)


def _factor(factor: int, english: str, german: str) -> Text:
    return Text(
        f"The register is {factor} times {english}: the configured model is not this meter, or a transformer ratio is "
        "set in the meter's menu. Nobody may be billed before this is settled.",
        f"Das Register ist {factor}-mal {german}: Das eingestellte Modell ist nicht dieser Zähler, oder im Menü des "
        "Zählers ist ein Wandlerverhältnis eingestellt. Vor der Klärung darf nicht abgerechnet werden.",
    )


WORD_ORDER, EXPORT = "word order", "export"
_OTHERS = {
    WORD_ORDER: Text(
        "With the words of the register exchanged they agree: this unit sends the low word first. The configured model "
        "is a wrong one, or the meter's word order is a setting of its menu.",
        "Mit vertauschten Wörtern stimmen sie überein: Dieses Gerät sendet das niederwertige Wort zuerst. Das "
        "eingestellte Modell passt nicht, oder die Wortfolge ist im Menü des Zählers einstellbar.",
    ),
    EXPORT: Text(
        "The display shows the export (delivered) register: go on to import (T1, +, 1.8.0) and compare again. If "
        "import and export are exchanged, the meter is wired the wrong way round.",
        "Die Anzeige zeigt das Lieferregister (Einspeisung): zum Bezug (T1, +, 1.8.0) weiterschalten und neu "
        "vergleichen. Sind Bezug und Lieferung vertauscht, ist der Zähler verkehrt herum angeschlossen.",
    ),
}
_UNKNOWN = Text(
    "Is it the display of this meter (compare the serial number), and its total import (not a tariff, not a partial "
    "counter)?",
    "Ist es die Anzeige dieses Zählers (Seriennummer vergleichen), und der gesamte Bezug (kein Tarif, kein "
    "Teilzähler)?",
)


def parse_display(typed: str) -> tuple[Decimal, Decimal]:
    """Read what was typed, as kWh and the value of its last digit in kWh.

    Raises:
        FieldError: it is no number.
    """
    text = typed.strip().casefold().replace(" ", "").replace("'", "")
    unit = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if text.endswith(unit)), "kwh")
    text = text.removesuffix(unit)
    if "," in text and "." in text:
        thousands, point = (".", ",") if text.rindex(",") > text.rindex(".") else (",", ".")
        text = text.replace(thousands, "").replace(point, ".")
    try:
        number = Decimal(text.replace(",", "."))
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or number < 0:
            raise InvalidOperation
    except InvalidOperation as error:
        raise FieldError(f"{typed!r} is no reading: type the digits of the display, for instance 4711.1") from error
    return number * _UNITS[unit], Decimal(1).scaleb(min(0, exponent)) * _UNITS[unit]
