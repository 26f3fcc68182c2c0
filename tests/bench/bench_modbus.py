"""How close the Modbus line comes to what the wire allows, over a pty that is paced like a UART.

    python -m tests.bench.bench_modbus [SECONDS]

Theoretical time of one block read: request and answer, 10 bits a byte at 8N1, and the 3.5 characters of silence by
which the meter knows that the request is over. The simulated meter answers at once then; a real one thinks first.
The pty delays answers byte for byte; the request's own time and the silence are waited before the meter answers.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hardware.bus import Framing
from hardware.errors import HardwareError
from hardware.meters.eastron import SDM630_V2
from hardware.meters.modbus_meter import ModbusMeter
from hardware.meters.register_map import plan_blocks
from hardware.modbus import ModbusLine
from shared.units import Wh
from simulators.meter import MeterSimulator
from simulators.modbus_slave import ModbusSlave
from simulators.pty import Pty

REQUEST, AROUND_DATA = 8, 5
METERS = 8


def theory_s(framing: Framing, register_count: int) -> float:
    """Tell the least time of one block read, s."""
    return framing.wire_s(REQUEST + AROUND_DATA + 2 * register_count) + 3.5 * framing.bits_per_byte / framing.baud


@asynccontextmanager
async def paced_line(folder: Path, framing: Framing, meters: int) -> AsyncIterator[ModbusLine]:
    """Open a line with so many meters at addresses from 1 on."""
    path = folder / f"bus{framing.baud}.tty"
    devices = {address: MeterSimulator(address, Wh(4_711_000)) for address in range(1, meters + 1)}
    async with Pty.open(path, framing.baud) as pty, asyncio.TaskGroup() as tasks:
        slave = ModbusSlave(pty, devices, baud=framing.baud)
        slave.faults.delay_s = framing.wire_s(REQUEST) + 3.5 * framing.bits_per_byte / framing.baud
        job = tasks.create_task(slave.run())
        line = ModbusLine(str(path), framing.baud)
        yield line
        line.close()
        job.cancel()


async def one_block(folder: Path, framing: Framing, times: int = 15) -> None:
    """Read one block of an SDM630 again and again."""
    (block,) = plan_blocks(SDM630_V2.polled(), SDM630_V2.max_words)
    theory = theory_s(framing, block.count)
    loop = asyncio.get_running_loop()
    async with paced_line(folder, framing, 1) as line:
        await line.read_input(1, block.address, block.count)
        spent = []
        for _ in range(times):
            await asyncio.sleep(0.15)  # the meter's rest is over, as it is between polls
            begin = loop.time()
            await line.read_input(1, block.address, block.count)
            spent.append(loop.time() - begin)
    print(f"SDM630, one block of {block.count} registers at {framing}, {times} reads")
    print(f"  bytes on the wire        {REQUEST + AROUND_DATA + 2 * block.count:8d}")
    print(f"  theoretical              {theory * 1000:8.1f} ms")
    print(f"  measured, median         {statistics.median(spent) * 1000:8.1f} ms   ratio {_ratio(spent, theory):.3f}")
    print(f"  measured, worst          {max(spent) * 1000:8.1f} ms   ratio {max(spent) / theory:.3f}")


def _ratio(spent: list[float], theory: float) -> float:
    return statistics.median(spent) / theory


async def full_line(folder: Path, framing: Framing, seconds: int) -> None:
    """Poll eight meters each second, as the station does: a poll that is not done when the next is due is missed."""
    (block,) = plan_blocks(SDM630_V2.polled(), SDM630_V2.max_words)
    theory = theory_s(framing, block.count)
    loop = asyncio.get_running_loop()
    good = late = failed = 0

    async def poll(meter: ModbusMeter, start: float) -> None:
        nonlocal good, late, failed
        for number in range(seconds):
            await asyncio.sleep(start + number - loop.time())
            try:
                await meter.read()
            except HardwareError:
                failed += 1
            else:
                good, late = good + 1, late + (loop.time() > start + number + 1)

    async with paced_line(folder, framing, METERS) as line:
        meters = [ModbusMeter(line, address, SDM630_V2, loop.time) for address in range(1, METERS + 1)]
        for meter in meters:
            await meter.read()
        start = loop.time() + 0.2
        async with asyncio.TaskGroup() as tasks:
            for meter in meters:
                tasks.create_task(poll(meter, start))
        errors = sum(figures.errors for figures in line.all_statistics().values())
        slowest = max(figures.slowest_s for figures in line.all_statistics().values())
    print(f"{METERS} meters polled each second at {framing}, {seconds} s, gap {framing.gap_s() * 1000:.0f} ms")
    print(f"  polls done in time       {good - late:8d} of {METERS * seconds}; late {late}, failed {failed}")
    print(f"  bad tries on the line    {errors:8d}")
    print(f"  the wire alone needs     {METERS * theory * 1000:8.1f} ms of each second")
    print(f"  with gaps                {METERS * (theory + framing.gap_s()) * 1000:8.1f} ms of each second")
    print(f"  left for each to think   {1000 / METERS - (theory + framing.gap_s()) * 1000:8.1f} ms")
    print(f"  slowest block            {slowest * 1000:8.1f} ms   ratio {slowest / theory:.3f}")


async def main(seconds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        await one_block(Path(folder), Framing(9600))
        await full_line(Path(folder), Framing(19200), seconds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 20))
