"""Builds the simulated world from its settings and runs it: the composition root of `emops-sim`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hardware.registry import find_table
from shared.clock import Clock
from shared.units import Wh
from simulators import control
from simulators.board import Board
from simulators.evse_board import BoardSimulator
from simulators.mailbox import Mailbox
from simulators.meter import MeterSimulator
from simulators.modbus_slave import Device, ModbusSlave
from simulators.modem import ModemSimulator
from simulators.other_boards import BenderSimulator, WaltherSimulator
from simulators.pn532 import Pn532Simulator
from simulators.pty import Pty
from simulators.relay import LOOPBACK, Relay
from simulators.rfid import CardReader, RfidSimulator
from simulators.settings import CoverageStep, EvseSettings, PowerSettings, ReaderSettings, Settings, split_target
from simulators.signing_meter import SIGNING
from simulators.site import Site
from simulators.supply import Supply
from simulators.world import Evse, World

_BOARDS: Mapping[str, type[Board]] = {
    "simple-evse": BoardSimulator,
    "bender-cc612": BenderSimulator,
    "walther-basicevo-pro": WaltherSimulator,
}

TICK_S = 0.05
"""How often the world is moved along while nobody looks, real time."""


async def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Simulate until SIGTERM or SIGINT.

    Args:
        settings: of the program.
        say: gets the line that tells that all is ready.

    Raises:
        OSError: a link, folder or port can't be used.
        ValueError: the file of a meter's register is damaged.
        CommandFailed: the station's program can't be started.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_world(settings) as (world, ports):
        mailbox = f"{settings.mailbox.host}:{world.mailbox.port}"
        links = f"modem={settings.modem.link} bus={settings.bus.link}"
        links += "".join(f" {name}={reader.link}" for name, reader in _named_readers(settings))
        relay = f" relay={LOOPBACK}:{ports.relay}" if ports.relay else ""
        say(f"emops-sim ready: {links} mailbox={mailbox} control={LOOPBACK}:{ports.control}{relay}")
        await stop.wait()


def _named_readers(settings: Settings) -> list[tuple[str, ReaderSettings]]:
    """Name the readers for the ready line: the only one is `rfid`."""
    if not settings.reader:
        return [("rfid", settings.rfid)]
    return [(f"reader{number}", reader) for number, reader in enumerate(settings.reader, 1)]


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on the loopback; 0 = there is none."""

    control: int
    relay: int


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[tuple[World, Ports]]:
    """Bring all devices up until the block ends; gives them and the ports on which they are reached.

    Raises: see `run`.
    """
    settings.check()
    clock = settings.clock.build()
    async with AsyncExitStack() as stack:
        modem_line = await stack.enter_async_context(_pty(settings.modem.link, settings.modem.baud))
        bus_line = await stack.enter_async_context(_pty(settings.bus.link, settings.bus.baud))
        modem = ModemSimulator(modem_line, clock, sim_pin=settings.modem.sim_pin.value, baud=settings.modem.baud)
        evses, bus = make_bus(settings, clock, bus_line)
        readers: dict[int, CardReader] = {}
        for number, reader in enumerate(settings.readers(), 1):
            readers[number] = _reader(reader.kind, await stack.enter_async_context(_pty(reader.link, reader.baud)))
        mail = settings.mailbox
        mailbox = Mailbox(mail.host, mail.port, mail.folder, greylist=mail.greylist)
        relay = Relay(*split_target(settings.relay.target)) if settings.relay.target else None
        supply = _make_supply(settings.power, evses, bus, modem)
        world = World(evses, bus, modem, readers, mailbox, relay, supply)
        await stack.enter_async_context(mailbox.serve())
        relay_port = await stack.enter_async_context(relay.serve(settings.relay.port)) if relay else 0
        port = await stack.enter_async_context(control.serve(world, settings.control.port))
        stack.push_async_callback(supply.end)
        async with asyncio.TaskGroup() as tasks:
            jobs = [tasks.create_task(job) for job in (modem.run(), bus.run(), _pass_time(world))]
            jobs += [tasks.create_task(reader.run()) for reader in readers.values()]
            jobs.append(tasks.create_task(follow_coverage(settings.modem.coverage, modem, clock)))
            await supply.start()
            yield world, Ports(port, relay_port)
            for job in jobs:
                job.cancel()
        for evse in evses.values():
            evse.site.advance()


def make_bus(settings: Settings, clock: Clock, line: Pty) -> tuple[dict[int, Evse], ModbusSlave]:
    """Make the meters, the boards and the bus that they share.

    Raises:
        ValueError: there is no such model of meter.
    """
    evses = {number: _make_evse(evse, clock) for number, evse in enumerate(settings.evses(), 1)}
    devices: dict[int, Device] = {}
    boards: dict[int, Board] = {}
    for evse in evses.values():
        devices[evse.meter_address], devices[evse.board_address] = evse.site.meter, evse.board
        boards[evse.board_address] = evse.board

    def before_request(address: int) -> None:
        for evse in evses.values():
            evse.site.advance()
        if address in boards:
            boards[address].heard(asyncio.get_running_loop().time())

    return evses, ModbusSlave(line, devices, baud=settings.bus.baud, before_request=before_request)


def _make_evse(settings: EvseSettings, clock: Clock) -> Evse:
    board = _BOARDS[settings.board](settings.cable_current_a, settings.board_watch_s)
    site = Site(clock, make_meter(settings, clock), board, phases=settings.phases)
    return Evse(site, settings.meter_address, settings.board_address)


def _make_supply(settings: PowerSettings, evses: Mapping[int, Evse], bus: ModbusSlave, modem: ModemSimulator) -> Supply:
    def switch(on: bool) -> None:
        bus.has_power = on
        for evse in evses.values():
            evse.switch(on)
        if on:
            modem.restart()
        else:
            modem.hang()

    return Supply(switch, program=settings.program, off_command=settings.off_command, on_command=settings.on_command)


def make_meter(settings: EvseSettings, clock: Clock) -> MeterSimulator:
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


async def _pass_time(world: World) -> None:
    while True:
        for evse in world.evses.values():
            evse.site.advance()
            evse.board.watch(asyncio.get_running_loop().time())
        await asyncio.sleep(TICK_S)


async def follow_coverage(script: tuple[CoverageStep, ...], modem: ModemSimulator, clock: Clock) -> None:
    """Change the coverage as the script says, world time."""
    start = clock.uptime()
    for step in script:
        await clock.sleep(start + step.after_s - clock.uptime())
        modem.set_coverage(step.dbm or None)
