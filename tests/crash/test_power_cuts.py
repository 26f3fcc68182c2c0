"""The power cut at every step of a session: each step in some situation, each situation at some steps.

All steps in all situations take an hour: `python -m tests.storm.matrix`.
"""

import asyncio
from pathlib import Path

import pytest

from tests.crash.power_cuts import SITUATIONS, Situation, count_steps, cut_all, journals_on_power


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("online", [True, False])
def test_each_step_of_a_session_survives_a_cut(tmp_path: Path, version: str, online: bool) -> None:
    situations = [one for one in SITUATIONS if (one.version, one.online) == (version, online)]

    home = tmp_path / "whole"
    home.mkdir()

    async def work() -> None:
        whole = Situation(version, two=True, timed=True, online=online, reboots=True, stays=False)
        steps = await count_steps(home, whole)
        assert steps > 30, "a charge is that much work"
        cuts = [(situations[step * 5 % len(situations)], step) for step in range(0, steps, 2)]
        assert await cut_all(tmp_path, cuts) == []

    with journals_on_power():
        asyncio.run(work())
