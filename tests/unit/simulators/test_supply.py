"""The mains supply with real processes as controllers."""

import asyncio
import os
import sys

import pytest

from simulators.supply import CommandFailed, Supply

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_program_lives_and_dies_with_the_supply() -> None:
    async def scenario() -> None:
        seen: list[bool] = []
        supply = Supply(seen.append, program=SLEEP)
        await supply.start()
        first = supply.controller_pid
        assert first
        assert _lives(first)
        await supply.cut()
        assert (_lives(first), supply.controller_pid, supply.is_on) == (False, None, False)
        await supply.restore()
        second = supply.controller_pid
        assert second
        assert second != first
        assert _lives(second)
        await supply.end()
        assert not _lives(second)
        assert seen == [False, True]

    asyncio.run(scenario())


def test_commands_switch_a_controller_of_somebody_else() -> None:
    async def scenario() -> None:
        seen: list[bool] = []
        supply = Supply(seen.append, off_command=("false",), on_command=("true",))
        with pytest.raises(CommandFailed, match="false ended with status 1"):
            await supply.cut()
        assert seen == [False]
        await supply.restore()
        assert seen == [False, True]

    asyncio.run(scenario())


def test_a_program_that_does_not_exist_is_named() -> None:
    supply = Supply(lambda _: None, program=("/no/such/program",))
    with pytest.raises(CommandFailed, match="/no/such/program: No such file"):
        asyncio.run(supply.start())
