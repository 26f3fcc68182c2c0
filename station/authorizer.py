"""Finds out whether a driver may charge: what the station knows, the central system, and the rules between them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from shared.ids import EvseId, IdToken
from shared.log import Log
from station.core.authorize import Accept, Ask, Known, Refuse, Rules, Source, conflicts, decide, decide_answer
from station.core.configuration import Configuration
from station.core.contract_id import same_driver
from station.core.dialect import Dialect
from station.csms_connection import Reply
from station.csms_link import CsmsLink
from station.errors import JournalStalled
from station.timekeeper import Timekeeper
from station.token_store import TokenStore

GROUPS_KEPT = 100
"""Cards whose group is remembered while the program runs."""

_LOG = Log("station.authorize")


class Authorizer:
    """See the module.

    Args:
        tokens: local list and cache.
        link: to the central system.
        dialect: how it is spoken to.
        configuration: the keys in force.
        timekeeper: for expiry.
        conflict: hears that the central system contradicts its own local list, and where.
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
        conflict: Callable[[EvseId], None],
        timeout_s: float,
    ) -> None:
        self._tokens = tokens
        self._link = link
        self._dialect = dialect
        self._configuration = configuration
        self._timekeeper = timekeeper
        self._conflict = conflict
        self._timeout_s = timeout_s
        self._groups: dict[IdToken, str] = {}

    async def authorize(self, token: IdToken, evse_id: EvseId, *, begins: bool = True) -> Accept | Refuse:
        """Decide, at the latest after the time-out. Cancelling is safe.

        `begins` if a charge is to begin: a master card may not (OCPP 2.0.1 C16).
        """
        decision = await self._decide(token, evse_id)
        if begins and isinstance(decision, Accept) and self._is_master(decision.group):
            decision = Refuse(decision.source, "a master card only ends charges")
        if isinstance(decision, Accept):
            self._remember(token, decision.group)
            _LOG.info("authorized", source=decision.source, token=token)
        else:
            _LOG.info("not_authorized", source=decision.source, token=token, reason=decision.reason)
        return decision

    async def may_end(self, token: IdToken, owner: IdToken, evse_id: EvseId) -> Accept | Refuse:
        """Decide whether a card may end what another began.

        It may if it names the same contract, if both have one parent (OCPP 1.6 §4.8), or if it is a master card
        (OCPP 2.0.1 C16), which `is_master_card` then tells of the answer.
        """
        known = await self._known(owner)
        group = next((info.parent for info in (known.in_list, known.in_cache) if info), "") or self._groups.get(owner)
        is_same = same_driver(token.value, owner.value)
        if not group and not is_same and not self._master_group:
            return Refuse(Source.OFFLINE_RULE, "the card is of no group")
        decision = await self.authorize(token, evse_id, begins=False)
        if isinstance(decision, Refuse) or is_same or self.is_master_card(decision):
            return decision
        if group and decision.group.upper() == group.upper():
            return decision
        return Refuse(decision.source, "the card is of another group")

    def is_master_card(self, decision: Accept) -> bool:
        """Tell whether a card that was accepted is a master card."""
        return self._is_master(decision.group)

    @property
    def _master_group(self) -> str:
        return (self._configuration.text("MasterPassGroupId") or "").upper()

    def _is_master(self, group: str) -> bool:
        return bool(self._master_group) and group.upper() == self._master_group

    def _remember(self, token: IdToken, group: str) -> None:
        """Keep the groups of the last cards: without a cache the owner's would be forgotten."""
        self._groups.pop(token, None)
        self._groups[token] = group
        while len(self._groups) > GROUPS_KEPT:
            del self._groups[next(iter(self._groups))]

    async def _decide(self, token: IdToken, evse_id: EvseId) -> Accept | Refuse:
        longest, version = self._dialect.token_length, self._dialect.version
        if len(token.value) > longest:
            return Refuse(
                Source.OFFLINE_RULE, f"the card's number is longer than the {longest} that OCPP {version} has"
            )
        if not self._link.is_accepted and not self._configuration.flag("TxBeforeAcceptedEnabled"):
            return Refuse(Source.OFFLINE_RULE, "the central system has not accepted the station yet")
        known = await self._known(token)
        decision = decide(known, self._timekeeper.now().utc, self._link.is_online, self._rules())
        if isinstance(decision, Ask):
            decision = await self._ask(token, known, evse_id) or decide(
                known, self._timekeeper.now().utc, False, self._rules()
            )
        assert not isinstance(decision, Ask)  # noqa: S101  offline nobody is asked
        return decision

    async def _ask(self, token: IdToken, known: Known, evse_id: EvseId) -> Accept | Refuse | None:
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
            with suppress(JournalStalled):  # another time
                life_s = self._configuration.number("AuthCacheLifeTime")
                await self._tokens.cache(token, info.for_cache(self._timekeeper.now().utc, life_s))
        if conflicts(known, info, self._timekeeper.now().utc):
            _LOG.warning("local_list_conflict", token=token, status=info.status)
            self._conflict(evse_id)
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
