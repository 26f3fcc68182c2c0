"""Carries out the steps of station.core.uplink_ladder: asks it, acts, records what became of it."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from hardware.errors import HardwareError
from shared.log import Log
from station.core.uplink_ladder import Facts, Ladder, Rung, Step
from station.errors import LinkLost
from station.link_memory import LinkMemory
from station.timekeeper import Timekeeper
from station.uplink_settings import UplinkSettings

COMMAND_S = 60.0
"""A command that works a power key or a network ends in this time, link time."""

_LOG = Log("station.uplink")


class Climb:
    """See the module. Made, then `load`.

    Args:
        settings: waits, budgets and commands.
        memory: what is remembered.
        timekeeper: stamps the steps.
        actions: what carries out each rung that the bearer has.
        accesses: number of access point names beside the configured one.
        is_charging: tells whether somebody charges.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        memory: LinkMemory,
        timekeeper: Timekeeper,
        actions: Mapping[Rung, Callable[[], Awaitable[None]]],
        *,
        accesses: int = 0,
        is_charging: Callable[[], bool],
    ) -> None:
        commands = {Rung.POWER: settings.ladder.power_command, Rung.REBOOT: settings.ladder.reboot_command}
        self._memory, self._timekeeper, self._is_charging = memory, timekeeper, is_charging
        self._actions = dict(actions)
        for rung, command in commands.items():
            if command:
                self._actions[rung] = functools.partial(run_command, command)
        self._rules = settings.ladder.rules(accesses)
        self._triggers = settings.ladder.triggers(settings.reattach_after)
        self._has_news = False
        self.ladder = Ladder(self._rules, self._triggers, self._actions)

    async def load(self) -> None:
        """Take up what earlier runs have learned."""
        self.ladder = Ladder(self._rules, self._triggers, self._actions, await self._memory.load())

    def proven(self) -> None:
        """Hear of a reply; the next `look` stores what it proves."""
        step = self.ladder.open_step
        if self.ladder.reply() and step:
            self._has_news = True
            _LOG.info("uplink_recovered", by=step.rung)

    async def look(self, facts: Facts, cause: Callable[[], Awaitable[str]]) -> Rung | None:
        """Take the step that is due, and tell which it was.

        Args:
            facts: how it stands, but for whether somebody charges.
            cause: asks modem and network for their reason, before the step wipes it out.
        """
        if not self._actions:
            return None
        before = self.ladder.memory
        facts = replace(facts, is_charging=self._is_charging())
        step = self.ladder.look(asyncio.get_running_loop().time(), self._timekeeper.now().utc, facts)
        if self.ladder.memory == before and not self._has_news:
            return None
        self._has_news = False
        self._tell_skipped(before.steps)
        if step:
            await self._take(step, await cause())
        await self._memory.keep(self.ladder.memory)
        return step.rung if step else None

    async def _take(self, step: Step, said: str) -> None:
        _LOG.warning("uplink_step", step=step.rung, reason=step.why, **({"cause": said} if said else {}))
        self.ladder.explain(said)
        # Stored before it is done: it may be the controller's own end.
        await self._memory.keep(self.ladder.memory)
        try:
            await self._actions[step.rung]()
        except (HardwareError, LinkLost) as error:
            _LOG.warning("uplink_step_failed", step=step.rung, reason=error)
            self.ladder.explain(f"{said}; {error}" if said else str(error))

    def _tell_skipped(self, before: Sequence[Step]) -> None:
        for step in self.ladder.memory.steps[-len(self._rules) :]:
            if step.outcome.startswith("skipped") and step not in before:
                _LOG.info("uplink_step_skipped", step=step.rung, reason=step.outcome)


async def run_command(command: Sequence[str]) -> None:
    """Run a command of the settings.

    Raises:
        LinkLost: it can't be run, fails or does not end in time.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        raise LinkLost(f"{command[0]} can't be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(COMMAND_S):
            status = await process.wait()
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise LinkLost(f"{command[0]} did not end within {COMMAND_S:g} s") from error
        raise
    if status:
        raise LinkLost(f"{command[0]} failed with exit status {status}")
