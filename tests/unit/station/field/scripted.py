"""A person who answers in an order that was written down before."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from station.errors import ServiceError
from station.service_client import Facts


class NoLoans:
    """The half of Service that lends, where nothing is lent."""

    @asynccontextmanager
    async def borrow(self, operation: str, arguments: Mapping[str, object] = {}) -> AsyncIterator[Facts]:
        if operation:
            raise ServiceError("nothing is lent here")
        yield {}


class Scripted:
    """Fulfils Dialog. `heard` is all that was said. An answer is a text, a choice, or a yes or no."""

    def __init__(self, answers: Sequence[str | int | bool | None], language: str = "en") -> None:
        self._answers = list(answers)
        self._language = language
        self.heard = ""

    @property
    def language(self) -> str:
        return self._language

    async def say(self, text: str = "") -> None:
        self.heard += text + "\n"

    async def ask(self, question: str, default: str = "", *, secret: bool = False) -> str:
        self.heard += question + "\n"
        answer = self._next(question)
        assert isinstance(answer, str), (question, answer)
        return answer or default

    async def confirm(self, question: str) -> bool:
        self.heard += question + "\n"
        answer = self._next(question)
        assert isinstance(answer, bool), (question, answer)
        return answer

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        self.heard += "\n".join([question, *options]) + "\n"
        answer = self._next(question)
        assert answer is None or (isinstance(answer, int) and 0 <= answer < len(options)), (question, answer)
        return answer

    async def progress(self, done: int, total: int, text: str) -> None:
        assert 0 <= done <= total
        self.heard += text + "\n"

    async def live(self, lines: Sequence[str], *, for_s: float) -> str:
        self.heard += "\n".join(lines) + "\n"
        await asyncio.sleep(0)
        answer = self._next("live")
        assert isinstance(answer, str)
        return answer

    def _next(self, question: str) -> str | int | bool | None:
        assert self._answers, f"nobody said what to answer to: {question}"
        return self._answers.pop(0)
