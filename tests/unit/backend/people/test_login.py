"""How often one may try, from where, and how long a browser stays logged in; the clock is by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from backend.core.people.request_rate import Bucket, Rate, take
from backend.people import passwords
from backend.people.login import Login, LoginSettings
from backend.people.vault import Vault
from backend.store.writer import open_store
from shared.clock import ManualClock
from shared.ids import Secret
from tests.unit.backend.web.people import PASSWORD, add_people, add_second_operator
from tests.unit.backend.web.seed import NOW, seed

USER = "staff@op"
HOME, STRANGER = "192.0.2.1", "203.0.113.9"
SETTINGS = LoginSettings(tries=2, tries_of_address=4, tries_of_user=6)


def run(folder: Path, test: Callable[[Login, ManualClock], Awaitable[None]]) -> None:
    async def work() -> None:
        seed(folder / "emops.sqlite")
        async with open_store(folder / "emops.sqlite") as store:
            await store.write(add_second_operator)
            await store.write(add_people)
            clock = ManualClock(NOW)
            await test(Login(store, clock, SETTINGS, Vault(folder / "key")), clock)

    asyncio.run(work())


async def enters(login: Login, address: str, password: str = PASSWORD.value, name: str = USER) -> bool:
    return await login.log_in(name, Secret(password), address, "") is not None


def test_a_stranger_can_not_lock_a_user_out(tmp_path: Path) -> None:
    async def test(login: Login, _clock: ManualClock) -> None:
        assert await enters(login, HOME)
        for number in range(3):
            for _ in range(2):
                assert not await enters(login, f"203.0.113.{number}", "wrong")
            assert not await enters(login, f"203.0.113.{number}"), "paused there, even with the right password"
        assert not await enters(login, "198.51.100.1"), "after so many failures from everywhere a new address waits"
        assert await enters(login, HOME), "an address that the user came in from before does not"

    run(tmp_path, test)


def test_a_login_forgets_the_failures_of_its_address(tmp_path: Path) -> None:
    async def test(login: Login, _clock: ManualClock) -> None:
        for _ in range(3):
            assert not await enters(login, STRANGER, "wrong", "nobody")
            assert not await enters(login, STRANGER, "wrong")
            assert await enters(login, STRANGER)

    run(tmp_path, test)


def test_a_pause_ends(tmp_path: Path) -> None:
    async def test(login: Login, clock: ManualClock) -> None:
        for _ in range(2):
            assert not await enters(login, HOME, "wrong")
        assert not await enters(login, HOME)
        clock.advance(SETTINGS.pause_s)
        assert await enters(login, HOME)

    run(tmp_path, test)


def test_a_browser_is_logged_out_when_idle_and_in_any_case(tmp_path: Path) -> None:
    async def test(login: Login, clock: ManualClock) -> None:
        idle = await login.log_in(USER, PASSWORD, HOME, "")
        busy = await login.log_in(USER, PASSWORD, HOME, "")
        assert idle
        assert busy
        until = NOW + timedelta(seconds=SETTINGS.longest_s)
        while clock.utc() + timedelta(seconds=SETTINGS.idle_s / 2) < until:
            clock.advance(SETTINGS.idle_s / 2)
            assert await login.by_cookie(busy.cookie.value)
        assert await login.by_cookie(idle.cookie.value) is None
        clock.advance(SETTINGS.idle_s / 2)
        assert await login.by_cookie(busy.cookie.value) is None

    run(tmp_path, test)


def test_a_wrong_name_costs_as_much_hashing_as_a_wrong_password(tmp_path: Path) -> None:
    """The same path of code is gone through; times are not measured."""
    before = passwords._nobodys.cache_info()

    async def test(login: Login, _clock: ManualClock) -> None:
        assert not await enters(login, HOME, "wrong", "nobody")

    run(tmp_path, test)
    after = passwords._nobodys.cache_info()
    assert after.hits + after.misses == before.hits + before.misses + 1


def test_a_bucket_gives_a_minutes_worth_and_fills_steadily() -> None:
    rate, bucket, wait = Rate(60), None, 0.0
    for _ in range(60):
        bucket, wait = take(bucket, rate, 5.0)
        assert wait == 0
    bucket, wait = take(bucket, rate, 5.0)
    assert wait == 1
    assert take(bucket, rate, 6.0)[1] == 0
    assert take(Bucket(0, 0), rate, 3600.0)[0].left == 59
