"""`meter scan`: find out which meters are on a line, with which settings, and write the lines for the configuration."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hardware.bus import Direction, Endpoint, Framing, Priority, Transport
from hardware.errors import DeviceError, LinkError, PortError
from hardware.meters.catalogue import all_tables
from hardware.meters.register_map import MeterTable, Register
from hardware.modbus import ModbusLine
from station.field.alone import with_buses
from station.field.dialog import Dialog
from station.field.meter_words import Words
from station.field.recognition import Candidate, Looked, advice, bus_lines, candidates, evse_lines
from station.field.scan_plan import Place, plan
from station.field.text import Text
from station.service_client import Service
from station.settings import StationSettings

ANSWER_S = 0.35
"""A scan asks thousands of times; meters answer within 300 ms, and who is found is then asked with patience."""
_ASIDE_S = 0.05
"""For the question itself, and the silence after an answer."""
SHOWN = 3
"""Candidates that are told of one device."""
_MOST_IMPOSSIBLE = 8
"""An adapter that refuses so many framings has been unplugged."""
_NEAR = 20
"""Below this difference two families can't be told apart by their values."""


@dataclass(frozen=True, slots=True)
class Target:
    """A line to search: its name, port, framing and addresses in the settings."""

    name: str
    port: str
    framing: Framing = Framing()
    addresses: tuple[int, ...] = ()
    direction: Direction = Direction.AUTO

    @property
    def is_gateway(self) -> bool:
        """Whether the line lies behind a gateway, which has a framing of its own."""
        return Endpoint.parse(self.port).transport is not Transport.SERIAL


@dataclass(frozen=True, slots=True)
class Device:
    """A device that answered, and what it may be; without candidates it is no meter that is known."""

    framing: Framing
    address: int
    candidates: tuple[Candidate, ...]

    @property
    def is_named(self) -> bool:
        """Whether it says itself who it is, and no other family claims the same."""
        sure = [candidate for candidate in self.candidates if candidate.is_sure]
        return len(sure) == 1


@dataclass(slots=True)
class Findings:
    """What a scan has found so far."""

    looks: list[Looked] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)


async def run(dialog: Dialog, service: Service, settings: StationSettings, *, port: str = "") -> None:
    """Search one line, or all lines of the settings. A running agent lends them, if the person agrees.

    Args:
        dialog: the person.
        service: the agent.
        settings: of the station.
        port: device file or gateway; empty = the lines of the settings.

    Raises:
        FieldError: the person does not agree.
        ServiceError: somebody charges on the line.
        PortError: the port is missing, busy or forbidden.
    """
    ours = [target for target in targets_of(settings) if port in ("", target.port)]
    async with with_buses([target.name for target in ours], dialog, service, settings):
        for target in ours or [Target("rs485", port)]:
            await dialog.say(f"{target.name}: {target.port}")
            await scan(dialog, target)


def targets_of(settings: StationSettings) -> list[Target]:
    """Give the lines of the settings with the addresses that are used there."""
    return [
        Target(
            bus.name,
            bus.port,
            Framing(bus.baud, bus.parity, bus.stop_bits),
            tuple(evse.meter_address for evse in settings.evse if evse.meter_bus == bus.name),
            Direction(bus.direction),
        )
        for bus in settings.bus
    ]


async def scan(
    dialog: Dialog,
    target: Target,
    *,
    everywhere: bool | None = None,
    tables: Sequence[MeterTable] = (),
    answer_s: float = ANSWER_S,
) -> Findings:
    """Search a line and tell what was found, also when it is cancelled.

    Args:
        dialog: the person.
        target: the line. Nobody else may use it meanwhile.
        everywhere: search all addresses at all rates; None = ask when the likely places are done.
        tables: the meters to recognise; empty = all that are known.
        answer_s: time for one answer to begin, s.

    Raises:
        PortError: the port is missing, busy or forbidden.
    """
    tables = tables or all_tables()
    search = _Search(dialog, target, tables, answer_s)
    made = plan(tables, target.framing, target.addresses, fixed=target.is_gateway)
    findings = Findings()
    try:
        await search.look_at(made.first, findings)
        rest = made.likely + made.rest
        if not findings.devices:
            await search.look_at(made.likely, findings)
            rest = made.rest
        if everywhere is None:
            everywhere = await _wants_rest(dialog, len(rest) * search.pace_s, findings)
        if everywhere:
            await search.look_at(rest, findings)
    except asyncio.CancelledError:
        await _tell(dialog, target, findings)
        raise
    await _tell(dialog, target, findings)
    return findings


@dataclass(frozen=True, slots=True)
class _Search:
    dialog: Dialog
    target: Target
    tables: Sequence[MeterTable]
    answer_s: float

    @property
    def pace_s(self) -> float:
        """How long a place takes where nobody answers, s."""
        return self.answer_s + _ASIDE_S

    async def look_at(self, places: Sequence[Place], findings: Findings) -> None:
        line: ModbusLine | None = None
        impossible: dict[Framing, PortError] = {}
        try:
            for number, place in enumerate(places):
                left = (len(places) - number) * self.pace_s
                await self.dialog.progress(number, len(places), _doing(place, findings, left).of(self.dialog.language))
                if place.framing in impossible or any(device.address == place.address for device in findings.devices):
                    continue
                if line is None or line.framing != place.framing:
                    if line:
                        line.close()
                    line = self._line(place.framing)
                try:
                    look = await _look(line, place)
                except PortError as error:
                    # Not every adapter has every rate and parity; but one that has none is missing.
                    impossible[place.framing] = error
                    if not findings.looks or len(impossible) > _MOST_IMPOSSIBLE:
                        raise
                    continue
                findings.looks.append(look)
                if look.answered:
                    device = await self._recognise(line, place)
                    # Gateways refuse in the name of devices that are not there.
                    if device.candidates or not self.target.is_gateway:
                        findings.devices.append(device)
        finally:
            if line:
                line.close()
        done = Text(f"{len(places)} places searched", f"{len(places)} Stellen abgesucht")
        await self.dialog.progress(len(places), len(places), done.of(self.dialog.language))

    def _line(self, framing: Framing) -> ModbusLine:
        return ModbusLine(
            self.target.port,
            framing.baud,
            parity=framing.parity,
            stop_bits=framing.stop_bits,
            direction=self.target.direction,
            timeout_s=self.answer_s,
            rest_s=_ASIDE_S,
            tries=1,
            setting="bus.port",
        )

    async def _recognise(self, line: ModbusLine, place: Place) -> Device:
        words = Words(line, place.address)
        answers = []
        for number, table in enumerate(self.tables):
            what = Text(
                f"address {place.address}: which meter is it?", f"Adresse {place.address}: welcher Zähler ist es?"
            )
            await self.dialog.progress(number, len(self.tables) + 1, what.of(self.dialog.language))
            try:
                answers.append(await words.answer(table))
            except PortError:
                raise
            except LinkError:
                break
        return Device(place.framing, place.address, candidates(answers))


_ANYTHING = (4, 0, 2)
"""Function, register and count that nearly every device answers, be it with a refusal."""


async def _look(line: ModbusLine, place: Place) -> Looked:
    """Ask once. A refusal is an answer: somebody is there."""
    function, register, count = _question(place.register) if place.register else _ANYTHING
    read = line.read_holding if function == 3 else line.read_input
    try:
        await read(place.address, register, count, priority=Priority.TELEMETRY)
        answered = True
    except DeviceError:
        answered = True
    except PortError:
        raise
    except LinkError:
        answered = False
    return Looked(place.framing, place.address, answered, line.statistics(place.address).broken > 0)


def _question(row: Register) -> tuple[int, int, int]:
    return row.function, row.first, row.end - row.first


async def _wants_rest(dialog: Dialog, seconds: float, findings: Findings) -> bool:
    minutes = max(1, round(seconds / 60))
    found = len(findings.devices)
    question = Text(
        f"Found so far: {found}. Search all other addresses and rates too? About {minutes} min, Ctrl-C ends it",
        f"Bisher gefunden: {found}. Auch alle übrigen Adressen und Raten absuchen? Etwa {minutes} min, Strg-C beendet",
    )
    return await dialog.confirm(question.of(dialog.language))


def _doing(place: Place, findings: Findings, left_s: float) -> Text:
    left = f", {left_s / 60:.0f} min" if left_s > 90 else f", {left_s:.0f} s"
    where = f"{place.framing}"
    found = len(findings.devices)
    return Text(
        f"{where}, address {place.address}: found {found}{left}",
        f"{where}, Adresse {place.address}: gefunden {found}{left}",
    )


async def _tell(dialog: Dialog, target: Target, findings: Findings) -> None:
    language = dialog.language
    told: Framing | None = None
    for device in findings.devices:
        await dialog.say("\n" + _described(device).of(language))
        for candidate in device.candidates[: 1 if device.is_named else SHOWN]:
            await dialog.say("  " + _told(candidate).of(language))
        if not device.candidates:
            continue
        if told != device.framing:
            told = device.framing
            await dialog.say("\n" + bus_lines(target.name, target.port, told, is_gateway=target.is_gateway))
        await dialog.say("\n" + evse_lines(target.name, device.candidates[0].table.model, device.address))
    for hint in advice(findings.looks):
        await dialog.say("\n" + hint.of(language))


def _described(device: Device) -> Text:
    where = Text(f"Address {device.address} at {device.framing}", f"Adresse {device.address} bei {device.framing}")
    if not device.candidates:
        return Text(
            f"{where.en}: answers, but is no meter that is known (an EVSE board, perhaps).",
            f"{where.de}: antwortet, ist aber kein bekannter Zähler (vielleicht eine Ladesteuerung).",
        )
    best = device.candidates[0]
    others = [other for other in device.candidates[1:] if best.score - other.score < _NEAR]
    if device.is_named:
        return Text(f"{where.en}: {best.table.title}.", f"{where.de}: {best.table.title}.")
    if others:
        return Text(
            f"{where.en}: {1 + len(others)} families fit; compare with the type plate.",
            f"{where.de}: {1 + len(others)} Familien passen; vergleichen Sie mit dem Typenschild.",
        )
    return Text(f"{where.en}: probably {best.table.title}.", f"{where.de}: wahrscheinlich {best.table.title}.")


def _told(candidate: Candidate) -> Text:
    kwh = f"{candidate.energy_wh / 1000:.3f} kWh"
    return Text(
        f"{candidate.table.model}: {', '.join([kwh, *(reason.en for reason in candidate.reasons)])}",
        f"{candidate.table.model}: {', '.join([kwh, *(reason.de for reason in candidate.reasons)])}",
    )
