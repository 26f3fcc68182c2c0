"""The command line and the configuration file, as an operator meets them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station.__main__ import main
from station.report import reasons

GOOD = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://127.0.0.1:9/ocpp"
password = "very secret"
[journal]
path = "FOLDER/journal.sqlite"
[uplink]
bearer = "host"
[[bus]]
name = "rs485"
port = "/dev/nosuch"
[[evse]]
board_bus = "rs485"
meter_bus = "rs485"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(GOOD.replace("FOLDER", str(tmp_path)))
    return path


def test_a_good_file_is_good(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(config)]) == 0
    assert "is good: 1 EVSE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("charge_point_id", "charge_point", "the nearest is identity.charge_point_id"),
        ('"CP1"', '"CP/1"', "charge_point_id must not"),
        ("ws://127.0.0.1:9/ocpp", "http://x", "ws://csms.example.com"),
        ('bearer = "host"', 'bearer = "modem"', "modem.port is missing"),
        ('bearer = "host"', 'bearer = "pigeon"', "modem, host"),
        ('board_bus = "rs485"', 'board_bus = "can"', "is no [[bus]]; there is: rs485"),
        ("[[evse]]", "[[evse]]\nid = 2", "number the EVSEs 1 to 1"),
        ("[[evse]]", "[[evse]]\nboard_address = 2", "the same address 2"),
        ("[[evse]]", '[[evse]]\nmeter = "SDM99"', "SDM72DM-V2"),
        ("[[bus]]", "[ocpp]\nConnectionTimeOut = 0\n[[bus]]", "1 to 3600 s"),
        ("[[bus]]", '[ocpp]\nMeterValuesSampledData = "SoC"\n[[bus]]', "ocpp.MeterValuesSampledData"),
        ("[[bus]]", "[ocpp]\nHeartbeatIntervall = 5\n[[bus]]", "ocpp.HeartbeatInterval"),
        ("[[bus]]", '[[local_list]]\nid_token = "123456789012345678901"\n[[bus]]', "1 to 20 characters"),
        ("[[bus]]", '[[local_list]]\nid_token = "1"\nexpires = "soon"\n[[bus]]', "local_list.expires"),
        ("[[bus]]", '[[reader]]\nport = "/dev/x"\nevse = [3]\n[[bus]]', "evse 3 does not exist"),
        ("[[bus]]", '[[reader]]\nport = "/dev/x"\nkind = "nose"\n[[bus]]', "rdm6300"),
        ("[[bus]]", "[clock]\nlapse_rate = 60\n[[bus]]", "clock.lapse_epoch"),
    ],
)
def test_a_wrong_file_says_what_to_write(
    config: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, hint: str
) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    assert main(["check-config", "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert hint in error
    assert error.count("\n") == 1
    assert "very secret" not in error


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(tmp_path / "no.toml")]) == 2
    assert "no.toml" in capsys.readouterr().err


def test_config_prints_every_setting_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    text = capsys.readouterr().out
    for name in (
        "identity.charge_point_id",
        "ocpp.MeterValueSampleInterval = 300",
        "time.clock_trusted",
        "evse[].meter",
    ):
        assert name in text


def test_status_before_the_first_run(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["why"], ["ledger", "show"]):
        assert main([*command, "--config", str(config)]) == 1
        assert "has the agent run with this configuration?" in capsys.readouterr().err


@contextmanager
def running(command: list[str]) -> "Iterator[subprocess.Popen[str]]":
    """Run a program that is gone in the end, whatever the test finds."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_program_runs_tells_why_and_ends_on_sigterm(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing serial port and no central system: one line each, no traceback, and an orderly end."""
    command = [sys.executable, "-m", "station", "run", "--config", str(config)]
    with running(command) as process:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "status evse=1 status=Faulted" in line:
                break
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            main(["why", "--config", str(config)])
            text = capsys.readouterr().out
            if "board does not answer" in text and "can't be reached" in text:
                break
            time.sleep(0.1)
        assert "EVSE 1: the EVSE controller board does not answer: check its power" in text
        assert main(["status", "--json", "--config", str(config)]) == 0
        assert json.loads(capsys.readouterr().out)["running"] is True
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        lines += process.stderr.readlines()
        assert process.wait(5) == 0
        assert time.monotonic() - begun < 5
    log = "".join(lines)
    assert "Traceback" not in log
    assert "very secret" not in log
    assert log.count("/dev/nosuch does not exist") <= 4
    assert "stopped" in lines[-1]


def test_why_speaks_plainly() -> None:
    status = {"running": True, "csms": "connected", "modem": "home", "time": "csms", "pending": 0, "parked": 0}
    evse = {"id": 1, "blocked_by": ""}
    assert reasons({**status, "evses": [evse]}) == [
        "Nothing stands in the way: it can charge, and everything is delivered."
    ]
    bad = {**status, "modem": "searching", "time": "unset", "pending": 3, "parked": 2, "csms": "not connected: x"}
    assert len(reasons({**bad, "evses": [{"id": 1, "blocked_by": "the meter does not answer"}]})) == 6
    assert "does not run" in reasons({**status, "running": False, "evses": []})[0]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option, expected in (("--version", "emops-station 0"), ("--help", "examples:")):
        with pytest.raises(SystemExit) as ended:
            main([option])
        assert ended.value.code == 0
        assert expected in capsys.readouterr().out
