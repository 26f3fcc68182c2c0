"""Seeded lives of a connection: nothing is lost, doubled or changed, whatever pieces and gaps it comes in.

`python -m tests.link.test_modem_seeds 2000` runs more of them than the test does; `... 2000 17` begins with seed 17.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

import pytest

from hardware.errors import LinkError
from simulators.modem import Faults
from tests.link.link_time import run
from tests.link.modem_bench import Bench, Stream, bench

BATCH = 20
BATCHES = [pytest.param(number, marks=[pytest.mark.slow] if number >= 3 else []) for number in range(10)]
LOSSES = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 6 else []) for seed in range(20)]
_URCS = ("+CREG: 5", "+CEREG: 1", '+CTZV: "+04"', "RING", "+QIND: PB DONE", '+QIURC: "recv",3', "+XNOISE: 1,2")


async def live(folder: Path, seed: int) -> None:
    """Send both ways while coverage comes and goes; with some seeds the network drops the context."""
    chance = random.Random(seed)
    faults = Faults(chance.choice([0, 1, 5, 40]), _URCS, chance.choice([0.0, 0.2, 0.6]), seed=seed)
    drops = chance.random() < 0.3
    data = chance.randbytes(chance.randint(1, 4000))
    latency_s, drop_after_s = chance.choice([0.0, 0.05]), 0.2 if drops else 60.0
    async with bench(folder, faults=faults, latency_s=latency_s, drop_after_s=drop_after_s) as b:
        stream = await b.online()
        trouble = asyncio.create_task(make_trouble(b, chance, drops))
        received = await exchange(stream, data, chance)
        await trouble
        assert data.startswith(received), "the program received what was not sent"
        assert data.startswith(b.server.received), "the server received what was not sent"
        if not drops:
            assert received == data
            return
        await b.registered()
        await b.modem.attach()
        again = await b.connect()
        await again.send(b"again")
        assert await again.receive(5) == b"again"


async def exchange(stream: Stream, data: bytes, chance: random.Random) -> bytes:
    """Send in pieces of any size, and give what the server echoes, up to the end of the connection."""

    async def send() -> None:
        rest = data
        while rest:
            size = chance.choice([1, 10, 1460, 1461, len(rest)])
            stream.writer.write(rest[:size])
            rest = rest[size:]
            await asyncio.sleep(0)

    async def receive() -> bytes:
        received = b""
        while len(received) < len(data) and (piece := await stream.reader.read(4096)):
            received += piece
        return received

    async with asyncio.timeout(120):
        received, _ = await asyncio.gather(receive(), send())
    return received


async def make_trouble(b: Bench, chance: random.Random, drops: bool) -> None:
    for _ in range(chance.randint(0, 3)):
        await asyncio.sleep(chance.random() * 0.2)
        match chance.randrange(3):
            case 0:
                b.sim.set_coverage(None)
                await asyncio.sleep(0.5 if drops else chance.random() * 0.2)
                b.sim.set_coverage(-90)
            case 1:
                b.sim.cut()
                await asyncio.sleep(chance.random() * 0.2)
                b.sim.heal()
            case _:
                assert (await b.modem.network()).signal_dbm in (None, -71, -90, -91)


async def lose_one_byte(folder: Path, seed: int) -> None:
    """Lose one byte of the serial line towards the program: it never gets wrong data, and comes back."""
    chance = random.Random(seed)
    data = bytes(chance.choice(b"\r\nOK> 0123456789AT+") for _ in range(3000))
    async with bench(folder, faults=Faults(lose_sent=frozenset({chance.randrange(1000, 4000)}))) as b:
        await comes_back(b, data, chance)


async def lose_one_command_byte(folder: Path, seed: int) -> None:
    """The other way round. Payload towards the modem has no check, so the server may see a broken stream."""
    chance = random.Random(seed)
    data = chance.randbytes(3000)
    async with bench(folder, faults=Faults(lose_received=frozenset({chance.randrange(10, 3500)}))) as b:
        await comes_back(b, data, chance, is_checked=False)


async def comes_back(b: Bench, data: bytes, chance: random.Random, *, is_checked: bool = True) -> None:
    """One byte was lost: at most one attempt fails, and ends by itself; another exchange goes through."""
    failures = 0
    while True:
        try:
            stream = await b.online()
            received = await exchange(stream, data, chance)
        except LinkError:
            received = b""
        assert not is_checked or data.startswith(received)
        if received == data:
            return
        failures += 1
        assert failures < 2, "it does not come back"


@pytest.mark.parametrize("batch", BATCHES)
def test_seeded_lives(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        run_seed(seed)


@pytest.mark.parametrize("seed", LOSSES)
def test_one_byte_lost_towards_the_program(tmp_path: Path, seed: int) -> None:
    run(lose_one_byte(tmp_path, seed), speed=10)


@pytest.mark.parametrize("seed", LOSSES)
def test_one_byte_lost_towards_the_modem(tmp_path: Path, seed: int) -> None:
    run(lose_one_command_byte(tmp_path, seed), speed=10)


def run_seed(seed: int) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            run(live(Path(folder), seed), speed=10)
    except BaseException as error:
        error.add_note(f"seed {seed}: python -m tests.link.test_modem_seeds 1 {seed}")
        raise


if __name__ == "__main__":
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for each in range(first, first + count):
        run_seed(each)
    print(f"{count} lives, nothing lost")
