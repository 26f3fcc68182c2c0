"""Builds the simulated world from its settings and runs it: the composition root of `emops-sim`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from hardware.registry import find_table
from shared.clock import Clock
from shared.units import Wh
from simulators import control
from simulators.evse_board import BoardSimulator
from simulators.mailbox import Mailbox
from simulators.meter import MeterSimulator
from simulators.modbus_slave import Device, ModbusSlave
from simulators.modem import ModemSimulator
from simulators.pn532 import Pn532Simulator
from simulators.pty import Pty
from simulators.rfid import CardReader, RfidSimulator
from simulators.settings import BusSettings, CoverageStep, Settings
from simulators.signing_meter import SIGNING
from simulators.site import Site
from simulators.world import World

TICK_S = 0.05
"""How often the world is moved along while nobody looks, real time."""


async def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Simulate until SIGTERM or SIGINT.

    Args:
        settings: of the program.
        say: gets the line that tells that all is ready.

    Raises:
        OSError: a link, folder or port can't be used.
        ValueError: the file of the meter's register is damaged.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_world(settings) as (world, port):
        mailbox = f"{settings.mailbox.host}:{world.mailbox.port}"
        links = f"modem={settings.modem.link} bus={settings.bus.link} rfid={settings.rfid.link}"
        say(f"emops-sim ready: {links} mailbox={mailbox} control={control.LOOPBACK}:{port}")
        await stop.wait()


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[tuple[World, int]]:
    """Bring all devices up until the block ends; gives them and the port of the control server."""
    clock = settings.clock.build()
    async with AsyncExitStack() as stack:
        modem_line = await stack.enter_async_context(_pty(settings.modem.link, settings.modem.baud))
        bus_line = await stack.enter_async_context(_pty(settings.bus.link, settings.bus.baud))
        rfid_line = await stack.enter_async_context(_pty(settings.rfid.link, settings.rfid.baud))
        modem = ModemSimulator(modem_line, clock, sim_pin=settings.modem.sim_pin.value, baud=settings.modem.baud)
        site, bus = make_bus(settings.bus, clock, bus_line)
        mail = settings.mailbox
        mailbox = Mailbox(mail.host, mail.port, mail.folder, greylist=mail.greylist)
        world = World(site, bus, settings.bus.meter_address, modem, _reader(settings.rfid.kind, rfid_line), mailbox)
        await stack.enter_async_context(mailbox.serve())
        port = await stack.enter_async_context(control.serve(world, settings.control.port))
        async with asyncio.TaskGroup() as tasks:
            jobs = [
                tasks.create_task(job)
                for job in (
                    modem.run(),
                    bus.run(),
                    world.rfid.run(),
                    _pass_time(site),
                    follow_coverage(settings.modem.coverage, modem, clock),
                )
            ]
            yield world, port
            for job in jobs:
                job.cancel()
        site.advance()


def make_bus(settings: BusSettings, clock: Clock, line: Pty) -> tuple[Site, ModbusSlave]:
    """Make the meter, the board and the bus that they share.

    Raises:
        ValueError: there is no such model of meter.
    """
    meter = make_meter(settings, clock)
    board = BoardSimulator(settings.cable_current_a, settings.board_watch_s)
    site = Site(clock, meter, board, phases=settings.phases)

    def before_request(address: int) -> None:
        site.advance()
        if address == settings.board_address:
            board.heard(asyncio.get_running_loop().time())

    devices: dict[int, Device] = {settings.meter_address: meter, settings.board_address: board}
    return site, ModbusSlave(line, devices, baud=settings.baud, before_request=before_request)


def make_meter(settings: BusSettings, clock: Clock) -> MeterSimulator:
    """Make the meter; one that can sign does.

    Raises:
        ValueError: there is no such model of meter.
    """
    table, file = find_table(settings.meter), settings.register_file.absolute()
    initial = Wh(round(settings.initial_kwh * 1000))
    signing = SIGNING.get(table.model)
    if signing:
        return signing(settings.meter_serial, initial, file, table=table, utc=clock.utc)
    return MeterSimulator(settings.meter_serial, initial, file, table=table)


def _reader(kind: str, line: Pty) -> CardReader:
    return Pn532Simulator(line) if kind == "pn532" else RfidSimulator(line)


def _pty(link: Path, baud: int) -> AbstractAsyncContextManager[Pty]:
    link.absolute().parent.mkdir(parents=True, exist_ok=True)
    return Pty.open(link, baud)


async def _pass_time(site: Site) -> None:
    while True:
        site.advance()
        site.board.watch(asyncio.get_running_loop().time())
        await asyncio.sleep(TICK_S)


async def follow_coverage(script: tuple[CoverageStep, ...], modem: ModemSimulator, clock: Clock) -> None:
    """Change the coverage as the script says, world time."""
    start = clock.uptime()
    for step in script:
        await clock.sleep(start + step.after_s - clock.uptime())
        modem.set_coverage(step.dbm or None)
