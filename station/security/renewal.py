"""Keeps the charge point's own certificate fresh, and speaks up before any certificate lets the site go silent.

The steps of a rotation, each durable before the next begins, so that a cut at any of them is found again:

    key made -> signing request sent -> chain received and checked -> rehearsed on a second connection -> on trial
    -> in force (or the old one again)

A bearer that carries one connection only cannot rehearse beside it; then the trial is the rehearsal: it, too, ends with
the old certificate if the new one doesn't connect.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol

from shared.log import Log
from station.core.delivery import Message
from station.csms_connection import Entrance, Refusal, Reply
from station.errors import AccessRefused, JournalStalled, LinkLost, SecurityError
from station.journal import Journal
from station.security.access import Access, Profile
from station.security.events import EventKind
from station.security.files import RootUse, State
from station.security.gate import CLIENT_CERTIFICATE, Gate
from station.security.lifetime import KEEP_OLD, renewal_due, warning_due
from station.security.reporter import SecurityReporter

if TYPE_CHECKING:
    from station.security.certificates import Certificate

LOOK_S = 900.0
"""How often it is looked whether something is due, link time."""

ASK_AGAIN_S = 3600.0
"""First wait for the signed certificate, link time; it doubles with each request up to a day."""

PREFETCH = timedelta(days=2)
"""So much earlier a certificate is renewed when the link is about to be gone for a while."""

_DAY_S = 86400.0
_OFFLINE_S = 30.0
"""Pause where the connection is needed first."""

_REHEARSALS = 3
"""So often a rehearsal may end without an answer while the present connection works: then the new one is to blame."""

_WARNED = "security.warned."
"""Prefix in the journal of the days of the last warning about a certificate, by fingerprint."""

_LOG = Log("station.security")


class Link(Protocol):
    """What is needed of the connection to the central system; station.csms_link.CsmsLink has it."""

    @property
    def is_online(self) -> bool:
        """See CsmsLink."""
        ...

    @property
    def can_rehearse(self) -> bool:
        """See CsmsLink."""
        ...

    async def call(self, message: Message) -> Reply | Refusal | None:
        """See CsmsLink."""
        ...

    async def rehearse(self, entrance: Entrance) -> None:
        """See CsmsLink."""
        ...


class Renewal:
    """See the module.

    Args:
        gate: what is in force.
        journal: remembers which warnings were told.
        reporter: hears what people must know.
        common_name: of the charge point's certificate.
        organization: gives the operator's name, CpoName.
        link: the connection to the central system.
        request: gives the message that asks for a signature, from a signing request in PEM.
        is_good_moment: tells that the link is about to be gone for a while: what is due soon is done now.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        journal: Journal,
        reporter: SecurityReporter,
        common_name: str,
        organization: Callable[[], str],
        link: Link,
        request: Callable[[str], Message],
        is_good_moment: Callable[[], bool] = lambda: False,
    ) -> None:
        self._gate = gate
        self._memory = gate.memory
        self._journal = journal
        self._reporter = reporter
        self._common_name = common_name
        self._organization = organization
        self._link = link
        self._request = request
        self._is_good_moment = is_good_moment
        self._news = asyncio.Event()
        self._is_wanted = False
        self._asked_at = -_DAY_S
        self._wait_s = 0.0
        self._rehearsals = 0

    def ask(self) -> None:
        """Get a new certificate signed, whether one is due or not."""
        self._is_wanted, self._wait_s = True, 0.0
        self._news.set()

    async def take(self, pem: str) -> bool:
        """Take what the central system signed, if it is good. It is stored when this returns."""
        from station.security.certificates import CertificateError, check_client_chain, parse_chain, public_key_of

        name = self._memory.state.asked
        key = self._memory.files.key(name)
        try:
            if key is None:
                raise CertificateError("none was asked for")
            chain = parse_chain(pem)
            check_client_chain(chain, public_key_of(key), self._common_name, self._gate.moment())
            await asyncio.to_thread(self._memory.files.add_chain, name, pem)
            await self._memory.change(lambda state: replace(state, asked="", candidate=name))
        except CertificateError as error:
            await self._reporter.report(EventKind.INVALID_CHARGE_POINT_CERTIFICATE, f"rejected: {error}")
            return False
        except SecurityError as error:
            _LOG.error("certificate_not_stored", reason=error)
            return False
        _LOG.info("certificate_received", name=chain[0].name, until=f"{chain[0].span.end:%Y-%m-%d}")
        self._is_wanted, self._rehearsals = False, 0
        self._news.set()
        return True

    async def run(self) -> NoReturn:
        """Look after the certificates for ever."""
        while True:
            self._news.clear()
            try:
                wait_s = await self._look()
            except (SecurityError, JournalStalled) as error:
                _LOG.error("renewal_failed", reason=error)
                wait_s = LOOK_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _look(self) -> float:
        """Do what is due, and tell after how many seconds to look again."""
        await self._gate.keep_time()
        await self._warn()
        if self._memory.state.candidate:
            return await self._try_candidate()
        if not self._memory.plan.trials:
            await self._forget_old()
        if self._is_wanted or self._is_due():
            return await self._ask_for_signature()
        return LOOK_S

    def _is_due(self) -> bool:
        own = self._own()
        moment = self._gate.moment()
        if self._is_good_moment():
            moment = replace(moment, at=moment.at + PREFETCH)
        return own is not None and not self._memory.plan.trials and renewal_due(own.span, moment)

    def _own(self) -> "Certificate | None":
        from station.security.certificates import CertificateError, parse_chain

        pem = self._memory.files.chain(self._memory.plan.in_force.client)
        try:
            return parse_chain(pem)[0] if pem else None
        except CertificateError as error:
            raise SecurityError(f"the certificates of this station can't be used: {error}") from error

    async def _ask_for_signature(self) -> float:
        from station.security.certificates import new_key, signing_request

        now = asyncio.get_running_loop().time()
        if (left := self._asked_at + self._wait_s - now) > 0:
            return min(left, LOOK_S)
        if not self._link.is_online:
            return _OFFLINE_S
        name = self._memory.state.asked
        key = self._memory.files.key(name)
        if key is None:
            key = await asyncio.to_thread(new_key)
            name = await asyncio.to_thread(self._memory.files.add_key, key)
            await self._memory.change(lambda state: replace(state, asked=name))
        reply = await self._link.call(self._request(signing_request(key, self._common_name, self._organization())))
        if reply is None:
            return _OFFLINE_S
        self._asked_at = now
        self._wait_s = min(max(2 * self._wait_s, ASK_AGAIN_S), _DAY_S)
        status = reply.reason if isinstance(reply, Refusal) else reply.payload.get("status")
        if status != "Accepted":
            self._is_wanted = False
            _LOG.warning("certificate_not_signed", reason=status)
        return LOOK_S

    async def _try_candidate(self) -> float:
        """Rehearse with the candidate, then put it on trial; or drop it."""
        name = self._memory.state.candidate
        access = replace(self._memory.plan.latest, client=name)
        if access.profile != Profile.MUTUAL:
            await self._memory.change(lambda state: _adopted(state, access))
            await self._reporter.report(EventKind.PARAMETERS_CHANGED, f"{CLIENT_CERTIFICATE} stored")
            return LOOK_S
        if self._memory.plan.trials or not self._link.is_online:
            return _OFFLINE_S
        if self._link.can_rehearse:
            reason = await self._rehearse(access)
            if reason is None:
                return _OFFLINE_S
            if reason:
                await self._memory.change(lambda state: replace(state, candidate=""))
                text = f"the rehearsal failed, the old one stays: {reason}"
                await self._reporter.report(EventKind.INVALID_CHARGE_POINT_CERTIFICATE, text)
                return LOOK_S
        await self._gate.put_on_trial((access, access), CLIENT_CERTIFICATE)
        return LOOK_S

    async def _rehearse(self, access: Access) -> str | None:
        """Open a second connection. Gives why it failed, empty if it worked, None if that is not known yet."""
        try:
            await self._link.rehearse(self._gate.entrance(access))
        except AccessRefused as refused:
            return str(refused)
        except LinkLost as lost:
            self._rehearsals += self._link.is_online
            _LOG.warning("rehearsal_without_answer", reason=lost)
            return str(lost) if self._rehearsals >= _REHEARSALS else None
        _LOG.info("rehearsal_passed")
        return ""

    async def _forget_old(self) -> None:
        moment, state = self._gate.moment(), self._memory.state
        if not moment.is_certain:
            return
        kept = tuple((name, at) for name, at in state.replaced if moment.at - at < KEEP_OLD)
        if kept != state.replaced:
            await self._memory.change(lambda state: replace(state, replaced=kept))
        state = self._memory.state
        names = {state.plan.in_force.client, state.asked, state.candidate, *(name for name, _ in kept)}
        self._memory.files.forget_clients(names)

    async def _warn(self) -> None:
        """Tell once per step which certificates end soon: our own, the roots, and those of the central system."""
        if self._memory.plan.latest.profile < Profile.TLS and not self._memory.plan.in_force.client:
            return
        from station.security.certificates import parse_chain

        own = self._own()
        roots = [parse_chain(pem)[0] for pem in self._memory.files.roots(RootUse.CENTRAL_SYSTEM).values()]
        watched = {c.fingerprint: c for c in (*([own] if own else []), *roots, *self._gate.server_certificates())}
        told = await self._journal.values(_WARNED)
        for fingerprint, certificate in watched.items():
            before = int(told[fingerprint]) if fingerprint in told else None
            days = warning_due(certificate.span, self._gate.moment(), before)
            if days is not None:
                await self._journal.set_value(f"{_WARNED}{fingerprint}", str(days))
                text = f"{certificate.name} ends on {certificate.span.end:%Y-%m-%d}"
                await self._reporter.report(EventKind.CERTIFICATE_EXPIRES, text)


def _adopted(state: State, access: Access) -> State:
    """Take a certificate that the present profile does not use."""
    plan = replace(state.plan, in_force=replace(state.plan.in_force, client=access.client))
    if plan.trials:
        plan = replace(plan, trials=tuple(replace(trial, client=access.client) for trial in plan.trials))
    return replace(state, plan=plan, candidate="")
