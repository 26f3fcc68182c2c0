"""Finds out whether a driver may charge: what the station knows, the central system, and the rules between them."""

import asyncio

from shared.ids import IdToken
from shared.log import Log
from station.core.authorize import Accept, Ask, Known, Refuse, Rules, Source, decide, decide_answer
from station.core.configuration import Configuration
from station.core.dialect import Dialect
from station.csms_connection import Reply
from station.csms_link import CsmsLink
from station.timekeeper import Timekeeper
from station.token_store import TokenStore

_LOG = Log("station.authorize")


class Authorizer:
    """See the module.

    Args:
        tokens: local list and cache.
        link: to the central system.
        dialect: how it is spoken to.
        configuration: the keys in force.
        timekeeper: for expiry.
        timeout_s: how long a driver waits for the central system, link time.
    """

    def __init__(
        self,
        tokens: TokenStore,
        link: CsmsLink,
        dialect: Dialect,
        configuration: Configuration,
        timekeeper: Timekeeper,
        *,
        timeout_s: float,
    ) -> None:
        self._tokens = tokens
        self._link = link
        self._dialect = dialect
        self._configuration = configuration
        self._timekeeper = timekeeper
        self._timeout_s = timeout_s

    async def authorize(self, token: IdToken) -> Accept | Refuse:
        """Decide, at the latest after the time-out. Cancelling is safe."""
        decision = await self._decide(token)
        if isinstance(decision, Accept):
            _LOG.info("authorized", source=decision.source, token=token)
        else:
            _LOG.info("not_authorized", source=decision.source, token=token, reason=decision.reason)
        return decision

    async def _decide(self, token: IdToken) -> Accept | Refuse:
        longest, version = self._dialect.token_length, self._dialect.version
        if len(token.value) > longest:
            return Refuse(
                Source.OFFLINE_RULE, f"the card's number is longer than the {longest} that OCPP {version} has"
            )
        known = await self._known(token)
        decision = decide(known, self._timekeeper.now().utc, self._link.is_online, self._rules())
        if isinstance(decision, Ask):
            decision = await self._ask(token) or decide(known, self._timekeeper.now().utc, False, self._rules())
        assert not isinstance(decision, Ask)  # noqa: S101  offline nobody is asked
        return decision

    async def _ask(self, token: IdToken) -> Accept | Refuse | None:
        """Ask the central system; None if it gave no usable answer in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await self._link.call(self._dialect.authorize(token))
        except TimeoutError:
            return None
        info = self._dialect.token_info(reply.payload) if isinstance(reply, Reply) else None
        if info is None:
            return None
        if self._configuration.flag("AuthorizationCacheEnabled"):
            await self._tokens.cache(token, info)
        return decide_answer(info)

    async def _known(self, token: IdToken) -> Known:
        known = await self._tokens.known(token)
        return Known(
            known.in_list if self._configuration.flag("LocalAuthListEnabled") else None,
            known.in_cache if self._configuration.flag("AuthorizationCacheEnabled") else None,
        )

    def _rules(self) -> Rules:
        return Rules(
            self._configuration.flag("LocalAuthorizeOffline"),
            self._configuration.flag("LocalPreAuthorize"),
            self._configuration.flag("AllowOfflineTxForUnknownId"),
        )
