"""What firmware updates work with: what installs them, by what rules, and what is around them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.ids import EvseId
from station.core.dialect import Dialect
from station.csms_link import CsmsLink
from station.evse_task import EvseTask
from station.firmware_download import Limits
from station.journal import Journal
from station.security.lifetime import Moment
from station.security.reporter import SecurityReporter
from station.timekeeper import Timekeeper

if TYPE_CHECKING:
    from station.http_transfer import HttpTransfer


class Installer(Protocol):
    """Where versions live, and how they are exchanged. Its methods raise FieldError."""

    async def install(self, image: Path, signature: bytes | None) -> tuple[str, str]:
        """Put an image into the place that is free, and try whether it takes the configuration; gives version and
        place. The running version is not touched.

        Args:
            image: the file.
            signature: the maker's, to be judged by the configured key; None = the image is known to be genuine.
        """
        ...

    def arm(self, slot: str) -> None:
        """Have the present version come back if the one in `slot` can't even be started; durable."""
        ...

    def is_armed(self) -> bool:
        """Tell whether `arm` still holds: neither proven nor come back."""
        ...

    def switch(self, slot: str) -> None:
        """Let the next start be of the version in a place."""
        ...

    def current(self) -> str:
        """Tell whose start is next."""
        ...

    def disarm(self) -> None:
        """What is next stays: nothing comes back by itself any more."""
        ...

    def back(self) -> None:
        """Let the next start be of the version before."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How updates are fetched and judged.

    Args:
        folder: where an image is kept meanwhile.
        limits: of a download.
        trial_s: a new version must be accepted by the central system in this time, link time.
        plain: whether orders without a certificate are taken: auto (as long as no maker's root is installed), always or
            never.
    """

    folder: Path
    limits: Limits
    trial_s: float
    plain: str = "auto"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the updates work with.

    Args:
        journal: keeps the order.
        timekeeper: the time.
        link: to the central system.
        dialect: the version that it speaks.
        reporter: of security events.
        evses: which must be idle.
        roots: gives the maker's root certificates, PEM.
        moment: gives the present for certificates.
        transfer: made when the first file is to be fetched.
        may_fetch: says why the link is better left alone now; empty = it is good.
        free: gives the bytes that are free on the disk.
        version: that runs.
        restart: ends the program after the transactions have ended.
    """

    journal: Journal
    timekeeper: Timekeeper
    link: CsmsLink
    dialect: Dialect
    reporter: SecurityReporter
    evses: Mapping[EvseId, EvseTask]
    roots: Callable[[], Mapping[str, str]]
    moment: Callable[[], Moment]
    transfer: "Callable[[], HttpTransfer]"
    may_fetch: Callable[[], Awaitable[str]]
    free: Callable[[], int]
    version: str
    restart: Callable[[], None]
