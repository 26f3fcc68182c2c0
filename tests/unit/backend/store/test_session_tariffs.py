"""Sessions with several tariffs, from master data over the station's messages to the price and its record."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.rates.cdr import recompute as recompute_cdr
from backend.core.rates.pricing import Inputs
from backend.core.rates.rating import Policy, Rating
from backend.core.rates.recompute import differences
from backend.core.record import from_json
from backend.core.tariffs.turns import Turn
from backend.errors import ApplyError, ReportError
from backend.jobs.live_price import LivePrices
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import recompute
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.services.profiles import Switched, SwitchRequest, switch_profile
from backend.store import usage
from backend.store.ratings import ask_rerating, current_rating
from backend.store.running import running_transactions
from backend.store.tariffs import list_assignments
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ocpp.session import loads
from shared.ocpp.v16 import timestamp
from tests.unit.backend.world import MASTER, NOW, Station, open_world

CASES = {case["id"]: case for case in json.loads(Path("tests/cases/tariff_scenarios.json").read_text("utf-8"))}
NINE = datetime(2026, 6, 25, 9, tzinfo=UTC)
CLOCK = ManualClock(datetime(2027, 2, 1, tzinfo=UTC))
WITHOUT_TARIFFS = MASTER[: MASTER.index("[[tariff]]")].replace(
    'id = "CP-1"\noperator = "muster"', 'id = "CP-1"\noperator = "muster"\nlocation = "Hof"'
)


def tariff(name: str, price: object, valid_from: str = "2026-01-01T00:00:00+01:00", more: str = "") -> str:
    return (
        f'[[tariff]]\noperator = "muster"\nvalid_from = {valid_from}\nid = "{name}"\ncurrency = "EUR"\n'
        f'elements = [{{ price_components = [{{ type = "ENERGY", price = {price}, vat = 19, step_size = 1 }}] }}]\n'
        f"{more}\n"
    )


def assignment(tariff_id: str, profiles: Mapping[str, str], more: str = "") -> str:
    head = f'[[assignment]]\noperator = "muster"\ntariff = "{tariff_id}"\nscope = "location"\ntarget = "Hof"\n{more}\n'
    rows = [f'[[assignment.profile]]\nprofile = "{name}"\ntariff = "{one}"\n' for name, one in profiles.items()]
    return head + "".join(rows)


GREEN = {"PROFILE_GREEN": "sun"}
SET = WITHOUT_TARIFFS + tariff("grid", 0.42) + tariff("sun", 0.25) + assignment("grid", GREEN)


@dataclass(slots=True)
class Site:
    """A site with a station; registers are in Wh, times in minutes after `begin`."""

    store: Store
    station: Station
    begin: datetime = NINE

    def at(self, minute: float) -> str:
        return timestamp(self.begin + timedelta(minutes=minute))

    async def start(self, register: int = 1000) -> int:
        await self.station.report_connector()
        payload = {"connectorId": 1, "idTag": "04A2B3C4", "meterStart": register, "timestamp": self.at(0)}
        number = (await self.station.call("StartTransaction", payload))["transactionId"]
        assert isinstance(number, int)
        return number

    async def meter(self, number: int, *rows: tuple[float, int]) -> None:
        values = [{"timestamp": self.at(at), "sampledValue": [{"value": str(wh)}]} for at, wh in rows]
        await self.station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values})

    async def stop(self, number: int, minute: float, register: int) -> None:
        payload = {"transactionId": number, "meterStop": register, "timestamp": self.at(minute)}
        await self.station.call("StopTransaction", payload)

    async def charge(self, *rows: tuple[float, int]) -> int:
        """Charge from the first register to the last, with meter values in between."""
        number = await self.start(rows[0][1])
        if rows[1:-1]:
            await self.meter(number, *rows[1:-1])
        await self.stop(number, *rows[-1])
        return number

    async def switch(self, minute: float, profile: str, scope: str = "location", target: str = "Hof") -> Switched:
        at = self.begin + timedelta(minutes=minute)
        wanted = SwitchRequest(scope, target, at, profile, "EMS", "PV")
        return await self.store.write(lambda unit: switch_profile(unit, wanted, CLOCK.utc()))

    async def apply(self, master: str) -> None:
        await self.store.write(lambda unit: apply(unit, parse_master_data(master), NOW))

    async def rate(self) -> None:
        for _ in range(3):
            await rate_ended(self.store, CLOCK, Policy())

    async def rows(self, query: str) -> list[Any]:
        return await self.store.read(lambda unit: list(unit.execute(text(query))))

    async def state(self, number: int = 1) -> tuple[str, str]:
        (row,) = await self.rows(f"SELECT state, held_reason FROM charging_transaction WHERE id = {number}")
        return row.state, row.held_reason

    async def rating(self, number: int = 1) -> Rating:
        stored = await self.store.read(lambda unit: current_rating(unit, number))
        assert stored is not None, await self.state(number)
        return from_json(Rating, stored.body)

    async def turns(self, number: int = 1) -> tuple[Turn, ...]:
        stored = await self.store.read(lambda unit: current_rating(unit, number))
        assert stored is not None
        return from_json(Inputs, stored.inputs).turns

    async def prove(self) -> None:
        """Each stored rating and each CDR must give the same price again."""
        proof = await recompute(self.store)
        assert proof.checked
        assert proof.differences == ()
        query = "SELECT cdr.body, rating.body FROM cdr JOIN rating ON rating.id = cdr.rating_id"
        later = "SELECT c.body, r.body FROM cdr_correction c JOIN rating r ON r.id = c.rating_id"
        for row in [*await self.rows(query), *await self.rows(later)]:
            cdr = loads(row[0])
            assert isinstance(cdr, dict)
            assert differences(row[1], recompute_cdr(cdr)) == ()


def at_site(tmp_path: Path, master: str, story: Any, begin: datetime = NINE) -> None:  # Any: an async function
    async def run() -> None:
        async with open_world(tmp_path, master) as store:
            await story(Site(store, Station(store), begin))

    asyncio.run(run())


def expected(case: str, key: str) -> Any:
    return CASES[case]["expected"][key]


def price_of(case: str, index: int) -> object:
    return CASES[case]["tariff"][index]["elements"][0]["price_components"][0]["price"]


def test_solar_and_grid_energy_of_one_stored_session(tmp_path: Path) -> None:
    """Scenario B1: periods that name their tariff, told by switches."""
    green, grid = price_of("B1", 0), price_of("B1", 1)
    master = WITHOUT_TARIFFS + tariff("grid", grid, more='type = "REGULAR"')
    master += tariff("sun", green, more='type = "PROFILE_GREEN"') + assignment("grid", GREEN)

    async def story(site: Site) -> None:
        await site.switch(-30, "PROFILE_GREEN")
        await site.switch(40, "REGULAR")
        await site.switch(60, "PROFILE_GREEN")
        await site.charge((0, 1000), (40, 5200), (60, 7200), (120, 13_500))
        await site.rate()
        rating = await site.rating()
        for name in ("total_net", "total_vat", "total_gross"):
            assert getattr(rating, name) == Decimal(expected("B1", name))
        assert rating.exact_gross == Decimal(expected("B1", "total_gross_exact"))
        assert [(line.tariff_id, line.quantity, line.net) for line in rating.lines] == [
            ("sun", Decimal("4.2"), Decimal("1.05")),
            ("grid", Decimal("2"), Decimal("0.84")),
            ("sun", Decimal("6.3"), Decimal("1.575")),
        ]
        ((body,),) = await site.rows("SELECT body FROM cdr")
        cdr = json.loads(body)
        assert [one["id"] for one in cdr["tariffs"]] == ["sun", "grid"]
        assert [one["tariff_id"] for one in cdr["charging_periods"]] == ["sun", "grid", "sun"]
        assert [one["source"] for one in cdr["x_turns"]] == ["EMS"] * 3
        await site.prove()

    at_site(tmp_path, master, story)


@pytest.mark.parametrize("mode", ["lock_at_start", "switch_mode"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_new_version_at_the_turn_of_the_year(tmp_path: Path, mode: str, when: str) -> None:
    """Scenario S25: what was valid at the start counts, or each version in its time."""
    case = f"S25-{mode}"
    master = WITHOUT_TARIFFS + tariff("home", price_of(case, 0))
    master += assignment("home", {}, f'version_switch = "{mode}"')
    new_year = master + tariff("home", price_of(case, 1), "2027-01-01T00:00:00+01:00")

    async def story(site: Site) -> None:
        if when == "before":
            await site.apply(new_year)
        number = await site.start()
        await site.meter(number, (40, 12_000))
        await site.apply(new_year)
        await site.stop(number, 110, 26_000)
        await site.rate()
        rating = await site.rating()
        for name in ("total_net", "total_vat", "total_gross"):
            assert getattr(rating, name) == Decimal(expected(case, name))
        assert [line.unit_price for line in rating.lines] == [Decimal(row[6]) for row in expected(case, "lines")] or (
            mode == "lock_at_start" and {line.unit_price for line in rating.lines} == {Decimal("0.49")}
        )
        ((body,),) = await site.rows("SELECT body FROM cdr")
        assert len(json.loads(body)["tariffs"]) == (2 if mode == "switch_mode" else 1)
        await site.prove()

    at_site(tmp_path, master, story, datetime(2026, 12, 31, 22, 20, tzinfo=UTC))


def test_a_version_that_is_published_after_the_rating_changes_nothing(tmp_path: Path) -> None:
    master = WITHOUT_TARIFFS + tariff("home", 0.49) + assignment("home", {}, 'version_switch = "switch_mode"')

    async def story(site: Site) -> None:
        await site.charge((0, 0), (120, 12_000))
        await site.rate()
        await site.apply(master + tariff("home", 0.99, "2026-06-25T10:00:00Z"))
        await site.store.write(lambda unit: ask_rerating(unit, [1], "by hand"))
        await site.rate()
        assert (await site.rating()).total_net == Decimal("5.88")
        assert len(await site.rows("SELECT id FROM rating")) == 1

    at_site(tmp_path, master, story)


def test_a_switch_that_comes_weeks_late_lets_the_session_be_rated_again(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await site.charge((0, 0), (60, 6000), (120, 12_000))
        await site.rate()
        assert (await site.rating()).total_net == Decimal("5.04")
        assert await site.switch(60, "PROFILE_GREEN") == Switched(stored=True, sessions=1)
        await site.rate()
        assert (await site.rating()).total_net == Decimal("4.02")
        first, second = await site.rows("SELECT reason, total_net FROM rating ORDER BY id")
        assert first.reason == "session ended"
        assert second.reason == (
            "profile PROFILE_GREEN was told for location Hof from 2026-06-25T10:00:00Z, after the rating"
        )
        (chain,) = await site.rows("SELECT credit_body, body FROM cdr_correction")
        credit, new = json.loads(chain.credit_body), json.loads(chain.body)
        assert (credit["id"], credit["total_cost"]["excl_vat"], new["id"]) == ("1-C1", -5.04, "1-R1")
        assert new["total_cost"]["excl_vat"] == 4.02
        await site.prove()

    at_site(tmp_path, SET, story)


def test_the_same_switch_again_is_known_and_one_that_corrects_it_counts(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await site.switch(60, "PROFILE_GREEN")
        assert await site.switch(60, "PROFILE_GREEN") == Switched(stored=False, sessions=0)
        await site.charge((0, 0), (60, 6000), (120, 12_000))
        await site.rate()
        assert await site.switch(60, "PROFILE_GREEN") == Switched(stored=False, sessions=0)
        assert await site.switch(60, "REGULAR") == Switched(stored=True, sessions=1)
        await site.rate()
        assert (await site.rating()).total_net == Decimal("5.04")
        assert await site.switch(60, "PROFILE_GREEN") == Switched(stored=True, sessions=1)
        await site.rate()
        assert (await site.rating()).total_net == Decimal("4.02")
        assert len(await site.rows("SELECT id FROM profile_switch")) == 3
        await site.prove()

    at_site(tmp_path, SET, story)


def test_only_sessions_in_whose_time_and_place_it_is_in_force_are_rated_again(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await site.charge((0, 0), (60, 6000))
        await site.rate()
        assert (await site.switch(60, "PROFILE_GREEN")).sessions == 0
        await site.switch(-60, "REGULAR")
        await site.rate()
        assert (await site.switch(-120, "PROFILE_GREEN")).sessions == 0
        assert (await site.switch(30, "PROFILE_GREEN", "charge_point", "CP-2")).sessions == 0
        assert (await site.switch(30, "PROFILE_GREEN", "evse", "CP-1/1")).sessions == 1

    at_site(tmp_path, SET, story)


def test_a_switch_without_effect_on_the_price_appends_no_rating(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await site.charge((0, 0), (60, 6000))
        await site.rate()
        assert (await site.switch(30, "PROFILE_FAST")).sessions == 1
        await site.rate()
        assert len(await site.rows("SELECT id FROM rating")) == 1
        assert await site.rows("SELECT id FROM charging_transaction WHERE rerate_reason != ''") == []

    at_site(tmp_path, SET, story)


def test_a_session_with_one_tariff_is_left_alone(tmp_path: Path) -> None:
    master = WITHOUT_TARIFFS + tariff("grid", 0.42) + assignment("grid", {})

    async def story(site: Site) -> None:
        await site.charge((0, 0), (60, 6000))
        await site.rate()
        assert await site.switch(30, "PROFILE_GREEN") == Switched(stored=True, sessions=0)
        assert await site.turns() == ()
        await site.prove()

    at_site(tmp_path, master, story)


@pytest.mark.parametrize(
    ("day", "change"),
    [(datetime(2026, 3, 29, tzinfo=UTC), "01:30"), (datetime(2026, 10, 25, tzinfo=UTC), "02:30")],
)
def test_a_night_in_which_the_clocks_change(tmp_path: Path, day: datetime, change: str) -> None:
    """The night price ends at 01:30 or 02:30 at the wall, which comes twice in autumn; a switch counts once."""
    night = '{ price_components = [{ type = "ENERGY", price = 0.30, vat = 19 }], restrictions = { end_time = "%s" } }'
    day_price = '{ price_components = [{ type = "ENERGY", price = 0.50, vat = 19 }] }'
    elements = f"elements = [{night % change}, {day_price}]"
    plain = tariff("grid", 0.42)
    grid = plain[: plain.index("elements")] + elements + "\n"
    master = WITHOUT_TARIFFS + grid + tariff("sun", 0.10) + assignment("grid", GREEN)

    async def story(site: Site) -> None:
        await site.switch(45, "PROFILE_GREEN")
        await site.switch(75, "REGULAR")
        await site.charge((0, 0), (180, 18_000))
        await site.rate()
        rating = await site.rating()
        assert sum(line.quantity for line in rating.lines) == 18
        spans = [(line.tariff_id, line.unit_price, line.quantity) for line in rating.lines]
        green = ("sun", Decimal("0.1"), Decimal(3))
        if day.month == 3:  # 01:30 at the wall is minute 30; at minute 60 the wall jumps from 02:00 to 03:00
            low, high = Decimal("0.30"), Decimal("0.50")
            assert spans == [("grid", low, 3), ("grid", high, Decimal("1.5")), green, ("grid", high, Decimal("10.5"))]
        else:  # the wall shows 02:30 at minutes 30 and 90, and 02:00 again at minute 60
            assert spans == [
                ("grid", Decimal("0.30"), 3),
                ("grid", Decimal("0.50"), Decimal("1.5")),
                green,
                ("grid", Decimal("0.30"), Decimal("1.5")),
                ("grid", Decimal("0.50"), 9),
            ]
        await site.prove()

    at_site(tmp_path, master, story, day)


def test_a_running_session_shows_the_price_of_what_is_in_force(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        prices = LivePrices(site.store, Policy())

        async def total() -> tuple[Decimal, list[str]]:
            running = await site.store.read(running_transactions)
            live = (await prices.of(running))[1]
            assert live.rating, live.reason
            return live.rating.total_net, [turn.tariff_id for turn in live.turns]

        number = await site.start(0)
        await site.meter(number, (60, 6000))
        assert await total() == (Decimal("2.52"), ["grid"])
        await site.switch(30, "PROFILE_GREEN")
        assert await total() == (Decimal("2.01"), ["grid", "sun"])
        await site.meter(number, (120, 12_000))
        assert await total() == (Decimal("3.51"), ["grid", "sun"])

    at_site(tmp_path, SET, story)


def test_a_switch_that_comes_in_while_the_job_computes_is_not_lost(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(site: Site) -> None:
        await site.charge((0, 0), (60, 6000), (120, 12_000))
        original, name = usage.later_sessions, "backend.jobs.rate_ended.later_sessions"

        loop = asyncio.get_running_loop()

        def interrupted(*args: Any) -> Any:
            monkeypatch.setattr(name, original)
            asyncio.run_coroutine_threadsafe(site.switch(60, "PROFILE_GREEN"), loop).result()
            return original(*args)

        monkeypatch.setattr(name, interrupted)
        await rate_ended(site.store, CLOCK, Policy())
        assert await site.state() == ("ended", "")
        await site.rate()
        assert (await site.rating()).total_net == Decimal("4.02")
        assert len(await site.rows("SELECT id FROM rating")) == 1

    at_site(tmp_path, SET, story)


def test_a_session_keeps_the_versions_of_its_start(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        number = await site.start(0)
        await site.apply(SET + tariff("sun", 0.99, "2026-06-25T10:00:00Z"))
        await site.apply(SET.replace('tariff = "sun"', 'tariff = "grid"'))
        await site.switch(0, "PROFILE_GREEN")
        await site.stop(number, 120, 10_000)
        await site.rate()
        assert (await site.rating()).total_net == Decimal("2.50")
        (version,) = await site.rows(
            "SELECT v.tariff_id FROM rating r JOIN tariff_version v ON v.id = tariff_version_id"
        )
        assert version.tariff_id == "sun"
        await site.prove()

    at_site(tmp_path, SET, story)


def test_a_profile_whose_tariff_has_no_version_yet_holds_the_session(tmp_path: Path) -> None:
    master = WITHOUT_TARIFFS + tariff("grid", 0.42) + tariff("sun", 0.25, "2026-07-01T00:00:00Z")

    async def story(site: Site) -> None:
        await site.charge((0, 0), (60, 6000))
        await site.rate()
        state, reason = await site.state()
        assert (state, "tariff sun of location Hof has no version valid at" in reason) == ("held", True)

    at_site(tmp_path, master + assignment("grid", GREEN), story)


def test_quotas_of_a_profile_count_over_sessions(tmp_path: Path) -> None:
    quota = 'x_quota = { free_kwh = 5, scope = "contract", period = "calendar_month" }'
    master = WITHOUT_TARIFFS + tariff("grid", 0.42) + tariff("sun", 0.25, more=quota) + assignment("grid", GREEN)

    async def story(site: Site) -> None:
        await site.switch(-600, "PROFILE_GREEN")
        await site.charge((0, 0), (60, 4000))
        site.begin += timedelta(hours=5)
        await site.charge((0, 4000), (60, 8000))
        await site.rate()
        assert [(await site.rating(number)).total_net for number in (1, 2)] == [Decimal("0.00"), Decimal("0.75")]
        site.begin -= timedelta(hours=5)
        await site.switch(60, "PROFILE_GREEN")
        await site.switch(30, "REGULAR")
        await site.rate()
        # The first took 2 kWh from the grid, so 2 kWh more are free for the second.
        assert [(await site.rating(number)).total_net for number in (1, 2)] == [Decimal("0.84"), Decimal("0.25")]
        await site.prove()

    at_site(tmp_path, master, story)


WRONG: Sequence[tuple[str, str]] = (
    (assignment("grid", {"PROFILE_GREEN": "moon"}), "has no tariff 'moon'"),
    (assignment("grid", {"PROFILE_BLUE": "sun"}), "PROFILE_BLUE"),
    (assignment("grid", {"PROFILE_GREEN": "swiss"}), "must share one currency"),
    (assignment("green", GREEN), "can't be the one for REGULAR"),
    (assignment("grid", {"PROFILE_CHEAP": "green"}), "can't be the one for PROFILE_CHEAP"),
    (assignment("grid", GREEN) + '[[assignment.profile]]\nprofile = "PROFILE_GREEN"\ntariff = "sun"', "one tariff"),
    (assignment("grid", {}, 'version_switch = "sometimes"'), "version_switch"),
)


@pytest.mark.parametrize(("addition", "words"), WRONG)
def test_a_set_that_can_not_be_used_is_refused(tmp_path: Path, addition: str, words: str) -> None:
    swiss = tariff("swiss", 0.3).replace("EUR", "CHF") + tariff("green", 0.2, more='type = "PROFILE_GREEN"')

    async def story(site: Site) -> None:
        with pytest.raises(ApplyError, match=words):
            await site.apply(SET.replace(assignment("grid", GREEN), "") + swiss + addition)
        assert await site.store.read(lambda unit: len(list_assignments(unit))) == 1

    at_site(tmp_path, SET, story)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (SwitchRequest("location", "Nord", NINE, "REGULAR"), "there is no location 'Nord'"),
        (SwitchRequest("location", "", NINE, "REGULAR"), "there is no location ''"),
        (SwitchRequest("evse", "CP-1", NINE, "REGULAR"), "there is no evse 'CP-1'"),
        (SwitchRequest("evse", "CP-1/7", NINE, "REGULAR"), "there is no evse 'CP-1/7'"),
        (SwitchRequest("customer", "K-1", NINE, "REGULAR"), "must be one of location, charge_point, evse"),
        (SwitchRequest("location", "Hof", NINE, "AD_HOC_PAYMENT"), "must be one of REGULAR"),
        (SwitchRequest("location", "Hof", NINE.replace(tzinfo=None), "REGULAR"), "needs its offset"),
        (SwitchRequest("location", "Hof", NINE, "REGULAR", reason="x" * 201), "at most 200"),
        (SwitchRequest("location", "Hof", NINE, "REGULAR", operator="other"), "there is no location"),
    ],
)
def test_a_switch_that_can_not_be_meant_is_refused(tmp_path: Path, wanted: SwitchRequest, words: str) -> None:
    async def story(site: Site) -> None:
        with pytest.raises(ReportError, match=words):
            await site.store.write(lambda unit: switch_profile(unit, wanted, NINE))
        assert await site.rows("SELECT id FROM profile_switch") == []

    at_site(tmp_path, SET, story)
