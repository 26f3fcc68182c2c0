"""What limits the current, put together from the settings; and what an EVSE tells of itself to a local broker."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING

from hardware.api import BoardCapabilities
from shared.clock import Clock
from shared.ids import EvseId
from shared.metering import MeterReading
from station.charging_profiles import ChargingProfiles
from station.core.charging_profile import RateUnit
from station.core.current_limit import CurrentRules
from station.core.site_limit import AwayWatch, SiteLimit, SiteRules
from station.core.telemetry import EvseFacts, StationFacts
from station.evse_task import EvseTask
from station.limit_settings import LimitSettings
from station.limits import Limits
from station.settings import EvseSettings, StationSettings
from station.timekeeper import Timekeeper

if TYPE_CHECKING:
    from hardware.modbus import ModbusLine


def make_limits(
    settings: StationSettings,
    evses: Mapping[EvseId, EvseTask],
    profiles: ChargingProfiles,
    timekeeper: Timekeeper,
    is_online: Callable[[], bool],
) -> Limits:
    """Make the limits. `evses` may be filled later."""
    limits, uptime = settings.limits, timekeeper.clock.uptime()
    site = SiteLimit(_site_rules(limits), uptime) if limits.source != "none" else None
    away = AwayWatch(limits.csms_away_min * 60, limits.csms_away_a, uptime)
    return Limits(evses, profiles, timekeeper, site=site, away=away, is_online=is_online)


def _site_rules(limits: LimitSettings) -> SiteRules:
    return SiteRules(RateUnit(limits.unit), limits.maximum, limits.silent_after_s, limits.fail_safe_a)


def local_jobs(
    settings: StationSettings,
    lines: "Mapping[str, ModbusLine]",
    limits: Limits,
    clock: Clock,
    facts: Callable[[], Awaitable[StationFacts]],
) -> list[Coroutine[object, object, None]]:
    """Give the jobs around the site's limit and the local broker; `facts` gives what the broker is told."""
    jobs: list[Coroutine[object, object, None]] = []
    if limits.site and settings.limits.source == "modbus":
        from station.limit_register import LimitRegister

        line = lines[settings.limits.bus]
        jobs.append(LimitRegister(settings.limits, line, clock, limits, limits.site.rules).run())
    if settings.mqtt.host:
        from station.local_broker import LocalBroker

        jobs.append(LocalBroker(settings, limits, clock, facts).run())
    return jobs


def current_rules(evse: EvseSettings, limits: LimitSettings, board: BoardCapabilities) -> CurrentRules:
    """Give how an EVSE follows its limits."""
    return CurrentRules(
        board.minimum_a,
        evse.phases,
        evse.switches_phases and board.phase_switching and evse.phases == 3,
        limits.pause_s,
        limits.charge_s,
        limits.switch_every_s,
    )


def _currents(reading: MeterReading | None, phases: int) -> tuple[float | None, ...]:
    """Give the current of each phase, A; None where the meter does not tell it."""
    told = [current / 1000 for current in reading.currents] if reading else []
    return (*told, *([None] * phases))[:phases]


def evse_facts(evse: EvseTask) -> EvseFacts:
    """Give what is told of an EVSE."""
    charging = evse.charging
    reading, board = charging.reading, charging.board
    return EvseFacts(
        evse=charging.evse_id,
        state=charging.status,
        energy_wh=reading.energy_import if reading else None,
        power_w=reading.power if reading else None,
        currents_a=_currents(reading, evse.phases),
        offered_a=board.offered_current_a if board else 0,
        limit=charging.limit_text,
        faults=tuple(sorted(charging.faults)),
    )
