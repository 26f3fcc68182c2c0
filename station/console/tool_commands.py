"""Commands that are the field tools of station.field. Each is imported when it is asked for."""

from collections.abc import Sequence
from pathlib import Path

from station.console.menu import WHICH_EVSE, Visit
from station.console.terminal import RawStream
from station.field.text import Text
from station.wording import evse_name


async def pack(visit: Visit, _words: Sequence[str]) -> None:
    """Make the support bundle and carry it away."""
    from station.field import pack as tool

    stream = RawStream(visit.terminal)
    await tool.run(visit.terminal, visit.service, visit.settings, config=visit.config, stream=stream)


async def export(visit: Visit, _words: Sequence[str]) -> None:
    """Carry away what was not delivered."""
    from station.field import ledger_tool as tool

    await tool.run(visit.terminal, visit.settings, stream=RawStream(visit.terminal))


async def modem(visit: Visit, _words: Sequence[str]) -> None:
    """Show the signal every second, while somebody turns the antenna."""
    from station.field import antenna

    await antenna.turn(visit.terminal, visit.service)


async def meter_scan(visit: Visit, words: Sequence[str]) -> None:
    """Search the lines for meters."""
    from station.field import meter_scan as tool

    await tool.run(visit.terminal, visit.service, visit.settings, port=" ".join(words))


async def meter_read(visit: Visit, _words: Sequence[str]) -> None:
    """Read all meters, with their serial numbers."""
    from station.field import meter_tools

    await meter_tools.read(visit.terminal, visit.service, visit.settings)


async def meter_registers(visit: Visit, _words: Sequence[str]) -> None:
    """Show every register of a meter."""
    from station.field import meter_tools

    if evse := await _choose_evse(visit):
        await meter_tools.registers(visit.terminal, visit.service, visit.settings, evse=evse)


async def meter_verify(visit: Visit, _words: Sequence[str]) -> None:
    """Compare a meter with its display."""
    from station.field import meter_tools

    if evse := await _choose_evse(visit):
        await meter_tools.verify(visit.terminal, visit.service, visit.settings, evse=evse)


async def _choose_evse(visit: Visit) -> int | None:
    numbers = [evse.id for evse in visit.settings.evse]
    if len(numbers) == 1:
        return numbers[0]
    names = [evse_name(number, visit.terminal.language) for number in numbers]
    place = await visit.terminal.choose(visit.terminal.pick(WHICH_EVSE), names)
    return None if place is None else numbers[place]


async def selftest(visit: Visit, _words: Sequence[str]) -> None:
    """Test everything."""
    from station.field import selftest as tool

    if await visit.terminal.confirm(visit.terminal.pick(tool.MAY_TRIP)):
        await tool.run(visit.terminal, visit.service, visit.settings)


async def commission(visit: Visit, _words: Sequence[str]) -> None:
    """Go through commissioning; the report is kept beside the journal."""
    from station.field import commission as tool

    folder = visit.settings.journal.path.parent
    await tool.run(visit.terminal, visit.service, visit.settings, folder=folder)


async def update(visit: Visit, words: Sequence[str]) -> None:
    """Install a release."""
    from station.field import update as tool

    name = " ".join(words) or await visit.terminal.ask(visit.terminal.pick(_FILE))
    if name:
        await tool.run(visit.terminal, visit.service, visit.settings, config=visit.config, file=Path(name))


async def update_back(visit: Visit, _words: Sequence[str]) -> None:
    """Go back to the version before."""
    from station.field import update as tool

    if await visit.terminal.confirm(visit.terminal.pick(_BACK)):
        await tool.roll_back(visit.terminal, visit.service, visit.settings)


_FILE = Text(
    "File of the new version, its .sig file beside it, for instance /media/usb/emops-1.2.tar",
    "Datei der neuen Version, daneben ihre .sig-Datei, zum Beispiel /media/usb/emops-1.2.tar",
)
_BACK = Text("Back to the version before?", "Zurück zur Version davor?")
