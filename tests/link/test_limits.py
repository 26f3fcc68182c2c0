"""The whole agent and its limits: profiles on the board, a register as source, two EVSEs, phases, a broker with TLS."""

import asyncio
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardware.api import BoardCapabilities
from hardware.modbus import ModbusLine
from shared.clock import TimeLapse
from shared.config import parse
from shared.ids import EvseId
from simulators.authority import Authority
from station.devices import EvseHardware, Hardware
from station.settings import StationSettings, check
from tests.link.broker import Broker, Peer, until
from tests.link.bus import BAUD, answering
from tests.link.csms import Csms
from tests.link.test_local_broker import TOPIC, charging, insists, run, say_of
from tests.link.test_local_broker import settings as with_broker
from tests.link.test_modbus_devices import Registers
from tests.unit.station.ocpp16.test_charging_requests import profile, put
from tests.unit.station.site import SETTINGS, Site, station

ADDRESS, REGISTER = 7, 40


def made(folder: Path, csms: Csms, tables: str, evse: str = "") -> StationSettings:
    text = SETTINGS.format(folder=folder, port=csms.port, sample_s=0).replace("[[bus]]", tables + "\n[[bus]]", 1)
    settings = parse(text.replace("[[local_list]]", evse + "[[local_list]]", 1), StationSettings)
    check(settings)
    return settings


def test_profiles_hold_the_current_down_pause_the_charge_and_let_it_go_on(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve():
            settings = made(tmp_path, csms, "[limits]\npause_s = 0")
            async with station(settings, site):
                await csms.until(lambda: len(csms.of("StatusNotification")) > 1)
                await charging(site)
                assert await put(csms, 1, profile(limit=10)) == "Accepted"
                await until(lambda: site.offered == 10, 1)
                assert await put(csms, 1, profile(2, "TxProfile", 0)) == "Accepted"
                await until(lambda: not site.offered, 1)
                await csms.until(lambda: csms.of("StatusNotification")[-1][1]["status"] == "SuspendedEVSE")
            assert csms.of("StopTransaction") == []
            async with station(settings, site):
                await csms.until(lambda: csms.actions().count("BootNotification") == 2)
                await asyncio.sleep(0.5)
                await until(lambda: not site.offered, 1)
                await csms.ask("ClearChargingProfile", {"id": 2})
                await until(lambda: site.offered == 10, 2)

    run(work)


@dataclass
class Two(Site):
    """A second EVSE beside the first, and lines."""

    other: Site = field(default_factory=Site)
    line: ModbusLine | None = None

    def hardware(self) -> Hardware:
        one, two = EvseId(1), EvseId(2)
        evses = {one: EvseHardware(self, self), two: EvseHardware(self.other, self.other)}
        return Hardware(evses, ((self, (one,)), (self.other, (two,))), lines={"bus": self.line} if self.line else {})


@pytest.mark.slow
def test_two_charges_share_a_register_s_limit_and_a_silent_device_is_a_fail_safe_current(tmp_path: Path) -> None:
    async def work() -> None:
        csms, device = Csms(), Registers({REGISTER: 240})
        second = '[[evse]]\nid = 2\nmeter_address = 9\nboard_bus = "bus"\nmeter_bus = "bus"\npoll_s = 0.1\n'
        tables = f"""
[limits]
source = "modbus"
bus = "bus"
address = {ADDRESS}
register = {REGISTER}
scale = 0.1
poll_s = 0.5
silent_after_s = 2
fail_safe_a = 7
pause_s = 0
"""
        port = tmp_path / "bus.tty"
        async with csms.serve(), answering(port, {ADDRESS: device}) as slave:
            line = ModbusLine(str(port), BAUD, timeout_s=0.3, gap_s=0, rest_s=0, tries=1)
            site = Two(line=line)
            try:
                async with station(made(tmp_path, csms, tables, second), site):
                    await charging(site)
                    await until(lambda: site.offered == 16, 8)
                    await charging(site.other)
                    await until(lambda: (site.offered, site.other.offered) == (12, 12), 8)
                    device.words[REGISTER] = 60
                    await until(lambda: (site.offered, site.other.offered) == (6, 0), 3)
                    device.words[REGISTER] = 60000
                    await asyncio.sleep(0.8)
                    slave.faults.silent.add(ADDRESS)
                    await until(lambda: (site.offered, site.other.offered) == (7, 0), 9)
                    assert csms.of("StopTransaction") == []
            finally:
                line.close()

    run(work)


@dataclass
class PhaseSite(Site):
    """A board that can switch phases, and does not forgive a switch under load."""

    phases: list[int] = field(default_factory=list)

    @property
    def capabilities(self) -> BoardCapabilities:
        return BoardCapabilities(phase_switching=True)

    async def switch_phases(self, phases: int) -> None:
        assert not self.offered
        assert not self.is_closed
        self.phases.append(phases)


def test_a_small_power_is_taken_with_one_phase(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = PhaseSite(), Csms()
        now = datetime.now(UTC)
        clock = TimeLapse(now, now, 20)
        async with csms.serve():
            settings = made(tmp_path, csms, "[limits]\npause_s = 0\nswitch_every_s = 20", "switches_phases = true\n")
            await scenario(settings, site, csms, clock)

    async def scenario(settings: StationSettings, site: PhaseSite, csms: Csms, clock: TimeLapse) -> None:
        async with station(settings, site, clock=clock):
            await csms.until(lambda: len(csms.of("StatusNotification")) > 1)
            await charging(site)
            watts = profile(limit=2300)
            watts["chargingSchedule"]["chargingRateUnit"] = "W"
            assert await put(csms, 1, watts) == "Accepted"
            await until(lambda: site.phases == [3, 1] and site.offered == 10)
            answer = await csms.ask("GetConfiguration", {"key": ["ConnectorSwitch3to1PhaseSupported"]})
            assert answer[1]["configurationKey"][0]["value"] == "true"
            await csms.ask("ClearChargingProfile", {})
            await until(lambda: site.phases == [3, 1, 3] and site.offered == 16)
            assert csms.of("StopTransaction") == []

    run(work)


def test_with_the_central_system_away_for_long_the_operator_s_current_holds(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        now = datetime.now(UTC)
        settings = made(tmp_path, csms, "[limits]\ncsms_away_min = 1\ncsms_away_a = 8\npause_s = 0")
        async with station(settings, site, clock=TimeLapse(now, now, 30)):
            await charging(site)
            assert site.offered == 16
            await until(lambda: site.offered == 8)
            sentence = "EVSE 1: limited to 8 A by the fail-safe current, because the central system is away."
            await until(lambda: say_of(settings)[0] == sentence)

    run(work)


def test_a_broker_with_tls_and_password(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms, root = Site(), Csms(), Authority("root")
        certificate, key = root.server("127.0.0.1").write(tmp_path, "broker")
        roots = tmp_path / "roots.pem"
        broker = Broker(
            tmp_path,
            "allow_anonymous false",
            f"password_file {passwords}",
            f"certfile {certificate}",
            f"keyfile {key}",
        )
        more = f'tls = true\nroots = "{roots}"\nuser = "box"\npassword = "secret"'
        with broker.running():
            async with csms.serve():
                roots.write_text(root.pem)
                async with station(with_broker(tmp_path, csms, broker, more=more), site):
                    await charging(site)
                    with Peer(broker.port).there(tls=str(roots), user="box", password="secret") as manager:
                        await insists(manager, "11", lambda: site.offered == 11)
                        assert TOPIC in manager.heard

    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "box", "secret"], check=True, capture_output=True)
    run(work)
