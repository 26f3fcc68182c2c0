"""The demonstration as a test: the real programs, the whole story, and the same with programs killed in between."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_COMMAND = [str(Path(sys.executable).parent / "emops-sim"), "demo", "--once"]
_SPEED = "600"
"""Half as fast again as usual. Much faster than that, a second of waiting for a killed program is an hour."""


@pytest.fixture
def story(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start the story; whatever happens, nothing of it survives the test."""
    command = [*_COMMAND, "--dir", str(tmp_path / "demo"), "--speed", _SPEED]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.slow
@pytest.mark.system
def test_every_claim_of_the_story_holds(story: "subprocess.Popen[str]", tmp_path: Path) -> None:
    output, _ = story.communicate(timeout=110)
    assert story.returncode == 0, output
    assert "every Wh of the meter is on the invoice, once" in output
    assert "Traceback" not in output
    for log in (tmp_path / "demo" / "log").iterdir():
        text = log.read_text()
        assert "Traceback" not in text, log.name
        assert "04A1B2C3D4" not in text, f"{log.name} tells an IdToken"
        assert "demonstration-only" not in text, f"{log.name} tells a password"


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.parametrize("seed", [1, 2])
def test_killing_agent_and_backend_loses_nothing(story: "subprocess.Popen[str]", tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    done = threading.Event()

    def kill_now_and_then() -> None:
        time.sleep(4)
        for _ in range(4):
            if done.wait(dice.uniform(1.0, 3.5)):
                return
            _kill(tmp_path / "demo" / dice.choice(["station.toml", "backend.toml"]))

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        output, _ = story.communicate(timeout=110)
    finally:
        done.set()
        killer.join()
    assert story.returncode == 0, output
    assert "is started again" in output
    assert "every Wh of the meter is on the invoice, once" in output


def _kill(configuration: Path) -> None:
    """Kill the process that runs with this configuration, and no other."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if str(configuration).encode() in words and b"apply" not in words:
                os.kill(int(entry.name), signal.SIGKILL)
