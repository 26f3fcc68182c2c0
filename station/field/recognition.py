"""Which meter is it? Values that were read by the tables of all families are compared with what mains can be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hardware.bus import Framing
from hardware.meters.catalogue import ALIASES, MODELS
from hardware.meters.register_map import CURRENTS, VOLTAGES, MeterTable, Quantity, energy, frequency
from station.field.text import Text

_VOLTS = (Decimal(196), Decimal(264))
"""230 V ± 15 %: what EN 50160 allows for all of the time, as much above."""
_HERTZ = (Decimal(49), Decimal(51))
_MAX_KWH = Decimal(10_000_000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device said when it was asked by a table.

    Args:
        table: of the family.
        values: numbers, in the unit of their register; a quantity that was refused is missing.
        serial: its serial number, empty where it does not tell.
        model: its model's name, likewise.
    """

    table: MeterTable
    values: Mapping[Quantity, Decimal | None]
    serial: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A family that it may be. `reasons` speak for it."""

    table: MeterTable
    score: int
    serial: str
    energy_wh: int
    reasons: tuple[Text, ...]

    @property
    def is_sure(self) -> bool:
        """Tell whether the device itself said so."""
        return self.score >= _NAMED


_NAMED = 100


def candidates(answers: Sequence[Answer]) -> tuple[Candidate, ...]:
    """Rank the families by what speaks for each, best first; equal ones in the order of the tables."""
    found = [candidate for answer in answers if (candidate := _judge(answer))]
    return tuple(sorted(found, key=lambda candidate: -candidate.score))


def _judge(answer: Answer) -> Candidate | None:
    """Weigh what speaks for a table; None if its import register is not there, or mains can't be like that."""
    row, bought = answer.table.energy_import, answer.values.get(Quantity.ENERGY_IMPORT)
    if bought is None or not 0 <= energy(row, bought) <= _MAX_KWH * 1000:
        return None
    score, reasons = _named(answer)
    volts = [volt for quantity in VOLTAGES if (volt := answer.values.get(quantity)) is not None]
    if any(volts):
        good = [volt for volt in volts if _VOLTS[0] <= volt <= _VOLTS[1]]
        score += 10 * len(good) - 30 * (len([volt for volt in volts if volt]) - len(good))
        if good:
            told = ", ".join(f"{volt:.0f}" for volt in good)
            reasons.append(Text(f"voltage {told} V", f"Spannung {told} V"))
    elif any(quantity in answer.values for quantity in VOLTAGES):
        score -= 20
    hertz = answer.values.get(Quantity.FREQUENCY)
    if hertz is not None and _HERTZ[0] <= (told_hz := frequency(hertz)) <= _HERTZ[1]:
        score += 20
        reasons.append(Text(f"frequency {told_hz:.1f} Hz", f"Frequenz {told_hz:.1f} Hz"))
    elif Quantity.FREQUENCY in answer.values:
        score -= 20
    amperes = [answer.values[quantity] for quantity in CURRENTS if answer.values.get(quantity) is not None]
    if any(abs(ampere) > Decimal(answer.table.rated_a) * 3 / 2 for ampere in amperes if ampere is not None):
        score -= 30
    if answer.serial:
        score += 5
        reasons.append(Text(f"serial number {answer.serial}", f"Seriennummer {answer.serial}"))
    if bought:
        score += 5
    if score <= 0:
        return None
    return Candidate(answer.table, score, answer.serial, energy(row, bought), tuple(reasons))


def _named(answer: Answer) -> tuple[int, list[Text]]:
    """Weigh the name that the device tells, by code or by text."""
    table, code = answer.table, answer.values.get(Quantity.MODEL_CODE)
    name = table.model_codes.get(int(code)) if code is not None else None
    # A code whose name is no table of its own stands for a type of this family.
    if name and ALIASES.get(name, name if name in MODELS else table.model) == table.model:
        return _NAMED, [Text(f"it calls itself {name}", f"er nennt sich {name}")]
    if any(answer.model.startswith(text) for text in table.model_texts):
        return _NAMED, [Text(f"it calls itself {answer.model}", f"er nennt sich {answer.model}")]
    return (-30 if name or answer.model else 0), []


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one look at a place."""

    framing: Framing
    address: int
    answered: bool
    broken: bool
    """Bytes came that were no good frame."""


def advice(looks: Sequence[Looked]) -> tuple[Text, ...]:
    """Say what may be wrong with a line on which something does not answer well."""
    heard = [look for look in looks if look.answered]
    broken = [look for look in looks if look.broken and not look.answered]
    if len(broken) >= 8 and 3 * len(broken) >= 2 * len([look for look in looks if not look.answered]):
        return (_ECHO,)
    hints = [_garbled(look) for look in broken[:3]]
    return (*hints, *_NOTHING) if not heard else tuple(hints)


_NOTHING = (
    Text(
        "Nothing answers. Swap A and B first: makers name them differently (ABB the other way round), and it does no "
        "harm.",
        "Nichts antwortet. Tauschen Sie zuerst A und B: Hersteller benennen sie verschieden (ABB umgekehrt), und es "
        "schadet nicht.",
    ),
    Text(
        "Then check: does the meter have mains voltage? Is Modbus switched on in its menu? Does the common wire (GND) "
        "connect both? Is it the right port?",
        "Danach prüfen: Hat der Zähler Netzspannung? Ist Modbus in seinem Menü eingeschaltet? Sind die Bezugsleiter "
        "(GND) verbunden? Ist es die richtige Schnittstelle?",
    ),
)
_ECHO = Text(
    "Every question is answered by rubbish, whatever the address: the adapter hears itself (echo), or the idle line "
    "floats. Try direction = \"rts\" for the bus, fit 120 ohm at both ends, and a bias.",
    "Auf jede Frage kommt Unsinn, gleich bei welcher Adresse: Der Adapter hört sich selbst (Echo), oder die ruhende "
    "Leitung schwebt. Versuchen Sie direction = \"rts\" für den Bus, 120 Ohm an beiden Enden und eine Vorspannung.",
)  # fmt: skip


def _garbled(look: Looked) -> Text:
    return Text(
        f"Address {look.address} answers garbled at {look.framing}: two devices may have this address, or parity and "
        "baud rate are nearly right, or the 120 ohm at the line's ends are missing.",
        f"Adresse {look.address} antwortet bei {look.framing} verstümmelt: Vielleicht haben zwei Geräte diese Adresse, "
        "oder Parität und Baudrate stimmen fast, oder die 120 Ohm an den Leitungsenden fehlen.",
    )


def bus_lines(name: str, port: str, framing: Framing, *, is_gateway: bool = False) -> str:
    """Give the lines of the configuration for a line. A gateway has its own framing."""
    serial = [] if is_gateway else [f"baud = {framing.baud}", f'parity = "{framing.parity}"']
    return "\n".join(["[[bus]]", f'name = "{name}"', f'port = "{port}"', *serial])


def evse_lines(bus: str, model: str, address: int) -> str:
    """Give the lines of the configuration for a meter that was found."""
    return "\n".join(["# in [[evse]]:", f'meter_bus = "{bus}"', f'meter = "{model}"', f"meter_address = {address}"])
