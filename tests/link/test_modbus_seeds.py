"""Seeded lives of a meter on a bad line, and of bad meters on a good line: never a wrong Wh.

`python -m tests.link.test_modbus_seeds 10000` asks more often than the test does; `... 10000 17` begins with seed 17.
"""

import asyncio
import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardware.errors import HardwareError
from hardware.meters.catalogue import table
from hardware.meters.modbus_meter import ModbusMeter
from hardware.modbus import ModbusLine
from simulators.modbus_slave import with_crc
from simulators.pty import Pty
from tests.link.link_time import run
from tests.link.meter_dumps import DUMPS, f32, low_first, words

ADDRESS = 7
BATCH = 1000
BATCHES = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 4 else []) for seed in range(10)]
TIMEOUT_S = 0.02


@dataclass(frozen=True)
class Family:
    """How the import register of a dump is set: function, first register, Wh to words, Wh per step."""

    model: str
    function: int
    register: int
    encode: Callable[[int], list[int]]
    step: int


FAMILIES = (
    Family("SDM630-V2", 4, 0x48, lambda wh: f32(wh / 1000), 1),
    Family("B23", 3, 0x5000, lambda wh: words("Q", wh // 10), 10),
    Family("EM24", 4, 0x3E, lambda wh: low_first(wh // 100), 100),
    Family("iEM3155", 3, 0x0C83, lambda wh: words("q", wh), 1),
)


@dataclass
class Meter:
    """What answers. Its register rises with the time that passes; `faults` is the chance of a bad answer."""

    family: Family
    chance: random.Random
    faults: float
    wh: int = 1_000_000
    is_another: bool = False
    last: bytes = b""
    answers: int = 0
    shown: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        dump = next(dump for dump in DUMPS if dump.model == self.family.model)
        self.images = {function: dump.image(function) for function in (3, 4)}

    def pass_time(self, seconds: float) -> None:
        """Charge with 11 kW."""
        self.wh += round(11_000 * seconds / 3600)

    def answer(self, request: bytes) -> bytes:
        """Give the right answer."""
        function, first, count = request[1], *struct.unpack(">HH", request[2:6])
        image = self.images[function]
        start = self.family.register
        image |= dict(zip(range(start, start + 8), self.family.encode(self.wh), strict=False))
        if not self.is_another:
            self.shown.add(self.wh // self.family.step * self.family.step)
        if any(number not in image for number in range(first, first + count)):
            return with_crc(bytes([ADDRESS, function | 0x80, 2]))
        content = struct.pack(f">{count}H", *(image[number] for number in range(first, first + count)))
        return with_crc(bytes([ADDRESS, function, 2 * count]) + content)


def spoil(meter: Meter, right: bytes) -> bytes:
    """Give a bad answer instead of the right one; b"" is silence."""
    chance, size = meter.chance, len(right)
    match chance.choice(
        ("crc", "crc", "cut", "device", "before", "refusal", "short", "ones", "random", "noise", "silence", "twice")
    ):
        case "crc":
            spot = chance.randrange(size)
            return right[:spot] + bytes([right[spot] ^ (1 << chance.randrange(8))]) + right[spot + 1 :]
        case "cut":
            return right[: chance.randrange(size)]
        case "device":
            return with_crc(bytes([chance.randrange(1, 248)]) + right[1:-2])
        case "before":
            return meter.last or right
        case "refusal":
            return with_crc(bytes([ADDRESS, right[1] | 0x80, chance.choice((1, 2, 3, 4, 5, 6, 10, 11, 77))]))
        case "short":
            kept = chance.randrange(max(1, size - 5))
            return with_crc(right[:2] + bytes([kept]) + right[3 : 3 + kept])
        case "ones":
            return with_crc(right[:3] + b"\xff" * (size - 5))
        case "random":
            return with_crc(right[:3] + chance.randbytes(size - 5))
        case "noise":
            return chance.randbytes(chance.randint(1, 9)) + right
        case "twice":
            return right + right
    return b""


async def serve(pty: Pty, meter: Meter) -> None:
    """Answer requests of 8 bytes, some of them badly, some of them late."""
    while True:
        request = await pty.read()
        while len(request) < 8:
            request += await pty.read()
        right = meter.answer(request[-8:])
        answer = spoil(meter, right) if meter.chance.random() < meter.faults else right
        meter.last = right
        meter.answers += 1
        if meter.chance.random() < meter.faults / 10:
            await asyncio.sleep(1.5 * TIMEOUT_S)
        await pty.write(answer)


async def live(folder: Path, seed: int, answers: int) -> tuple[int, int]:
    """Poll a meter until it has answered so often; it may be exchanged or turned back on the way.

    Returns:
        How many looks gave a reading, and how many gave none.
    """
    chance = random.Random(seed)
    meter = Meter(chance.choice(FAMILIES), chance, chance.choice((0.02, 0.2, 0.5)))
    clock, good, none, before = 0.0, 0, 0, 0
    exchange_at = chance.randrange(answers) if chance.random() < 0.5 else answers
    async with Pty.open(folder / f"bus{seed}.tty") as pty, asyncio.TaskGroup() as tasks:
        job = tasks.create_task(serve(pty, meter))
        line = ModbusLine(str(folder / f"bus{seed}.tty"), 921600, timeout_s=TIMEOUT_S, gap_s=0, rest_s=0, tries=2)
        driver = ModbusMeter(line, ADDRESS, table(meter.family.model), lambda: clock)
        while meter.answers < answers:
            pause = chance.choice((0.2, 1.0, 1.0, 5.0))
            clock += pause
            meter.pass_time(pause)
            if good and meter.answers >= exchange_at and not meter.is_another:
                meter.is_another = True
                meter.wh = chance.choice((0, meter.wh - 5000, meter.wh + 5_000, 90_000_000))
            try:
                wh = (await driver.read()).energy_import
            except HardwareError:
                none += 1
                continue
            good += 1
            assert wh in meter.shown, f"seed {seed}: {wh} Wh was never shown by {meter.family.model}"
            assert wh >= before, f"seed {seed}: {wh} Wh after {before}"
            before = wh
        line.close()
        job.cancel()
    return good, none


def lives(folder: Path, first_seed: int, answers: int) -> tuple[int, int]:
    """Live lives of 100 answers each."""
    good = none = 0
    for seed in range(first_seed, first_seed + answers // 100):
        found = run(live(folder, seed, 100), speed=20.0)
        good, none = good + found[0], none + found[1]
    return good, none


@pytest.mark.parametrize("batch", BATCHES)
def test_a_bad_line_or_meter_never_makes_a_wrong_wh(tmp_path: Path, batch: int) -> None:
    good, none = lives(tmp_path, batch * BATCH // 100, BATCH)
    assert good > 20
    assert none > 20


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
        begin = time.monotonic()
        figures = lives(Path(made), int(sys.argv[2]) if len(sys.argv) > 2 else 0, count)
        spent = time.monotonic() - begin
        print(f"{count} answers in {spent:.1f} s: {figures[0]} readings, all right; {figures[1]} looks without one")
