"""What the story looks at and touches: the simulator's control port, the backend's API, and the mailbox's folder.

All are the interfaces that any user has; the story looks into no program and no database.
"""

import asyncio
import email
import email.policy
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_S = 0.1
_HTTP_TIMEOUT_S = 5.0
_BACK_WITHIN_S = 20.0
"""A killed program is back within this time, link time."""


class ClaimError(Exception):
    """A claim of the story does not hold. The text is the claim and what was seen instead."""


# Any: JSON of the simulator and the backend; a missing key fails the claim that looks at it.
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """The addresses and the ways to use them.

    Args:
        control: of the simulator's control port, for instance `http://127.0.0.1:8090`.
        backend: of the backend's web server.
        mailbox: folder with one file per mail.
    """

    control: str
    backend: str
    mailbox: Path

    async def state(self) -> Json:
        """Tell what the simulated hardware does now."""
        state: Json = await _http(f"{self.control}/state")
        return state

    async def evse(self) -> Json:
        """Tell what the first simulated EVSE does now."""
        state: Json = (await self.state())["evses"]["1"]
        return state

    async def act(self, path: str, **body: object) -> None:
        """Do something to the simulated world: plug, tap, change the coverage.

        Raises:
            ClaimError: that is not possible now, or the simulator does not answer.
        """
        try:
            await _http(f"{self.control}/{path}", body)
        except urllib.error.URLError as error:
            raise ClaimError(f"the simulator does as it is told: {path} {body} ({error})") from error

    async def api(self, path: str) -> Any:
        """Ask the backend; one that was killed is asked again until it is back."""

        async def ask() -> tuple[Any]:
            return (await _http(f"{self.backend}/api/v1/{path}"),)

        (answer,) = await until("the backend answers", ask, _BACK_WITHIN_S)
        return answer

    def mails(self) -> list[EmailMessage]:
        """Read the mails that arrived, oldest first."""
        files = sorted(self.mailbox.glob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


async def until(claim: str, probe: Callable[[], Awaitable[T | None]], timeout_s: float) -> T:
    """Look again and again until the probe gives something true, and give that.

    A program that does not answer just now is looked at again: it may have been killed and come back.

    Raises:
        ClaimError: it did not come true in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    if found := await probe():
                        return found
                except (urllib.error.URLError, ConnectionError, TimeoutError, KeyError):
                    pass
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise ClaimError(f"{claim} (not within {timeout_s:.0f} s)") from error


async def _http(url: str, body: object | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  loopback addresses made by the demonstration itself
        url, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )

    def fetch() -> Any:
        with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT_S) as response:  # noqa: S310  as above
            return json.loads(response.read())

    return await asyncio.to_thread(fetch)
