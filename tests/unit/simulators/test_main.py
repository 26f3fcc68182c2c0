"""The command `emops-sim`: its configuration, its ready line, and its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from shared.config import parse
from simulators.__main__ import main
from simulators.settings import Settings

CONFIG = """
[modem]
link = "run/modem.tty"
coverage = [{after_s = 0}, {after_s = 3600, dbm = -71}]

[bus]
link = "run/bus.tty"
register_file = "meter.json"
initial_kwh = 123.456

[rfid]
link = "run/rfid.tty"

[mailbox]
port = 0

[control]
port = 0
"""


def _start(folder: Path) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "simulators", "serve", "--config", "sim.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout
    line = program.stdout.readline()
    assert line.startswith("emops-sim ready: ")
    return program, dict(part.split("=") for part in line.split(": ", 1)[1].split())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_within_a_second(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "sim.toml").write_text(CONFIG)
    program, ready = _start(tmp_path)
    with httpx.Client(base_url=f"http://{ready['control']}") as client:
        state = client.get("/state").json()
        assert state["evses"]["1"]["register_wh"] == 123_456
        assert state["modem"]["dbm"] is None
        assert all((tmp_path / ready[part]).is_symlink() for part in ("modem", "bus", "rfid"))
        start = time.monotonic()
        program.send_signal(number)
        _, errors = program.communicate(timeout=5)
        assert time.monotonic() - start < 1.0
    assert (program.returncode, errors) == (0, "")
    assert list((tmp_path / "run").iterdir()) == []


def test_the_meter_goes_on_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "sim.toml").write_text(CONFIG)
    program, _ = _start(tmp_path)
    program.kill()
    program.communicate(timeout=5)
    (tmp_path / "sim.toml").write_text(CONFIG.replace("123.456", "9.0"))
    program, ready = _start(tmp_path)
    assert httpx.get(f"http://{ready['control']}/state").json()["evses"]["1"]["register_wh"] == 123_456
    program.terminate()
    program.communicate(timeout=5)


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "sim.toml").write_text(CONFIG)
    first, ready = _start(tmp_path)
    port = ready["control"].split(":")[1]
    other = tmp_path / "other"
    other.mkdir()
    (other / "sim.toml").write_text(CONFIG.replace("[control]\nport = 0", f"[control]\nport = {port}"))
    second = subprocess.run(
        [sys.executable, "-m", "simulators", "serve", "--config", "sim.toml"],
        cwd=other,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    first.terminate()
    first.communicate(timeout=5)
    assert second.returncode == 1
    assert second.stderr.startswith("emops-sim: ")
    assert second.stderr.count("\n") == 1


def test_check_config_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sim.toml"
    file.write_text(CONFIG)
    assert main(["check-config", "--config", str(file)]) == 0
    file.write_text("[bus]\nmeter_adress = 3\n")
    assert main(["check-config", "--config", str(file)]) == 2
    assert "unknown key bus.meter_adress; the nearest is bus.meter_address" in capsys.readouterr().err
    file.write_text("[clock]\nlapse_rate = 60\n")
    assert main(["check-config", "--config", str(file)]) == 2
    assert main(["serve", "--config", str(tmp_path / "none.toml")]) == 2


def test_config_prints_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    for name in ("clock.lapse_rate", "modem.coverage[].dbm", "bus.initial_kwh", "mailbox.folder", "control.port"):
        assert f"{name} = " in printed
    parse(printed, Settings)


def test_help_shows_examples_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for option, text in (("--help", "emops-sim serve --config sim.toml"), ("--version", "emops-sim ")):
        with pytest.raises(SystemExit) as caught:
            main([option])
        assert caught.value.code == 0
        assert text in capsys.readouterr().out
