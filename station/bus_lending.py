"""Lends a bus of the running agent to a technician's tool: scans and dumps of registers need the port for themselves.

Nobody charges on the bus meanwhile: its EVSEs are out of service with their contactors open, and their board watchdogs
guard them too. However the loan ends, everything is as before within a look: nothing of it is stored.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Protocol

from hardware.evse.wiring import has_bus
from shared.ids import EvseId
from shared.log import Log
from station.errors import ServiceError
from station.evse_task import EvseTask
from station.settings import StationSettings

_LOG = Log("station.service")


class Line(Protocol):
    """A line whose port can be given away (hardware.modbus.ModbusLine)."""

    async def lend(self) -> None:
        """Close the port, after the request under way."""
        ...

    def take_back(self) -> None:
        """Use it again."""
        ...


def evses_on(bus: str, settings: StationSettings) -> tuple[EvseId, ...]:
    """Tell which EVSEs have their board or their meter on a bus."""
    return tuple(
        EvseId(evse.id)
        for evse in settings.evse
        if bus == evse.meter_bus or (has_bus(evse.board) and bus == evse.board_bus)
    )


@asynccontextmanager
async def lent_bus(
    bus: str, lines: Mapping[str, Line], evses: Mapping[EvseId, EvseTask], users: Collection[EvseId]
) -> AsyncIterator[None]:
    """Lend a bus inside the block. Its end waits for nothing, so that a dying program does it too.

    Args:
        bus: name of the bus.
        lines: all lines, by name.
        evses: all EVSEs.
        users: those of them on the bus.

    Raises:
        ServiceError: there is no such bus, somebody charges on it, or it is lent already.
    """
    line = lines.get(bus)
    if line is None:
        raise ServiceError(f"there is no bus {bus!r}; there are: {', '.join(sorted(lines))}")
    with ExitStack() as back:
        for evse_id in users:
            await evses[evse_id].hand_over()
            back.callback(evses[evse_id].take_back)
        await line.lend()
        # Called first: the EVSEs need it.
        back.callback(line.take_back)
        _LOG.info("bus_lent", bus=bus, evses=" ".join(map(str, users)))
        try:
            yield
        finally:
            _LOG.info("bus_taken_back", bus=bus)
