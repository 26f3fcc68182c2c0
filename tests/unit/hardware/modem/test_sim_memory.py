import asyncio
from pathlib import Path

from hardware.modem.sim_memory import SimMemoryFile
from hardware.modem.sim_pin import PinAttempt

ATTEMPT = PinAttempt("89490200001234567894", "aa11", 3)


def test_attempts_outlive_the_program(tmp_path: Path) -> None:
    path = tmp_path / "sim.json"

    async def run() -> None:
        await SimMemoryFile(path).remember(ATTEMPT)
        await SimMemoryFile(path).remember(PinAttempt(ATTEMPT.iccid, "bb22", 2, is_refused=True))
        assert await SimMemoryFile(path).recall(ATTEMPT.iccid, "aa11") == ATTEMPT
        assert await SimMemoryFile(path).recall("other card", "aa11") is None
        await SimMemoryFile(path).forget(ATTEMPT.iccid, "aa11")
        assert await SimMemoryFile(path).recall(ATTEMPT.iccid, "aa11") is None
        refused = await SimMemoryFile(path).recall(ATTEMPT.iccid, "bb22")
        assert refused
        assert refused.is_refused

    asyncio.run(run())


def test_a_damaged_file_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "sim.json"

    async def run() -> None:
        for text in ("", "{", '[{"iccid": 1}]', "7"):
            path.write_text(text)
            assert await SimMemoryFile(path).recall(ATTEMPT.iccid, "aa11") is None
        await SimMemoryFile(path).remember(ATTEMPT)
        assert await SimMemoryFile(path).recall(ATTEMPT.iccid, "aa11") == ATTEMPT

    asyncio.run(run())
