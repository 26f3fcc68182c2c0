"""What limits each EVSE now, gathered from profiles, the site and the connection. The rules are in station.core."""

from collections.abc import Callable, Mapping

from shared.ids import EvseId
from shared.log import Log
from station.charging_operations import charge_of
from station.charging_profiles import ChargingProfiles
from station.core.charging_schedule import UNLIMITED, Limit, charge_limit, station_limit
from station.core.current_limit import FAIL_SAFE, Cap, LimitSource, share
from station.core.evse_condition import Phase
from station.core.evse_events import Tick
from station.core.site_limit import AwayWatch, LimitNews, SiteLimit, Told
from station.evse_task import EvseTask
from station.timekeeper import Timekeeper

_WAITING = (Phase.IDLE, Phase.ASKING, Phase.AUTHORIZED)

_LOG = Log("station.limits")


class Limits:
    """See the module.

    Args:
        evses: all of them; may be filled later.
        profiles: charging profiles.
        timekeeper: the time.
        site: the limit of the site, None without a source.
        away: the fail-safe of a central system that is away.
        is_online: tells whether it is there.
    """

    def __init__(
        self,
        evses: Mapping[EvseId, EvseTask],
        profiles: ChargingProfiles,
        timekeeper: Timekeeper,
        *,
        site: SiteLimit | None,
        away: AwayWatch,
        is_online: Callable[[], bool],
    ) -> None:
        self._evses = evses
        self._profiles = profiles
        self._timekeeper = timekeeper
        self.site = site
        self._away = away
        self._is_online = is_online
        self._told: frozenset[LimitSource] = frozenset()
        self._news = LimitNews()
        self.on_news: Callable[[Limit | None], None] = lambda _limit: None
        """Hears what the site leaves the station when the central system should know; None = all that it can take."""
        self._complaint = ""

    def caps(self, evse_id: EvseId) -> tuple[Cap, ...]:
        """Give what limits one EVSE now."""
        now, kept, evse = self._timekeeper.now(), self._profiles.kept, self._evses[evse_id]
        place, charges = self._place(evse_id)
        rules = evse.charging.rules
        caps = [
            Cap(LimitSource.PROFILE, charge_limit(kept, charge_of(evse_id, evse, now), now.utc)),
            Cap(LimitSource.STATION_PROFILE, share(station_limit(kept, now.utc), place, charges, rules)),
        ]
        common = self._common()
        caps += [
            Cap(cap.source, cap.limit if cap.source is LimitSource.OFFLINE else share(cap.limit, place, charges, rules))
            for cap in common
        ]
        return tuple(cap for cap in caps if cap.limit != UNLIMITED)

    def ceiling(self) -> Limit:
        """Give what the site leaves the whole station, whatever profiles say."""
        limit = UNLIMITED
        for cap in self._common():
            limit = limit.both(cap.limit)
        return limit

    def _common(self) -> list[Cap]:
        uptime = self._timekeeper.clock.uptime()
        caps = [self.site.cap(uptime)] if self.site else []
        if caps:
            self._tell_news(caps[0].limit, uptime)
        if cap := self._away.cap(uptime, is_online=self._is_online()):
            caps.append(cap)
        self._tell(frozenset(cap.source for cap in caps))
        return caps

    def _tell_news(self, limit: Limit, uptime: float) -> None:
        most_ma = sum(evse.charging.ceiling.current_ma or 0 for evse in self._evses.values())
        left_ma = limit.current_with(3)
        news = limit if left_ma is not None and left_ma < most_ma else None
        if self._news.is_due(news, uptime):
            self.on_news(news)

    def _place(self, evse_id: EvseId) -> tuple[int, int]:
        """Give the place of an EVSE among all charges by their begin, and how many there are; its own counts."""
        begun = {
            number: (evse.charging.transaction.started.at if evse.charging.transaction else None)
            for number, evse in self._evses.items()
            if number == evse_id or evse.charging.phase not in _WAITING
        }
        order = sorted(begun, key=lambda number: (begun[number] is None, begun[number] or 0, number))
        return order.index(evse_id), len(order)

    def _tell(self, sources: frozenset[LimitSource]) -> None:
        for source in FAIL_SAFE:
            if source in sources and source not in self._told:
                _LOG.warning("fail_safe_current", reason=source)
            elif source in self._told and source not in sources:
                _LOG.info("fail_safe_over", reason=source)
        self._told = sources

    def take(self, told: Told, *, is_old: bool = False) -> None:
        """Hear the limit of the site.

        Raises:
            ValueError: it is too old.
        """
        keeper = self._timekeeper
        assert self.site is not None  # noqa: S101  only its source calls
        now = keeper.now()
        self.site.take(told, now.uptime, now.utc if keeper.is_known else None, is_old=is_old)
        if self._complaint:
            _LOG.info("site_limit_good_again", refused=self.site.refused)
        self._complaint = ""
        for evse in self._evses.values():
            evse.tell(Tick())

    def refuse(self, reason: object) -> None:
        """Count a value that is not believed; a reason is told once until a good one comes."""
        assert self.site is not None  # noqa: S101  likewise
        self.site.refused += 1
        if str(reason) != self._complaint:
            _LOG.warning("site_limit_refused", reason=reason)
        self._complaint = str(reason)
