"""The agent as a process at two simulated EVSEs: killed, and without mains."""

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import environ, kill
from pathlib import Path
from signal import SIGKILL
from subprocess import PIPE, Popen
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SIMULATOR = """
[modem]
link = "modem.tty"
[bus]
link = "bus.tty"
baud = 115200
[[evse]]
meter_address = 11
board_address = 21
register_file = "m1.json"
[[evse]]
meter_address = 12
board_address = 22
register_file = "m2.json"
board = "bender-cc612"
[rfid]
link = "rfid.tty"
[mailbox]
port = 0
folder = "mailbox"
[control]
port = 0
[power]
program = ["{python}", "-m", "station", "run", "--config", "station.toml"]
"""
STATION = """
[identity]
charge_point_id = "TWO"
[csms]
url = "ws://127.0.0.1:1/ocpp"
[journal]
path = "journal.sqlite"
[uplink]
bearer = "host"
[[bus]]
name = "bus"
port = "bus.tty"
baud = 115200
[[evse]]
id = 1
board_bus = "bus"
board_address = 21
meter_bus = "bus"
meter_address = 11
poll_s = 0.2
[[evse]]
id = 2
board = "bender-cc612"
board_bus = "bus"
board_address = 22
board_watchdog_s = 2
meter_bus = "bus"
meter_address = 12
poll_s = 0.2
[[reader]]
kind = "rdm6300"
port = "rfid.tty"
[[local_list]]
id_token = "04A1B2C3D4"
"""

State = dict[str, Any]
"""Any: JSON of the control port; a missing key fails the test that looks at it."""


class Site:
    """The control port."""

    def __init__(self, address: str) -> None:
        self._address = address

    def state(self, path: str = "/state", **body: object) -> State:
        data = json.dumps(body).encode() if path != "/state" else None
        with urllib.request.urlopen(f"http://{self._address}{path}", data, 10) as answer:
            found: State = json.load(answer)
        return found

    def until(self, is_so: Callable[[State], bool], within_s: float = 30.0) -> State:
        deadline = time.monotonic() + within_s
        while not is_so(state := self.state()):
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
        return state

    def charging(self) -> State:
        """Let a vehicle charge at EVSE 2."""
        self.state("/plug", evse=2)
        deadline = time.monotonic() + 30
        while not (state := self.state())["evses"]["2"]["contactor_closed"]:
            assert time.monotonic() < deadline, state
            self.state("/tag", token="04A1B2C3D4")
            time.sleep(3)
        return state


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    (folder / "sim.toml").write_text(SIMULATOR.format(python=sys.executable))
    (folder / "station.toml").write_text(STATION)
    environment = environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "simulators", "serve", "--config", "sim.toml"]
    with Popen(command, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE, text=True) as program:
        assert program.stdout
        yield Site(program.stdout.readline().split("control=")[1].strip())
        program.terminate()
        program.communicate(timeout=10)


def _closed(state: State) -> list[object]:
    return [evse["contactor_closed"] for evse in state["evses"].values()]


def test_a_killed_agent_leaves_a_board_that_watches_open(tmp_path: Path) -> None:
    with _site(tmp_path) as site:
        state = site.charging()
        assert state["evses"]["2"]["watches"]
        kill(state["power"]["controller_pid"], SIGKILL)
        site.until(lambda now: _closed(now) == [False, False], within_s=5)


def test_after_a_power_cut_the_charge_goes_on_and_counts_every_wh(tmp_path: Path) -> None:
    with _site(tmp_path) as site:
        site.charging()
        off = site.state("/power", on=False)
        assert _closed(off) == [False, False]
        register = off["evses"]["2"]["register_wh"]
        site.state("/power", on=True)
        site.until(lambda now: _closed(now) == [False, True])
        site.until(lambda now: bool(now["evses"]["2"]["register_wh"] > register))
