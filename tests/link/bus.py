"""A bus for tests: the real driver on one end of a real pty, the simulated meter and board on the other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hardware.evse.simple_evse import SimpleEvse
from hardware.meters.eastron import SDM72DM_V2
from hardware.meters.modbus_meter import ModbusMeter
from hardware.modbus import ModbusLine
from shared.clock import ManualClock
from shared.units import Watt, Wh
from simulators.evse_board import BoardSimulator
from simulators.faults import Line
from simulators.meter import MeterSimulator
from simulators.modbus_slave import Device, ModbusSlave
from simulators.pty import Pty
from simulators.site import Site
from simulators.vehicle import Vehicle

METER, BOARD = 1, 2
BAUD = 115200
TIMEOUT_S = 0.3


@dataclass(frozen=True, slots=True)
class Bus:
    """Both ends. World time stands still until the clock is moved."""

    line: ModbusLine
    meter: ModbusMeter
    board: SimpleEvse
    slave: ModbusSlave
    site: Site
    clock: ManualClock
    port: str


@asynccontextmanager
async def answering(
    port: Path, devices: Mapping[int, Device], *, wrap: Callable[[Pty], Line] | None = None
) -> AsyncIterator[ModbusSlave]:
    async with Pty.open(port) as pty, asyncio.TaskGroup() as tasks:
        slave = ModbusSlave(wrap(pty) if wrap else pty, devices, baud=BAUD)
        job = tasks.create_task(slave.run())
        yield slave
        job.cancel()


@asynccontextmanager
async def open_bus(
    folder: Path,
    *,
    wrap: Callable[[Pty], Line] | None = None,
    timeout_s: float = TIMEOUT_S,
    tries: int = 3,
    max_words: int = 80,
) -> AsyncIterator[Bus]:
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    site = Site(clock, MeterSimulator(22411873, Wh(4_711_123), max_words=max_words), BoardSimulator())
    port = folder / "bus.tty"
    line = ModbusLine(str(port), BAUD, timeout_s=timeout_s, gap_s=0.0, rest_s=0.0, tries=tries, setting="bus.port")
    async with answering(port, {METER: site.meter, BOARD: site.board}, wrap=wrap) as slave:
        meter, board = ModbusMeter(line, METER, SDM72DM_V2, clock.uptime), SimpleEvse(line, BOARD, stop_s=0.2)
        try:
            yield Bus(line, meter, board, slave, site, clock, str(port))
        finally:
            line.close()


def pass_time(bus: Bus, seconds: float) -> None:
    bus.clock.advance(seconds)
    bus.site.advance()


def car(soc_kwh: int = 20) -> Vehicle:
    return Vehicle(Wh(60_000), Wh(soc_kwh * 1000), Watt(11_000))
