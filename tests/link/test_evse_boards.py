"""Drivers of EVSE boards against Modbus servers that are not ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hardware.api import EvseBoard, EvseStatus, PilotState, Watchdog
from hardware.errors import DeviceError, LinkError
from hardware.evse import bender, phoenix, simple_evse, walther
from hardware.evse.self_test import self_test
from hardware.modbus import ModbusLine
from simulators.board import Fault
from tests.link.bus import open_bus
from tests.link.foreign import Foreign, over_pty, over_tcp

A, B, C, E, F = PilotState.A, PilotState.B, PilotState.C, PilotState.E, PilotState.F


class Charger(Foreign):
    """A vehicle that draws while it is let; subclasses know where the board keeps what."""

    def pilot(self, letter: str) -> None:
        raise NotImplementedError


class PhoenixBoard(Charger):
    def pilot(self, letter: str) -> None:
        self.input[100] = ord(letter)

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        super().wrote(table, register, value)
        if register == 400 and not value and self.input[100] == ord("C"):
            self.pilot("B")


class BenderBoard(Charger):
    def pilot(self, letter: str) -> None:
        self.holding[122] = "ABCDE".index(letter) + 1
        self.holding[706] = self.holding[1000] if letter in "BCD" else 0

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        super().wrote(table, register, value)
        if register == 1000:
            self.pilot("B" if value == 0 and self.holding[122] == 3 else "ABCDE"[self.holding[122] - 1])


class WaltherBoard(Charger):
    def pilot(self, letter: str) -> None:
        self.input[5] = {"A": 2, "B": 4, "C": 6, "E": 9, "F": 10}[letter]
        if letter in "ABC" and self.holding[261]:
            self.input[5] += 1

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        super().wrote(table, register, value)
        if register == 261 and 2 <= self.input[5] <= 7:
            self.pilot("AABBCC"[self.input[5] - 2])


class SimpleBoard(Charger):
    def pilot(self, letter: str) -> None:
        self.holding[1002] = "ABCDF".index(letter) + 1
        self.holding[1001] = self.holding[1000]
        self.holding[1006] = 2 if self.holding[1000] else 1
        self.holding[1007] = int(letter in "CD" and self.holding[1000] > 0)

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        super().wrote(table, register, value)
        if register == 1000:
            self.pilot("ABCDF"[self.holding[1002] - 1])


def _simple() -> tuple[SimpleBoard, Callable[[ModbusLine], EvseBoard]]:
    holding = dict.fromkeys(range(1000, 1010), 0) | {1002: 1, 1003: 32, 1005: 18, 1006: 1}
    holding |= dict.fromkeys(range(2000, 2018), 0) | {2002: 5, 2005: 1 << 4}
    return SimpleBoard(1, holding=holding), lambda line: simple_evse.SimpleEvse(line, 1, stop_s=0.3)


def _phoenix() -> tuple[PhoenixBoard, Callable[[ModbusLine], EvseBoard]]:
    words = {100: 65, 101: 32, 102: 0, 103: 0, 104: 0, 105: 0x3031, 106: 0x3031, 107: 0}
    board = PhoenixBoard(180, holding={300: 6}, input=words, coils={400: 0})
    return board, lambda line: phoenix.Phoenix(line, 180, phoenix.EM_CP_PP_ETH, stop_s=0.3)


def _bender() -> tuple[BenderBoard, Callable[[ModbusLine], EvseBoard]]:
    holding = dict.fromkeys((100, 101, 105, 106, 706, 1000), 0) | {122: 1, 131: 6, 132: 0}
    return BenderBoard(255, holding=holding), lambda line: bender.Bender(line, 255, Watchdog(10, 0), stop_s=0.3)


def _walther() -> tuple[WaltherBoard, Callable[[ModbusLine], EvseBoard]]:
    words = {4: 0x107, 5: 2, 6: 0, 7: 0, 8: 0, 9: 0xFF6F, 10: 230, 11: 230, 12: 230, 13: 1, 100: 16, 101: 6}
    holding = {257: 15000, 258: 0, 259: 0, 261: 0, 262: 60}
    board = WaltherBoard(1, holding=holding, input=words)
    return board, lambda line: walther.Walther(line, 1, Watchdog(20, 6), stop_s=0.3)


Make = Callable[[], tuple[Charger, Callable[[ModbusLine], EvseBoard]]]
ALL = [_simple, _phoenix, _bender, _walther]


@asynccontextmanager
async def _served(make: Make, folder: Path, way: str) -> AsyncIterator[tuple[Charger, EvseBoard]]:
    device, driver = make()
    async with over_tcp(device) if way == "tcp" else over_pty(device, folder) as line:
        yield device, driver(line)


def _run(work: Awaitable[None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work

    asyncio.run(within())


@pytest.mark.parametrize("way", ["tcp", "pty"])
@pytest.mark.parametrize("make", ALL)
def test_a_charge_on_every_board(make: Make, way: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _served(make, tmp_path, way) as (device, board):

            async def seen() -> tuple[PilotState, bool, int]:
                status = await board.status()
                assert status.faults == set()
                return status.pilot, status.contactor_closed, status.offered_current_a

            assert await seen() == (A, False, 0)
            device.pilot("B")
            assert await seen() == (B, False, 0)
            await board.allow(16)
            assert await seen() == (B, False, 16)
            device.pilot("C")
            assert await seen() == (C, True, 16)
            await board.allow(10)
            assert (await seen())[2] == 10
            device.pilot("B" if make is not _simple and make is not _walther else "C")
            await board.stop()
            assert (await seen())[1:] == (False, 0)
            for wrong in (5, 81):
                with pytest.raises(ValueError, match="can't be offered"):
                    await board.allow(wrong)
            assert (await self_test(board, rcd=False)).passed

    _run(scenario())


@pytest.mark.parametrize("make", [_simple, _phoenix, _bender, _walther])
def test_a_silent_board_is_a_lost_link(make: Make, tmp_path: Path) -> None:
    async def scenario() -> None:
        device, driver = make()
        device.silent = True
        async with over_tcp(device, timeout_s=0.1) as line:
            for request in (driver(line).status(), driver(line).allow(16), driver(line).stop()):
                with pytest.raises(LinkError):
                    await request

    _run(scenario())


class Keeper(PhoenixBoard):
    """Answers as if it obeyed, and keeps what it had."""

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        asyncio.get_running_loop().call_soon(table.__setitem__, register, table[register])
        table[register] = value


async def _status(make: Make, change: Callable[[Charger], None]) -> EvseStatus:
    device, driver = make()
    change(device)
    async with over_tcp(device) as line:
        return await driver(line).status()


def _status_with(make: Make, table: str, **words: int) -> EvseStatus:
    def change(device: Charger) -> None:
        getattr(device, table).update({int(name[1:]): value for name, value in words.items()})

    return asyncio.run(_status(make, change))


@pytest.mark.parametrize(
    ("bits", "faults"),
    [
        (1 << 11, {"PowerSwitchFailure"}),
        (1 << 5 | 1 << 6, {"ConnectorLockFailure"}),
        (1 << 8 | 1 << 12, {"OverCurrentFailure", "DiodeFault"}),
        (1 << 9, set()),
        (1 << 14, {"GroundFailure"}),
    ],
)
def test_phoenix_tells_its_faults(bits: int, faults: set[str]) -> None:
    assert _status_with(_phoenix, "input", r107=bits).faults == faults


@pytest.mark.parametrize(
    ("high", "low", "faults"),
    [
        (0, 1 << 6, {"PowerSwitchFailure"}),
        (0, 1 << 0 | 1 << 5, {"GroundFailure"}),
        (1, 0, {"ConnectorLockFailure"}),
        (1 << 5, 0, {"UnderVoltage"}),
        (0, 1 << 7, set()),
    ],
)
def test_bender_tells_its_faults(high: int, low: int, faults: set[str]) -> None:
    assert _status_with(_bender, "holding", r105=high, r106=low).faults == faults


@pytest.mark.parametrize(
    ("state", "pilot", "closed", "faults"),
    [(8, C, True, set()), (9, E, False, set()), (10, F, False, set()), (11, F, False, {"InternalError"})],
)
def test_walther_tells_its_states(state: int, pilot: PilotState, closed: bool, faults: set[str]) -> None:
    status = _status_with(_walther, "input", r5=state)
    assert (status.pilot, status.contactor_closed, set(status.faults)) == (pilot, closed, faults)
    assert status.temperature_c == -14.5
    assert _status_with(_walther, "input", r13=0).faults == {"KeySwitch"}


@pytest.mark.parametrize(
    ("make", "table", "register"), [(_phoenix, "input", 100), (_bender, "holding", 122), (_walther, "input", 5)]
)
def test_a_state_that_does_not_exist_is_a_wrong_board(make: Make, table: str, register: int) -> None:
    with pytest.raises(DeviceError, match=r"tells .*state 12.*is the configured board right"):
        _status_with(make, table, **{f"r{register}": 12})


@pytest.mark.parametrize(
    ("make", "told"),
    [(_bender, [(131, 0), (132, 10)]), (_walther, [(258, 4), (259, 1), (262, 60), (257, 20000)])],
)
def test_a_board_with_a_watchdog_is_told_once_and_again_after_it_was_away(
    make: Make, told: list[tuple[int, int]], tmp_path: Path
) -> None:
    async def scenario() -> None:
        device, driver = make()
        async with over_tcp(device, timeout_s=0.1) as line:
            board = driver(line)
            assert board.capabilities.watchdog
            await board.status()
            await board.status()
            assert device.written == told
            device.silent = True
            with pytest.raises(LinkError):
                await board.status()
            device.silent = False
            await board.status()
            assert device.written == told * 2

    _run(scenario())


def test_phoenix_says_when_it_does_not_release(tmp_path: Path) -> None:
    async def scenario() -> None:
        device = _phoenix()[0]
        keeper = Keeper(180, holding={300: 6}, input=device.input, coils={400: 0})
        async with over_tcp(keeper) as line:
            board = phoenix.Phoenix(line, 180, phoenix.EM_CP_PP_ETH)
            with pytest.raises(DeviceError, match="DIP switch 10"):
                await board.allow(16)
            keeper.holding[300] = 32
            with pytest.raises(DeviceError, match="keeps 32 A instead of 16 A"):
                await board.allow(16)
            keeper.holding[300] = 160
            with pytest.raises(DeviceError, match="tenths of an ampere"):
                await board.allow(16)
            keeper.coils[400] = 1
            with pytest.raises(DeviceError, match="keeps its release"):
                await board.stop()

    _run(scenario())


def test_phoenix_counts_as_closed_while_a_vehicle_may_still_draw(tmp_path: Path) -> None:
    async def scenario() -> None:
        device, driver = _phoenix()
        device.input[100] = ord("C")
        async with over_tcp(device) as line:
            assert (await driver(line).status()).contactor_closed  # nobody knows since when it is not released

    _run(scenario())


@pytest.mark.parametrize(("word", "pilot"), [(0x4131, A), (0x4232, B), (0x4332, C), (0x0046, F)])
def test_the_serial_phoenix_writes_its_letter_in_either_byte(word: int, pilot: PilotState, tmp_path: Path) -> None:
    async def scenario() -> None:
        device = Foreign(1, holding={22000: 16}, input={24000: word}, coils={20000: 1})
        async with over_pty(device, tmp_path) as line:
            status = await phoenix.Phoenix(line, 1, phoenix.EV_CC_AC1_M).status()
            assert (status.pilot, status.offered_current_a, status.cable_current_a) == (pilot, 16, None)

    _run(scenario())


class TestingBoard(SimpleBoard):
    """A SimpleEVSE that tests its residual current device, with good or bad result."""

    __test__ = False
    rcd_is_good = True

    def wrote(self, table: dict[int, int], register: int, value: int) -> None:
        super().wrote(table, register, value)
        if register == 1004:
            self.holding[1007] = 0
            if value & 2 and not self.rcd_is_good:
                self.holding |= {1007: 1 << 5, 1002: 5}


@pytest.mark.parametrize(("wired", "good", "passed"), [(True, True, True), (True, False, False), (False, True, None)])
def test_simple_evse_tests_its_rcd_where_one_is_wired(wired: bool, good: bool, passed: bool | None) -> None:
    async def scenario() -> None:
        device = TestingBoard(1, holding=_simple()[0].holding)
        device.rcd_is_good = good
        device.holding[2005] = int(wired) << 4
        async with over_tcp(device) as line:
            board = simple_evse.SimpleEvse(line, 1)
            result = await self_test(board, rcd=True)
            found = {check.name: check.passed for check in result.checks}
            assert found.get("rcd") is passed
            assert result.faults == ({"GroundFailure"} if passed is False else set())
            assert (1004, 2) in device.written or not wired

    _run(scenario())


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (Fault.NONE, set()),
        (Fault.RCD_IS_DEAD, {"rcd"}),
        (Fault.WELDED, {"contactor"}),
        (Fault.DIODE, {"faults"}),
    ],
)
def test_the_simulated_board_tests_itself(tmp_path: Path, fault: Fault, failed: set[str]) -> None:
    async def scenario() -> None:
        async with open_bus(tmp_path) as bus:
            bus.site.board.fault = fault
            await bus.board.status()
            result = await self_test(bus.board, rcd=True)
            assert {check.name for check in result.checks if check.passed is False} == failed

    _run(scenario())


def test_simple_evse_says_what_is_unwise_about_its_settings() -> None:
    async def scenario() -> None:
        device = _simple()[0]
        device.holding |= {2000: 32, 2005: 1 << 14, 2007: 20}
        async with over_tcp(device) as line:
            identity = await simple_evse.SimpleEvse(line, 1).describe()
            text = " ".join(identity.notes)
            for part in ("after a power cut it offers 32 A by itself", "disables itself", "one of 20 A", "not watched"):
                assert part in text
            assert identity.firmware == "18"

    _run(scenario())
