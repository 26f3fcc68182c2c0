"""The way into the central system: what the next connection is made with, and what its success or failure means."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from shared.log import Log
from station.core.routes import FILE_SLOT, Route
from station.core.timekeeping import EARLIEST, TimeSource
from station.csms_connection import Entrance
from station.errors import AccessRefused, LinkLost, SecurityError
from station.journal import Journal
from station.security.access import Access, Outcome, Plan, Profile, profile_refusal
from station.security.events import EventKind
from station.security.files import RootUse, State
from station.security.lifetime import Moment
from station.security.memory import SecurityMemory
from station.security.reporter import SecurityReporter
from station.timekeeper import Timekeeper

if TYPE_CHECKING:
    from station.security.certificates import Certificate
    from station.security.tls import Context

SURE_TIME = "security.sure_time"
"""Name in the journal of the latest time that was certain."""

ROUTE = "network profile"
"""What a way that needs a higher security profile puts on trial; it is tried so often as the way itself is."""
CLIENT_CERTIFICATE = "charge point certificate"
"""What a rotation puts on trial."""

_CERTAIN = frozenset({TimeSource.CSMS, TimeSource.NTP, TimeSource.METER})

_LOG = Log("station.security")


class Gate:
    """See the module.

    Args:
        url: of the central system, without the identity, for profiles 0 and 1.
        tls_url: for profiles 2 and 3; empty = `url` with TLS.
        user: the charge point's identity.
        memory: what is in force.
        reporter: hears what goes wrong.
        timekeeper: the time.
        journal: keeps the latest certain time.
    """

    def __init__(
        self,
        url: str,
        tls_url: str,
        user: str,
        *,
        memory: SecurityMemory,
        reporter: SecurityReporter,
        timekeeper: Timekeeper,
        journal: Journal,
    ) -> None:
        self.memory = memory
        self.route: Callable[[], Route] = lambda: Route(FILE_SLOT)
        self.reconnect: Callable[[], None] = lambda: None
        self.profile_changed: Callable[[int], None] = lambda _profile: None
        self._urls = (url, tls_url or with_tls(url))
        self._user = user
        self._reporter = reporter
        self._timekeeper = timekeeper
        self._journal = journal
        self._sure: datetime = EARLIEST
        self._contexts: dict[tuple[str, ...], Context] = {}
        self._used: Access | None = None

    async def load(self) -> None:
        """Read the latest certain time."""
        if text := await self._journal.value(SURE_TIME):
            self._sure = max(datetime.fromisoformat(text), EARLIEST)

    def moment(self) -> Moment:
        """Give the present for certificates.

        A battery-backed clock or a mobile network may be wrong by years, and would then lock the station out for good,
        as nobody could tell it better. So their word is not certain here.
        """
        if self._timekeeper.boot.source in _CERTAIN:
            return Moment(self._timekeeper.now().utc, is_certain=True)
        return Moment(self._sure, is_certain=False)

    def server_certificates(self) -> "list[Certificate]":
        """Give the chain that the central system was last verified by, its own certificate first."""
        return [certificate for context in self._contexts.values() for certificate in context.chain]

    def entrance(self, access: Access | None = None) -> Entrance:
        """Give what to connect with next.

        Args:
            access: other than planned, for a rehearsal.

        Raises:
            LinkLost: a certificate can't be used.
        """
        if access is None:
            access = self._used = self.memory.plan.next
        if access.profile < Profile.TLS:
            return Entrance(self._url(access), self._user, access.credentials, complain=self._complain)
        try:
            context = self._context(access)
        except SecurityError as error:
            raise LinkLost(str(error)) from error
        return Entrance(
            self._url(access),
            self._user,
            access.credentials,
            context,
            lambda tls: context.check(tls, self.moment()),
            self._complain,
        )

    def _url(self, access: Access) -> str:
        """Give where to: the way in use, unless the access that has its turn is for another security profile."""
        route = self.route()
        is_meant = route.url and route.profile in (None, access.profile)
        url = route.url if is_meant else self._urls[access.profile >= Profile.TLS]
        return f"{url.rstrip('/')}/{quote(self._user, safe='')}"

    async def take_route(self) -> None:
        """Try the security profile of the way in use, if it needs a higher one than that in force.

        What the way before needed is dropped. Not stored: after a restart it is found again.
        """
        plan = self.memory.plan
        if plan.what == ROUTE and self._used in plan.trials:
            about = f"the new {ROUTE} does not connect; the old one is back in force"
            await self._reporter.report_once(EventKind.PARAMETERS_CHANGED, about)
        if plan.what == ROUTE:
            plan = Plan(plan.in_force)
        wanted, access = self.route().profile or Profile.UNSECURED, plan.in_force
        if not plan.trials and wanted > access.profile and not profile_refusal(access, wanted, self.memory.means()):
            plan = Plan(access, (access.with_profile(Profile(wanted)),), ROUTE)
        self.memory.state = replace(self.memory.state, plan=plan)

    async def _complain(self, about: str) -> None:
        await self._reporter.report_once(EventKind.INVALID_MESSAGES, about)

    def _context(self, access: Access) -> "Context":
        from station.security.tls import make_context

        client = access.client if access.profile == Profile.MUTUAL else ""
        roots = self.memory.files.roots(RootUse.CENTRAL_SYSTEM)
        key = (client, *roots)
        if key not in self._contexts:
            files = self.memory.files.client(client) if client else None
            if client and files is None:
                raise SecurityError("the charge point certificate in force is missing from the security folder")
            # Others are of roots or certificates that went away.
            self._contexts = {key: make_context(roots.values(), files)}
        return self._contexts[key]

    async def proven(self, entrance: Entrance, tls: ssl.SSLObject | None) -> None:
        """Hear that the central system has answered a first call on a connection."""
        self._reporter.connected()
        if tls and entrance.tls is not None:
            for context in self._contexts.values():
                if context is entrance.tls:
                    context.keep_session(tls)
        await self.keep_time()
        if self._used != self.memory.plan.next:
            return  # a trial has begun while this connection was made without it
        plan, outcome = self.memory.plan.after_reply()
        if outcome is Outcome.SAME:
            return
        what, before = self.memory.plan.what, self.memory.plan.in_force
        # Told before it is settled: cut in between, it is rather told twice than never.
        await self._reporter.report(*_told(outcome, what))
        await self._settle(plan, replaced=before.client if plan.in_force.client != before.client else "")
        if outcome is Outcome.TAKEN:
            self.profile_changed(plan.in_force.profile)

    async def _settle(self, plan: Plan, replaced: str) -> None:
        at = self._timekeeper.now().utc

        def settled(state: State) -> State:
            kept = (*state.replaced, (replaced, at)) if replaced else state.replaced
            return replace(state, plan=plan, replaced=kept)

        try:
            await self.memory.change(settled)
        except SecurityError as error:
            # The trial is found again after a restart and settled then; until then it works from memory.
            self.memory.state = settled(self.memory.state)
            _LOG.error("security_state", reason=error)

    async def failed(self, lost: LinkLost) -> None:
        """Hear that a connection that reached the central system's address ended without a reply."""
        if isinstance(lost, AccessRefused) and not self.memory.plan.is_halfway:
            await self._reporter.report_once(EventKind(lost.event), str(lost))
        if self._used == self.memory.plan.next and self.memory.plan.what != ROUTE:
            self.memory.count_failure()

    async def keep_time(self) -> None:
        """Store the present as the floor for certificates, if it is certain."""
        moment = self.moment()
        if moment.is_certain and moment.at > self._sure:
            self._sure = moment.at
            await self._journal.set_value(SURE_TIME, moment.at.isoformat(timespec="seconds"))

    async def put_on_trial(self, trials: tuple[Access, ...], what: str) -> None:
        """Connect with something new from the next connection on, and begin that soon. Returns when it is stored.

        Raises:
            SecurityError: it can't be stored; then nothing changes.
        """
        await self.memory.change(
            lambda state: replace(
                state,
                plan=Plan(state.plan.in_force, trials, what),
                candidate="" if what == CLIENT_CERTIFICATE else state.candidate,
            )
        )
        self.reconnect()


def with_tls(url: str) -> str:
    """Give the URL of the same server by TLS."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="wss"))


def _told(outcome: Outcome, what: str) -> tuple[EventKind, str]:
    """Give the event by which the end of a trial is told."""
    if outcome is Outcome.TAKEN:
        return EventKind.PARAMETERS_CHANGED, f"{what} changed"
    kind = EventKind.INVALID_CHARGE_POINT_CERTIFICATE if what == CLIENT_CERTIFICATE else EventKind.PARAMETERS_CHANGED
    return kind, f"the new {what} does not connect; the old one is back in force"
