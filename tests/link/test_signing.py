"""The whole agent with a signing meter on a real pty and a central system over TCP: from the meter's key to OCPP."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hardware.errors import LinkError
from hardware.meters.catalogue import table
from hardware.modbus import ModbusLine
from hardware.registry import make_signing_meter
from shared import ocmf
from shared.clock import SystemClock
from shared.config import ConfigError, parse
from shared.ids import EvseId, IdToken
from shared.metering import SignedData
from shared.ocmf_signature import Judgement, check
from shared.units import Wh
from simulators.evse_board import BoardSimulator
from simulators.modbus_slave import ModbusSlave
from simulators.pty import Pty
from simulators.signing_meter import SIGNING, SigningMeter
from simulators.site import Site
from station.app import run_station
from station.devices import build_hardware
from station.settings import StationSettings
from station.settings import check as check_settings
from tests.link.bus import car
from tests.link.csms import Csms, Json, eventually
from tests.unit.hardware.meters.signing import FAMILIES, Bench
from tests.unit.hardware.meters.test_signing import independent

CARD, UNKNOWN = IdToken("04A1B2C3"), IdToken("DEADBEEF")
METER, BOARD = 33, 2

SETTINGS = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://127.0.0.1:{port}/ocpp"
reply_timeout_s = 2
authorize_timeout_s = 0.5
retry_wait_s = 0.1
retry_random_s = 0
[journal]
path = "{folder}/journal.sqlite"
[uplink]
bearer = "host"
[time]
clock_trusted = true
[ocpp]
MeterValueSampleInterval = 0
MinimumStatusDuration = 0
AllowOfflineTxForUnknownId = true
[[bus]]
name = "bus"
port = "{folder}/bus.tty"
baud = 115200
timeout_s = 1.0
rest_s = 0.0
[[evse]]
board_bus = "bus"
board_address = 2
meter_bus = "bus"
meter = "{model}"
meter_address = 33
poll_s = 0.1
signed = "{signed}"
signed_name = "DE*ABC*E1"
signed_wait_s = 10
[[local_list]]
id_token = "04A1B2C3"
"""


def settings(folder: Path, port: int, model: str, signed: str = "required") -> StationSettings:
    made = parse(SETTINGS.format(folder=folder, port=port, model=model, signed=signed), StationSettings)
    check_settings(made)
    return made


@dataclass
class Cards:
    queue: "asyncio.Queue[IdToken]" = field(default_factory=asyncio.Queue)

    async def tags(self) -> AsyncIterator[IdToken]:
        while True:
            yield await self.queue.get()


@dataclass
class Bus:
    """The simulated side."""

    meter: SigningMeter
    site: Site
    slave: ModbusSlave
    cards: Cards = field(default_factory=Cards)

    async def tap_until(self, condition: Callable[[], object], card: IdToken = CARD) -> None:
        """As a driver: tap, and again only if nothing has happened for a while."""
        for _ in range(6):
            self.cards.queue.put_nowait(card)
            try:
                await eventually(lambda: _is(condition), 6)
            except TimeoutError:
                continue
            return
        raise AssertionError("nothing happens")

    async def draws(self, energy_wh: int) -> None:
        """Wait until so much has flowed; 3 Wh take a second."""
        begin = self.meter.register
        await until(lambda: self.meter.register >= begin + energy_wh)


@asynccontextmanager
async def bus(folder: Path, model: str) -> AsyncIterator[Bus]:
    clock = SystemClock()
    meter = SIGNING[model](22411873, Wh(4_711_000), table=table(model), utc=clock.utc)
    site = Site(clock, meter, BoardSimulator())
    async with Pty.open(folder / "bus.tty") as pty, asyncio.TaskGroup() as tasks:
        slave = ModbusSlave(
            pty, {METER: meter, BOARD: site.board}, baud=115200, before_request=lambda _address: site.advance()
        )
        job = tasks.create_task(slave.run())
        yield Bus(meter, site, slave)
        job.cancel()


@asynccontextmanager
async def agent(made: StationSettings, on: Bus) -> AsyncIterator[None]:
    clock, stop = SystemClock(), asyncio.Event()
    hardware = replace(build_hardware(made, clock), readers=((on.cards, (EvseId(1),)),))
    task = asyncio.create_task(run_station(made, hardware, clock=clock, kernel_boot_id="boot", stop=stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(8):
            await task
        for line in hardware.lines.values():
            line.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(90):
            await work()

    asyncio.run(within())


async def _is(condition: Callable[[], object]) -> bool:
    return bool(condition())


async def until(condition: Callable[[], object]) -> None:
    await eventually(lambda: _is(condition), 40)


@pytest.fixture
def port() -> int:
    """A port where nobody listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def signed_of(stop: Json) -> dict[str, str]:
    """Give what was signed, by context."""
    return {
        sample["context"]: sample["value"]
        for value in stop.get("transactionData", [])
        for sample in value["sampledValue"]
        if sample.get("format") == "SignedData"
    }


@pytest.mark.parametrize("model", FAMILIES)
def test_from_the_meter_s_key_to_the_central_system(tmp_path: Path, port: int, model: str) -> None:
    async def work() -> None:
        csms = Csms(port=port)
        async with bus(tmp_path, model) as on, agent(settings(tmp_path, port, model), on), csms.serve():
            on.site.plug(car())
            await on.tap_until(lambda: on.site.board.contactor_closed)
            await on.draws(3)
            await csms.until(lambda: csms.of("StartTransaction"), 40)
            on.cards.queue.put_nowait(CARD)
            await csms.until(lambda: csms.of("StopTransaction"), 40)
            signed = signed_of(csms.of("StopTransaction")[0][1])
            assert set(signed) == {"Transaction.End"} | ({"Transaction.Begin"} if model == "BSM-WS36A" else set())
            answer = (await csms.ask("GetConfiguration", {"key": ["MeterPublicKey1"]}))[1]
            key = answer["configurationKey"][0]
            assert key["readonly"]
            assert bytes.fromhex(key["value"]) == on.meter.der_key
            for text in signed.values():
                independent(SignedData(text, key["value"]))
                assert ", " in text.split("|")[1], "not written anew on its way"
                assert ocmf.parse(text).id_token == CARD.value
            start, stop = csms.of("StartTransaction")[0][1], csms.of("StopTransaction")[0][1]
            end = ocmf.parse(signed["Transaction.End"]).reading(*ocmf.ENDS)
            assert end
            assert end.wh == stop["meterStop"]
            assert stop["meterStop"] - start["meterStart"] >= 3

    run(work)


def test_the_bytes_are_those_of_the_meter(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        csms = Csms(port=port)
        async with bus(tmp_path, "BSM-WS36A") as on, agent(settings(tmp_path, port, "BSM-WS36A"), on), csms.serve():
            on.site.plug(car())
            await on.tap_until(lambda: on.site.board.contactor_closed)
            await on.draws(1)
            on.cards.queue.put_nowait(CARD)
            await csms.until(lambda: csms.of("StopTransaction"), 40)
            signed = signed_of(csms.of("StopTransaction")[0][1])
            for register, context in ((43295, "Transaction.Begin"), (43795, "Transaction.End")):
                words = [word for start in (0, 120, 240, 360) for word in on.meter.read(3, register + start, 120)]
                raw = b"".join(word.to_bytes(2, "big") for word in words)
                assert signed[context].encode() == raw.rstrip(b"\0")

    run(work)


@pytest.mark.parametrize("model", FAMILIES)
def test_the_station_s_power_is_cut_and_the_meter_s_too(tmp_path: Path, port: int, model: str) -> None:
    async def work() -> None:
        csms, made = Csms(port=port), settings(tmp_path, port, model)
        async with bus(tmp_path, model) as on:
            on.site.plug(car())
            async with agent(made, on):
                await on.tap_until(lambda: on.site.board.contactor_closed)
                await on.draws(1)
            on.meter.lose_power()
            on.site.unplug()
            async with agent(made, on), csms.serve():
                await csms.until(lambda: csms.of("StopTransaction"), 40)
            stop = csms.of("StopTransaction")[0][1]
            assert stop["reason"] == "PowerLoss"
            text = signed_of(stop)["Transaction.End"]
            independent(SignedData(text, on.meter.der_key.hex()))
            assert ocmf.parse(text).id_token == CARD.value

    run(work)


def test_a_meter_that_does_not_sign_lets_nobody_charge_where_it_must(
    tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work() -> None:
        async with bus(tmp_path, "WM3M4") as on, agent(settings(tmp_path, port, "WM3M4"), on):
            on.meter.faults.status = 254
            on.site.plug(car())
            await on.tap_until(lambda: "signing failed" in caplog.text and "charge_refused" in caplog.text)
            assert not on.site.board.contactor_closed

    run(work)


def test_without_a_signature_the_session_ends_with_its_unsigned_register(
    tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work() -> None:
        csms, made = Csms(port=port), settings(tmp_path, port, "EM580", "wanted")
        async with bus(tmp_path, "EM580") as on, agent(made, on), csms.serve():
            on.site.plug(car())
            await on.tap_until(lambda: on.site.board.contactor_closed)
            await on.draws(3)
            on.meter.faults.status = 3
            on.cards.queue.put_nowait(CARD)
            await csms.until(lambda: csms.of("StopTransaction"), 40)
            start, stop = csms.of("StartTransaction")[0][1], csms.of("StopTransaction")[0][1]
            assert stop["meterStop"] - start["meterStart"] >= 3
            assert "transactionData" not in stop
            assert "signed_end_missing" in caplog.text
            assert "corrupted" in caplog.text

    run(work)


def test_an_unknown_card_offline(tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def work() -> None:
        async with bus(tmp_path, "EM580") as on:
            async with agent(settings(tmp_path, port, "EM580"), on):
                on.site.plug(car())
                await on.tap_until(lambda: "the meter must sign who charges" in caplog.text, UNKNOWN)
                assert on.meter.read(3, 0x7100, 1) == [0]
            async with agent(settings(tmp_path, port, "EM580", "wanted"), on):
                await on.tap_until(lambda: on.site.board.contactor_closed, UNKNOWN)

    run(work)


def test_answers_that_are_broken_and_late_cost_time_only(tmp_path: Path) -> None:
    async def work() -> None:
        for model in FAMILIES:
            bench = Bench(model)
            async with bus(tmp_path, model) as on:
                line = ModbusLine(str(tmp_path / "bus.tty"), 115200, timeout_s=0.1, gap_s=0.0, rest_s=0.0, tries=3)
                meter = make_signing_meter(model, line, METER, SystemClock().uptime)
                session = bench.session()
                on.slave.faults.corrupt_every = 4
                await meter.begin(session, bench.now())
                signed = await meter.end(bench.begun(session), bench.now())
                assert check(ocmf.parse(signed.text), signed.public_key).judgement is Judgement.VALID
                on.slave.faults.silent.add(METER)
                with pytest.raises(LinkError):
                    await meter.end(bench.begun(session), bench.now())
                line.close()

    run(work)


def test_a_meter_that_can_t_sign_is_a_mistake_in_the_settings(tmp_path: Path, port: int) -> None:
    with pytest.raises(ConfigError, match="does not sign"):
        build_hardware(settings(tmp_path, port, "SDM630-V2"), SystemClock())
