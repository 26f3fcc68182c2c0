"""What the central system may ask of the station's security, free of the version of OCPP that asks.

As in station.operations nothing waits here for a call of ours: what was accepted is stored, and then tried.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.ids import Secret
from shared.log import Log
from station.core.configuration import ChangeStatus
from station.errors import SecurityError
from station.security.access import Profile, key_refusal, key_trials, password_refusal, profile_refusal
from station.security.events import EventKind
from station.security.files import RootUse
from station.security.gate import Gate
from station.security.renewal import Renewal
from station.security.reporter import SecurityReporter

if TYPE_CHECKING:
    from station.security.certificates import HashData

PROFILE_KEY, PASSWORD_KEY = "SecurityProfile", "AuthorizationKey"
"""The configuration keys that are kept here and not in the journal."""

STORE_LENGTH = 20
"""CertificateStoreMaxLength: root certificates for all uses."""

MAX_CHAIN_LENGTH = 10000
"""CertificateSignedMaxChainSize, characters."""

_LOG = Log("station.security")


class CertificateOutcome(StrEnum):
    """What became of a request about a certificate; the words are those of every version of OCPP."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class SecurityOperations:
    """See the module."""

    def __init__(self, gate: Gate, renewal: Renewal, reporter: SecurityReporter) -> None:
        self._gate = gate
        self._memory = gate.memory
        self._renewal = renewal
        self._reporter = reporter

    async def change_key(self, name: str, text: str) -> ChangeStatus:
        """Change SecurityProfile or AuthorizationKey: the next connection is made with it, and kept if it works."""
        return await self._tried(name, self._change_profile(text) if name == PROFILE_KEY else self._change_key(text))

    def objection_to_profile(self, wanted: int) -> str:
        """Say why the station could not connect with a security profile now; empty if it could."""
        access = self._memory.plan.latest
        return "" if wanted == access.profile else profile_refusal(access, wanted, self._memory.means())

    async def change_password(self, text: str) -> ChangeStatus:
        """Change the password as OCPP 2.0.1 has it (BasicAuthPassword, a text), likewise."""
        return await self._tried(PASSWORD_KEY, self._change_password(text))

    async def _tried(self, name: str, change: Awaitable[str]) -> ChangeStatus:
        try:
            reason = await change
        except SecurityError as error:
            reason = str(error)
        if reason:
            _LOG.warning("key_rejected", key=name, reason=reason)
            return ChangeStatus.REJECTED
        _LOG.info("key_on_trial", key=name)
        return ChangeStatus.ACCEPTED

    async def _change_profile(self, text: str) -> str:
        if not text.isascii() or not text.isdecimal():
            return "a security profile is a number"
        wanted, access = int(text[:9]), self._memory.plan.latest
        if wanted == access.profile:
            return ""
        if reason := profile_refusal(access, wanted, self._memory.means()):
            return reason
        trial = access.with_profile(Profile(wanted))
        await self._gate.put_on_trial((trial, trial), PROFILE_KEY)
        return ""

    async def _change_password(self, text: str) -> str:
        reason = password_refusal(text)
        if not reason:
            access = replace(self._memory.plan.latest, password=Secret(text), is_key=False)
            await self._gate.put_on_trial((access, access), PASSWORD_KEY)
        return reason

    async def _change_key(self, text: str) -> str:
        reason = key_refusal(text)
        if not reason:
            await self._gate.put_on_trial(key_trials(self._memory.plan.latest, text), PASSWORD_KEY)
        return reason

    async def install_root(self, use: RootUse, pem: str) -> CertificateOutcome:
        """Trust a further root certificate. The others stay until they are deleted."""
        from station.security.certificates import CertificateError, parse_root

        try:
            root = parse_root(pem, self._gate.moment())
            is_new = root.fingerprint not in self._memory.files.roots(use)
            if is_new and self._memory.files.count_roots() >= STORE_LENGTH:
                raise CertificateError(f"there are {STORE_LENGTH} root certificates already: delete one first")
            await asyncio.to_thread(self._memory.files.add_root, use, root.fingerprint, root.pem)
        except CertificateError as error:
            _LOG.warning("root_rejected", use=use, reason=error)
            return CertificateOutcome.REJECTED
        except SecurityError as error:
            _LOG.error("root_not_stored", use=use, reason=error)
            return CertificateOutcome.FAILED
        _LOG.info("root_installed", use=use, name=root.name, fingerprint=root.fingerprint[:16])
        await self._reporter.report(EventKind.PARAMETERS_CHANGED, f"root certificate installed: {root.name}")
        return CertificateOutcome.ACCEPTED

    async def delete_certificate(self, named: "HashData") -> CertificateOutcome:
        """Trust a root certificate no more. The one that the present connection stands on is not given away."""
        from station.security.certificates import parse_chain

        for use in RootUse:
            roots = self._memory.files.roots(use)
            for fingerprint, pem in roots.items():
                if parse_chain(pem)[0].hash_data(named.algorithm) != named:
                    continue
                if use is RootUse.CENTRAL_SYSTEM and self._is_needed(fingerprint, len(roots)):
                    _LOG.warning("root_kept", reason="the connection to the central system stands on it")
                    return CertificateOutcome.FAILED
                try:
                    await asyncio.to_thread(self._memory.files.delete_root, use, fingerprint)
                except SecurityError as error:
                    _LOG.error("root_not_deleted", reason=error)
                    return CertificateOutcome.FAILED
                await self._reporter.report(EventKind.PARAMETERS_CHANGED, "root certificate deleted")
                return CertificateOutcome.ACCEPTED
        return CertificateOutcome.NOT_FOUND

    def _is_needed(self, fingerprint: str, roots: int) -> bool:
        uses_tls = self._memory.plan.latest.profile >= Profile.TLS
        in_use = {certificate.fingerprint for certificate in self._gate.server_certificates()}
        return uses_tls and (roots == 1 or fingerprint in in_use)

    def installed(self, uses: Iterable[RootUse]) -> "list[tuple[RootUse, HashData]]":
        """Name the root certificates for some uses."""
        from station.security.certificates import parse_chain

        return [
            (use, parse_chain(pem)[0].hash_data()) for use in uses for pem in self._memory.files.roots(use).values()
        ]

    async def take_signed(self, chain: str) -> CertificateOutcome:
        """Take a certificate that was asked for. It is checked now, and tried before it is used."""
        if len(chain) > MAX_CHAIN_LENGTH:
            return CertificateOutcome.REJECTED
        return CertificateOutcome.ACCEPTED if await self._renewal.take(chain) else CertificateOutcome.REJECTED

    def ask_for_certificate(self) -> CertificateOutcome:
        """Begin to get a new charge point certificate signed."""
        self._renewal.ask()
        return CertificateOutcome.ACCEPTED
