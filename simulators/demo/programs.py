"""Programs of the demonstration as supervised processes: started, watched, restarted when they die, ended.

What a program logs is kept in a file and read here as facts, `event key=value ...`, for which the story can wait.
"""

import asyncio
import os
import re
import shlex
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_STOP_WITHIN_S = 5.0
"""Promise of the programs: SIGTERM ends them within this time."""

_RESTART_AFTER_S = 0.3

_LOG_LINE = re.compile(r"^\S+Z \S+ +(?P<logger>[\w.]+) (?P<event>\S+)(?: (?P<fields>.*))?$")


@dataclass(frozen=True, slots=True)
class Fact:
    """One log line, taken apart."""

    program: str
    event: str
    fields: dict[str, str]


def parse_fact(program: str, line: str) -> Fact | None:
    """Read a log line of shared.log; None if it is something else, for instance a traceback."""
    match = _LOG_LINE.match(line)
    if not match:
        return None
    try:
        words = shlex.split(match["fields"] or "")
    except ValueError:
        words = []
    return Fact(program, match["event"], dict(word.split("=", 1) for word in words if "=" in word))


class Program:
    """One supervised process.

    Args:
        name: for the story and the log file.
        command: program and arguments.
        ready: beginning of the line on standard output that says it is ready; empty = ready at once.
        log: file that standard error is appended to.
        on_death: called with name and exit status when it ends and nobody had asked for that. It is started again.
    """

    def __init__(
        self, name: str, command: Sequence[str], ready: str, log: Path, on_death: Callable[[str, int], None]
    ) -> None:
        self.name, self.facts = name, list[Fact]()
        self._command, self._ready, self._log, self._on_death = command, ready, log, on_death
        self._process: asyncio.subprocess.Process | None = None
        self._is_ready = asyncio.Event()
        self._news = asyncio.Condition()
        self._stopping = False
        self._killed = False

    @property
    def pid(self) -> int:
        """The process id, 0 when it does not run."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def run(self) -> None:
        """Keep the program running until `stop`; cancelling kills it."""
        try:
            while not self._stopping:
                status = await self._run_once()
                if not self._stopping:
                    if not self._killed:
                        self._on_death(self.name, status)
                    self._killed = False
                    await asyncio.sleep(_RESTART_AFTER_S)
        finally:
            if self._process and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which then ends this in order
        )
        assert self._process.stdout  # noqa: S101  asked for above
        assert self._process.stderr  # noqa: S101  asked for above
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_output(self._process.stdout))
            group.create_task(self._read_log(self._process.stderr))
        return await self._process.wait()

    async def _read_output(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            if line.decode(errors="replace").startswith(self._ready):
                self._is_ready.set()

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        with self._log.open("ab") as file:
            async for line in stream:
                file.write(line)
                file.flush()
                if fact := parse_fact(self.name, line.decode(errors="replace").rstrip()):
                    self.facts.append(fact)
                    async with self._news:
                        self._news.notify_all()

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait for the line that says it is ready.

        Raises:
            TimeoutError: it did not come; the log file says why.
        """
        if self._ready:
            async with asyncio.timeout(timeout_s):
                await self._is_ready.wait()

    async def fact(self, event: str, since: int, timeout_s: float) -> Fact:
        """Wait for a fact logged after the first `since` ones.

        Raises:
            TimeoutError: it was not logged in time.
        """

        def find() -> Fact | None:
            return next((fact for fact in self.facts[since:] if fact.event == event), None)

        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(find)
        found = find()
        assert found  # noqa: S101  wait_for says so
        return found

    def kill(self) -> None:
        """End it at once with SIGKILL, as a power cut would; the supervision starts it again."""
        if self.pid:
            self._killed = True
            os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to end with SIGTERM and give its exit status; one that does not obey is killed and gives -9."""
        self._stopping = True
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_WITHIN_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
        return await process.wait()
