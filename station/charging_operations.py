"""What may be asked of charging profiles from afar, free of the version of OCPP that asks."""

from collections.abc import Callable, Mapping

from shared.ids import EvseId, IdToken
from shared.log import Log
from station.charging_profiles import ChargingProfiles
from station.core.charging_profile import (
    ChargingProfile,
    Criteria,
    Installed,
    InstallRules,
    ProfileRefused,
    Profiles,
    Purpose,
    RateUnit,
    clear,
    install,
)
from station.core.charging_schedule import Charge, CompositeSchedule, Limit, compose, compose_station
from station.core.evse_events import Tick
from station.core.timekeeping import Now
from station.evse_task import EvseTask
from station.timekeeper import Timekeeper

WHOLE = EvseId(0)
"""Stands for the whole station where an EVSE is named."""

MAX_DURATION_S = 366 * 86400
"""Nobody needs a composite schedule beyond that."""

_LOG = Log("station.profiles")


class ChargingOperations:
    """See the module. What comes back as done is stored and in force."""

    def __init__(
        self,
        evses: Mapping[EvseId, EvseTask],
        profiles: ChargingProfiles,
        timekeeper: Timekeeper,
        ceiling: Callable[[], Limit],
    ) -> None:
        """Describe them.

        Args:
            evses: all.
            profiles: that are kept.
            timekeeper: the time.
            ceiling: gives what the site leaves the whole station now.
        """
        self._evses = evses
        self._profiles = profiles
        self._timekeeper = timekeeper
        self._ceiling = ceiling

    async def set_profile(
        self, evse_id: EvseId, profile: ChargingProfile, rules: InstallRules
    ) -> ProfileRefused | None:
        """Keep a profile (OCPP 1.6 §5.16, 2.0.1 K01); gives why not, or None.

        Args:
            evse_id: where it holds, 0 = the whole station.
            profile: what it says; a TxProfile without a transaction means the one that runs.
            rules: of the version spoken.
        """
        return await self._install(Installed(evse_id, profile, self._now().utc), rules)

    async def await_start(
        self, evse_id: EvseId, profile: ChargingProfile, rules: InstallRules, token: IdToken
    ) -> ProfileRefused | None:
        """Keep a profile for the transaction that a remote start is about to begin (OCPP 1.6 §5.11, 2.0.1 F01)."""
        if profile.purpose is not Purpose.TX or profile.transaction:
            return ProfileRefused("InvalidProfile", "a remote start brings a TxProfile without a transaction")
        return await self._install(Installed(evse_id, profile, self._now().utc, token), rules)

    async def _install(self, new: Installed, rules: InstallRules) -> ProfileRefused | None:
        if new.evse_id != WHOLE and new.evse_id not in self._evses:
            return ProfileRefused("UnknownEvse", f"there is no EVSE {new.evse_id}")
        evse = self._evses.get(new.evse_id)
        transaction = evse.charging.transaction if evse else None
        running = transaction.started.key if transaction else None
        outcome = await self._profiles.change(lambda kept: install(kept, new, rules, running=running))
        about = {"evse": new.evse_id, "profile": new.profile.number, "purpose": new.profile.purpose}
        if isinstance(outcome, ProfileRefused):
            _LOG.warning("profile_refused", **about, reason=outcome.why)
            return outcome
        _LOG.info("profile_kept", **about, level=new.profile.stack_level)
        self._wake()
        return None

    async def clear_profiles(self, criteria: Criteria) -> bool:
        """Forget profiles (OCPP 1.6 §5.5, 2.0.1 K10); tells whether there were any."""
        outcome = await self._profiles.change(lambda kept: clear(kept, criteria))
        if outcome:
            _LOG.info("profiles_cleared", left=len(self._profiles.kept))
            self._wake()
        return outcome is True

    def profiles(self, criteria: Criteria) -> Profiles:
        """Give the profiles that match (OCPP 2.0.1 K09); those of remote starts that still wait are not told."""
        return tuple(each for each in self._profiles.kept if not each.awaits and criteria.match(each))

    def composite_schedule(
        self, evse_id: EvseId, duration_s: int, unit: RateUnit | None = None
    ) -> CompositeSchedule | None:
        """Give what an EVSE, or with 0 the grid connection, may take from now on (OCPP 1.6 §5.7, 2.0.1 K08).

        Args:
            evse_id: where; None comes back if there is none of that number.
            duration_s: how far.
            unit: of the limits, A if nobody cares.
        """
        now, unit = self._now(), unit or RateUnit.AMPERE
        start, duration_s = now.utc, min(duration_s, MAX_DURATION_S)
        kept = self._profiles.kept
        if evse_id == WHOLE:
            charges = [(_charge(evse, now), evse.charging.ceiling, evse.phases) for evse in self._evses.values()]
            return compose_station(kept, charges, start, duration_s, unit, ceiling=self._ceiling())
        evse = self._evses.get(evse_id)
        if evse is None:
            return None
        ceiling = evse.charging.ceiling.both(self._ceiling())
        return compose(kept, _charge(evse, now), start, duration_s, unit, ceiling=ceiling, phases=evse.phases)

    def _now(self) -> Now:
        return self._timekeeper.now()

    def _wake(self) -> None:
        """Let the EVSEs look at their limits at once."""
        for evse in self._evses.values():
            evse.tell(Tick())


def _charge(evse: EvseTask, now: Now) -> Charge:
    return charge_of(evse.charging.evse_id, evse, now)


def charge_of(evse_id: EvseId, evse: EvseTask, now: Now) -> Charge:
    """Give what profiles are asked about at an EVSE."""
    transaction = evse.charging.transaction
    if transaction is None:
        return Charge(evse_id, None, now.utc)
    return Charge(evse_id, transaction.started.key, transaction.started.at)
