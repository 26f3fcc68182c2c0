import asyncio
from datetime import UTC, datetime, timedelta

from shared.clock import ManualClock, SystemClock, TimeLapse, boot_id

_NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


def test_a_time_lapse_moves_time_of_day_and_uptime_alike() -> None:
    real = ManualClock(_NOON, uptime=1000.0)
    lapse = TimeLapse(datetime(2026, 1, 1, tzinfo=UTC), _NOON, 400.0, real)
    before = lapse.uptime()
    real.advance(9)
    assert lapse.utc() == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert lapse.uptime() - before == 3600


def test_two_programs_given_the_same_lapse_agree() -> None:
    real = ManualClock(_NOON, uptime=5.0)
    first, second = (TimeLapse(_NOON, _NOON, 60.0, real) for _ in range(2))
    real.advance(7)
    assert first.utc() == second.utc() == _NOON + timedelta(minutes=7)


def test_sleepers_of_a_manual_clock_wake_in_world_time() -> None:
    async def scenario() -> list[str]:
        clock, woken = ManualClock(_NOON), list[str]()

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("late", 20))
            group.create_task(sleeper("early", 10))
            await asyncio.sleep(0)
            clock.advance(10)
            await asyncio.sleep(0)
            assert woken == ["early"]
            clock.advance(10)
        return woken

    assert asyncio.run(scenario()) == ["early", "late"]


def test_setting_the_wall_clock_leaves_uptime_alone() -> None:
    clock = ManualClock(_NOON, uptime=3.0)
    clock.set_utc(_NOON - timedelta(days=3650))
    assert clock.uptime() == 3.0


def test_the_machine_tells_its_boot() -> None:
    assert len(boot_id()) == 36
    assert SystemClock().utc().tzinfo is UTC
