"""The SIM must survive whatever is configured."""

import asyncio
from pathlib import Path

import pytest

from hardware.errors import SimError
from hardware.modem.sim_memory import SimMemoryFile
from hardware.modem.sim_pin import PinAttempt, pin_digest
from shared.ids import Secret
from tests.link.link_time import run
from tests.link.modem_bench import Bench, bench, new_modem

ICCID = "89490200001234567894"


async def sim_error(b: Bench) -> str:
    with pytest.raises(SimError) as raised:
        await b.modem.start()
    text = str(raised.value)
    assert "\n" not in text
    assert str(b.path) in text
    return text


async def restart(b: Bench, pin: str) -> None:
    """Power off and on: modem and program."""
    await b.modem.stop()
    b.sim.restart()
    await asyncio.sleep(0.02)
    b.modem = new_modem(b.path, pin=pin)


def test_right_pin(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711", pin="4711") as b:
            await b.modem.start()
            await b.registered()
            await restart(b, "4711")
            await b.modem.start()
            assert b.sim.sim.pins_entered == ["4711", "4711"]

    run(story())


def test_the_pin_reaches_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711", pin="4712") as b:
            text = await sim_error(b)
            assert "4712" not in text
            await restart(b, "4711")
            await b.modem.start()

    caplog.set_level("DEBUG")
    run(story())
    assert not [record for record in caplog.records if "471" in record.getMessage()]
    assert not [record for record in caplog.records if ICCID in record.getMessage()]


@pytest.mark.parametrize("tries", [0, 1])
def test_the_last_try_is_never_risked(tmp_path: Path, tries: int) -> None:
    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711", pin="4711", sim_tries=tries) as b:
            text = await sim_error(b)
            assert "phone" in text
            assert b.sim.sim.pins_entered == []

    run(story())


def test_wrong_pin_is_entered_once_and_never_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711", pin="0000") as b:
            assert "refuses the PIN in modem.pin" in await sim_error(b)
            assert "refused the PIN in modem.pin before" in await sim_error(b)
            await restart(b, "0000")
            assert "before" in await sim_error(b)
            assert b.sim.sim.pins_entered == ["0000"]
            await restart(b, "4711")
            await b.modem.start()
            assert b.sim.sim.tries_left == 3
            # Somebody has reset the counter with the right PIN; the wrong one is still known.
            await restart(b, "0000")
            assert "before" in await sim_error(b)
            assert b.sim.sim.pins_entered == ["0000", "4711"]

    run(story())


def test_changing_wrong_pins_stops_before_the_last_try(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711") as b:
            for pin in ("0000", "1111", "2222", "3333", "4711"):
                await restart(b, pin)
                await sim_error(b)
            assert b.sim.sim.pins_entered == ["0000", "1111"]
            assert b.sim.sim.tries_left == 1

    run(story())


def test_cut_off_between_entry_and_answer_the_counter_decides(tmp_path: Path) -> None:
    """The memory holds an attempt without a verdict. One try less means that it was refused, else it may be tried."""

    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711", pin="4711") as b:
            memory = SimMemoryFile(tmp_path / "sim.json")
            await b.modem.start()
            cut_off = PinAttempt(ICCID, pin_digest(ICCID, Secret("4711")), tries_before=3)
            await memory.remember(cut_off)
            await restart(b, "4711")
            await b.modem.start()
            assert b.sim.sim.pins_entered == ["4711", "4711"]
            await memory.remember(cut_off)
            await restart(b, "4711")
            b.sim.sim.enter("9999")
            assert "before" in await sim_error(b)
            assert b.sim.sim.pins_entered == ["4711", "4711", "9999"]

    run(story())


@pytest.mark.parametrize(("pin", "says"), [("", "set modem.pin"), ("12", "4 to 8 digits"), ("abcd", "4 to 8 digits")])
def test_pin_missing_or_impossible(tmp_path: Path, pin: str, says: str) -> None:
    async def story() -> None:
        async with bench(tmp_path, sim_pin="4711", pin=pin) as b:
            assert says in await sim_error(b)
            assert b.sim.sim.pins_entered == []

    run(story())
