"""The whole agent with a real MQTT broker: the limit of the site in, telemetry out, and a broker that dies."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shared.config import parse
from station.report import reasons, status_of
from station.settings import StationSettings, check
from tests.link.broker import Broker, Peer, until
from tests.link.csms import Csms
from tests.unit.station.site import SETTINGS, Site, station

TOPIC = "site/limit"


def settings(folder: Path, csms: Csms, broker: Broker, *, silent_s: float = 30, more: str = "") -> StationSettings:
    tables = f"""
[mqtt]
host = "127.0.0.1"
port = {broker.port}
{more}
[limits]
source = "mqtt"
topic = "{TOPIC}"
silent_after_s = {silent_s}
fail_safe_a = 7
pause_s = 0
[telemetry]
enabled = true
every_s = 1
"""
    text = SETTINGS.format(folder=folder, port=csms.port, sample_s=0).replace("[[bus]]", tables + "[[bus]]", 1)
    made = parse(text, StationSettings)
    check(made)
    return made


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(within())


async def charging(site: Site) -> None:
    site.plug()
    site.tap()
    await until(lambda: site.is_closed)


async def insists(manager: Peer, text: str, condition: Callable[[], object]) -> None:
    """Say it again and again, as energy managers do, until it has worked."""
    async with asyncio.timeout(15):
        while not condition():
            manager.say(TOPIC, text)
            await asyncio.sleep(0.2)


def say_of(made: StationSettings) -> list[str]:
    return reasons(status_of(made))


@pytest.mark.slow
def test_a_limit_is_on_the_board_within_a_second_and_silence_falls_to_the_fail_safe_current(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms, broker = Site(), Csms(), Broker(tmp_path)
        with broker.running(), Peer(broker.port).there() as manager:
            async with csms.serve():
                made = settings(tmp_path, csms, broker, silent_s=3)
                async with station(made, site):
                    await charging(site)
                    assert site.offered == 7
                    await until(lambda: "emops/CP1/availability" in manager.heard)
                    await insists(manager, "13.5", lambda: site.offered == 13)
                    loop = asyncio.get_running_loop()
                    begun = loop.time()
                    manager.say(TOPIC, '{"limit": 9, "unit": "A"}')
                    await until(lambda: site.offered == 9, 1)
                    assert loop.time() - begun < 1
                    await until(lambda: say_of(made)[0] == "EVSE 1: limited to 9 A by the site limit.", 4)
                    await until(lambda: site.offered == 7, 5)
                    await until(lambda: "fail-safe current" in say_of(made)[0], 3)
                    told = [p.get("info", "") for _, p in csms.of("StatusNotification")]
                    assert "limited: site limit" in told
                    await csms.until(
                        lambda: (
                            csms.of("StatusNotification")[-1][1].get("info")
                            == "limited: fail-safe, site limit is silent"
                        )
                    )

    run(work)


def test_a_limit_below_six_amperes_pauses_the_charge_and_it_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms, broker = Site(), Csms(), Broker(tmp_path)
        with broker.running(), Peer(broker.port).there() as manager:
            async with csms.serve(), station(settings(tmp_path, csms, broker), site):
                await charging(site)
                manager.say(TOPIC, "3")
                await until(lambda: not site.offered)
                await csms.until(lambda: csms.of("StatusNotification")[-1][1]["status"] == "SuspendedEVSE")
                assert csms.of("StopTransaction") == []
                manager.say(TOPIC, "16")
                await until(lambda: site.is_closed and site.offered == 16)
                await csms.until(lambda: csms.of("StatusNotification")[-1][1]["status"] == "Charging")
                assert len(csms.of("StartTransaction")) == 1

    run(work)


@pytest.mark.slow
def test_nonsense_is_refused_and_what_the_broker_kept_is_only_believed_with_its_age(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        site, csms, broker = Site(), Csms(), Broker(tmp_path)
        with broker.running(), Peer(broker.port).there() as manager:
            manager.say(TOPIC, "16", retain=True)
            await until(lambda: TOPIC in manager.heard)
            async with csms.serve(), station(settings(tmp_path, csms, broker), site):
                await charging(site)
                await until(lambda: "its age can't be told" in caplog.text)
                manager.say(TOPIC, "10")
                await until(lambda: site.offered == 10)
                for nonsense in ("", "ten", "-1", "NaN", "1e400", "true", "[6]", '{"limit": 6, "x": 1}', "126"):
                    manager.say(TOPIC, nonsense)
                manager.say(TOPIC, "9")
                await until(lambda: site.offered == 9)
        assert site.offered == 0

    caplog.set_level("INFO")
    run(work)
    assert "refused=10" in caplog.text


@pytest.mark.slow
def test_a_broker_that_is_killed_disturbs_nothing_and_is_found_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        site, csms, broker = Site(), Csms(), Broker(tmp_path)
        with broker.running():
            async with csms.serve(), station(settings(tmp_path, csms, broker, silent_s=2), site):
                with Peer(broker.port).there() as manager:
                    await charging(site)
                    await until(lambda: "emops/CP1/availability" in manager.heard)
                    await insists(manager, "10", lambda: site.offered == 10)
                broker.kill()
                await until(lambda: site.offered == 7, 6)
                before = site.register
                await until(lambda: site.register > before + 5)
                broker.start()
                with Peer(broker.port).there() as manager:
                    await until(lambda: manager.heard.get("emops/CP1/availability") == "online", 15)
                    await until(lambda: "emops/CP1/evse/1" in manager.heard)
                    await insists(manager, "12", lambda: site.offered == 12)

    caplog.set_level("INFO")
    run(work)
    assert caplog.text.count("broker_lost") == 1
    assert caplog.text.count("broker_connected") == 2


def test_home_assistant_finds_the_station_and_hears_when_it_goes(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms, broker = Site(), Csms(), Broker(tmp_path)
        with broker.running(), Peer(broker.port).there() as assistant:
            async with csms.serve():
                async with station(settings(tmp_path, csms, broker), site):
                    name = "homeassistant/sensor/emops_CP1/evse1_energy_wh/config"
                    await until(lambda: name in assistant.heard)
                    found = json.loads(assistant.heard[name])
                    assert (found["device_class"], found["state_class"]) == ("energy", "total_increasing")
                    assert found["unit_of_measurement"] == "Wh"
                    assert found["availability_topic"] == "emops/CP1/availability"
                    state = found["state_topic"]
                    await charging(site)
                    await until(lambda: json.loads(assistant.heard.get(state, "{}")).get("state") == "Charging")
                    told = json.loads(assistant.heard[state])
                    assert told["energy_wh"] >= 1000
                    assert told["power_w"] == 11000
                    assert json.loads(assistant.heard["emops/CP1/station"])["csms"] == "online"
                    before = assistant.count[state]
                    await asyncio.sleep(2.5)
                    assert assistant.count[state] <= before + 3
                await until(lambda: assistant.heard["emops/CP1/availability"] == "offline")

    run(work)
