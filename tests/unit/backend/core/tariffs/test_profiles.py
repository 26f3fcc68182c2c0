"""Which tariff of a session counts when: switches, versions, and what the price and its record make of it."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.rates.cdr import CdrFacts, make_cdr, recompute
from backend.core.rates.charging_period import Between, MeterPoint
from backend.core.rates.pricing import Inputs, Priced, UnratableError, context_of, price
from backend.core.rates.rating_model import Policy, VersionSwitch
from backend.core.rates.recompute import differences
from backend.core.record import from_json, to_json
from backend.core.tariffs.assignment import Scope
from backend.core.tariffs.profiles import PLACES, Member, Switch, plan, set_problems, used
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_model import TariffType
from backend.core.tariffs.turns import Turn, TurnCause, turn_text
from shared.ids import IdToken
from shared.ocpp.session import dumps, loads
from shared.units import Wh

T0 = datetime(2026, 6, 25, 9, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
REGULAR, GREEN, FAST = TariffType.REGULAR, TariffType.PROFILE_GREEN, TariffType.PROFILE_FAST
LOCK, SWITCH = VersionSwitch.LOCK_AT_START, VersionSwitch.SWITCH


def minute(number: float) -> datetime:
    return T0 + timedelta(minutes=number)


def body(name: str, kwh_price: float, begin: datetime | None = None, **more: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": kwh_price, "vat": 19, "step_size": more.pop("step_size", 1)}
    elements = [{"price_components": [component]}]
    start = {"start_date_time": begin.isoformat()} if begin else {}
    return {"id": name, "currency": "EUR", "elements": elements, **start, **more}


def member(profile: TariffType, version: str, tariff: dict[str, Any]) -> Member:
    return Member(profile, version, parse_tariff(tariff))


GRID = member(REGULAR, "r1", body("grid", 0.42))
SUN = member(GREEN, "g1", body("sun", 0.25))
SET = (GRID, SUN)


def switch(at: float, profile: TariffType, scope: Scope = Scope.LOCATION) -> Switch:
    return Switch(scope, "here", minute(at), profile)


def told(*switches: Switch, members: tuple[Member, ...] = SET, mode: VersionSwitch = LOCK) -> list[tuple[float, str]]:
    turns = plan(members, switches, T0, minute(120), mode)
    return [((turn.start - T0) / timedelta(minutes=1), turn.version) for turn in turns]


def test_the_regular_tariff_counts_until_somebody_tells_another_profile() -> None:
    assert told() == [(0, "r1")]
    assert told(switch(40, GREEN)) == [(0, "r1"), (40, "g1")]


def test_what_was_in_force_before_the_session_holds_at_its_start_and_what_comes_at_its_end_does_not_count() -> None:
    assert told(switch(-900, GREEN), switch(120, REGULAR)) == [(0, "g1")]
    assert told(switch(0, GREEN)) == [(0, "g1")]


def test_switches_that_came_in_any_order_count_in_the_order_of_their_time() -> None:
    assert told(switch(60, REGULAR), switch(40, GREEN)) == [(0, "r1"), (40, "g1"), (60, "r1")]


def test_of_switches_at_one_time_the_last_one_counts_and_before_it_the_smaller_place() -> None:
    assert told(switch(40, GREEN), switch(40, REGULAR)) == [(0, "r1")]
    assert told(switch(40, REGULAR, Scope.EVSE), switch(40, GREEN)) == [(0, "r1")]
    assert told(switch(40, GREEN), switch(40, REGULAR, Scope.EVSE), switch(50, GREEN)) == [(0, "r1"), (50, "g1")]


def test_a_profile_without_a_tariff_counts_as_regular_and_says_so() -> None:
    assert told(switch(40, FAST)) == [(0, "r1")]
    (turn,) = plan(SET, [switch(-1, FAST)], T0, minute(120), LOCK)
    assert (turn.covered, turn.profile) == (False, FAST)
    assert "no tariff is assigned for it" in turn_text(turn)
    assert "kein Tarif zugeordnet" in turn_text(turn, "de")


def test_the_same_profile_told_again_changes_nothing() -> None:
    assert told(switch(40, GREEN), switch(50, GREEN), switch(60, GREEN)) == [(0, "r1"), (40, "g1")]


def test_a_version_that_becomes_valid_meanwhile_takes_over_only_where_that_was_chosen() -> None:
    later = member(GREEN, "g2", body("sun", 0.30, minute(60)))
    members = (*SET, later)
    assert told(switch(-5, GREEN), members=SET, mode=SWITCH) == [(0, "g1")]
    assert told(switch(-5, GREEN), members=members, mode=SWITCH) == [(0, "g1"), (60, "g2")]
    assert told(members=members, mode=SWITCH) == [(0, "r1")]
    turns = plan(members, [switch(-5, GREEN)], T0, minute(120), SWITCH)
    assert turns[1].cause is TurnCause.VERSION
    assert "next version is valid" in turn_text(turns[1])


def test_a_version_that_ends_gives_way_to_the_one_before_it() -> None:
    promotion = member(REGULAR, "r2", body("grid", 0.1, minute(30), end_date_time=minute(60).isoformat()))
    assert told(members=(GRID, promotion), mode=SWITCH) == [(0, "r1"), (30, "r2"), (60, "r1")]


@pytest.mark.parametrize("language", ["de", "en"])
def test_each_turn_tells_who_said_so(language: str) -> None:
    turn = Turn(T0, "sun", "g1", TurnCause.PROFILE, GREEN, since=T0, source="EMS", reason="PV 7 kW")
    assert "sun" in turn_text(turn, language)
    assert turn_text(turn, language).endswith("(EMS: PV 7 kW)")
    assert from_json(Turn, to_json(turn)) == turn


def test_tariffs_that_can_not_take_turns_are_named() -> None:
    good = [(one.profile, one.tariff) for one in SET]
    assert list(set_problems(good)) == []
    swiss = parse_tariff(body("swiss", 0.2) | {"currency": "CHF"})
    gross = parse_tariff(body("gross", 0.2) | {"tax_included": "YES"})
    cheap = parse_tariff(body("cheap", 0.2) | {"type": "PROFILE_CHEAP"})
    for other, words in ((swiss, "one currency"), (gross, "VAT"), (cheap, "PROFILE_CHEAP")):
        assert words in " ".join(set_problems([*good, (GREEN, other)]))
    assert "can't be the one for REGULAR" in " ".join(set_problems([(REGULAR, cheap)]))


def points(*rows: tuple[float, int]) -> tuple[MeterPoint, ...]:
    return tuple(MeterPoint(minute(at), Wh(energy)) for at, energy in rows)


EVEN = points((0, 0), (60, 6000), (120, 12_000))


def priced(turns: tuple[Turn, ...], members: tuple[Member, ...] = SET, **policy: Any) -> Priced:
    taken = used(members, turns)
    inputs = Inputs("Europe/Berlin", EVEN, Policy(**policy), turns=turns)
    return price(inputs, [one.tariff for one in taken])


def test_periods_are_cut_at_switches_and_say_where_the_register_was_interpolated() -> None:
    turns = plan(SET, [switch(30, GREEN), switch(60, REGULAR)], T0, minute(120), LOCK)
    result = priced(turns)
    cuts = [(p.tariff_id, p.start, int(p.energy), p.interpolated) for p in result.periods]
    assert cuts == [
        ("grid", T0, 3000, True),
        ("sun", minute(30), 3000, True),
        ("grid", minute(60), 6000, False),
    ]
    # 9 kWh at 0.42 and 3 kWh at 0.25
    assert result.rating.total_net == Decimal("4.53")
    assert [line.tariff_id for line in result.rating.lines] == ["grid", "sun", "grid"]


def test_where_nothing_may_be_interpolated_a_switch_between_two_values_is_held_or_priced_at_the_start() -> None:
    turns = plan(SET, [switch(30, GREEN)], T0, minute(120), LOCK)
    with pytest.raises(UnratableError, match=r"spans a price change at 2026-06-25T09:30:00Z"):
        priced(turns, between=Between.HOLD)
    at_start = priced(turns, between=Between.START_PRICE).rating
    assert at_start.total_net == Decimal("5.04")
    assert [note.code for note in at_start.notes] == ["priced_at_start"]


def test_a_session_is_not_cut_where_a_tariff_changes_whose_turn_it_is_not() -> None:
    night = body("grid", 0.42)
    night["elements"] = [
        {"price_components": night["elements"][0]["price_components"], "restrictions": {"start_time": "11:15"}},
        {"price_components": [{"type": "ENERGY", "price": 0.50, "vat": 19}]},
    ]
    members = (member(REGULAR, "r1", night), SUN)  # 11:15 in Berlin is minute 15
    turns = plan(members, [switch(-5, GREEN), switch(60, REGULAR)], T0, minute(120), LOCK)
    assert [p.start for p in priced(turns, members).periods] == [T0, minute(60)]


def test_a_step_is_not_carried_over_a_change_of_tariff() -> None:
    members = (member(REGULAR, "r1", body("grid", 0.42, step_size=5000)), SUN)
    turns = plan(members, [switch(60, GREEN)], T0, minute(120), LOCK)
    assert steps(turns, members) == [("grid", "6", "0"), ("sun", "6", "0")]
    back = plan(members, [switch(-5, GREEN), switch(60, REGULAR)], T0, minute(120), LOCK)
    assert steps(back, members) == [("sun", "6", "0"), ("grid", "10", "4")]


def steps(turns: tuple[Turn, ...], members: tuple[Member, ...]) -> list[tuple[str, str, str]]:
    """Give tariff, quantity and what of it a step added, of each line."""
    lines = priced(turns, members).rating.lines
    return [(line.tariff_id, f"{line.quantity:.0f}", f"{abs(line.added):.0f}") for line in lines]


def facts(members: tuple[Member, ...], turns: tuple[Turn, ...], bodies: dict[str, dict[str, Any]]) -> CdrFacts:
    first, *others = [bodies[one.version] for one in used(members, turns)]
    return CdrFacts(
        transaction_id=1,
        country="DE",
        charge_point_id="CP-1",
        charge_point_name="Hof",
        street="Weg 1",
        postcode="10115",
        city="Berlin",
        timezone="Europe/Berlin",
        evse_id=1,
        id_token=IdToken("04A2B3C4"),
        customer_id="K-1",
        started_at=T0,
        ended_at=minute(120),
        meter_start=Wh(0),
        meter_stop=Wh(12_000),
        tariff=first,
        tariff_version=turns[0].version,
        more_tariffs=tuple(others),
        turns=turns,
    )


switches = st.lists(
    st.builds(switch, st.integers(-100, 130), st.sampled_from([REGULAR, GREEN, FAST]), st.sampled_from(PLACES)),
    max_size=8,
)


@given(switches, st.sampled_from([LOCK, SWITCH]), st.integers(1, 119))
def test_whatever_is_told_the_record_alone_gives_the_same_price(
    told_switches: list[Switch], mode: VersionSwitch, becomes_valid: int
) -> None:
    bodies = {
        "r1": body("grid", 0.42),
        "g1": body("sun", 0.25, step_size=7),
        "r2": body("grid", 0.47, minute(becomes_valid)),
    }
    members = tuple(
        member(profile, name, bodies[name])
        for profile, name in ((REGULAR, "r1"), (GREEN, "g1"), (REGULAR, "r2"))
        if mode is SWITCH or name != "r2"
    )
    turns = plan(members, told_switches, T0, minute(120), mode)
    taken = used(members, turns)
    inputs = Inputs("Europe/Berlin", EVEN, Policy(version_switch=mode), turns=turns)
    result = price(inputs, [one.tariff for one in taken])
    cdr = loads(dumps(make_cdr(facts(members, turns, bodies), result.periods, result.rating, T0, context_of(inputs))))
    assert isinstance(cdr, dict)
    assert differences(to_json(result.rating), recompute(cdr)) == ()
    assert len(cdr["tariffs"]) == len(taken)
    named = [row["tariff_id"] for row in cdr["charging_periods"]]
    assert set(named) == {one.tariff.id for one in taken}
    assert sum(p.energy for p in result.periods) == 12_000
    again = from_json(Inputs, to_json(inputs))
    assert differences(to_json(result.rating), price(again, [one.tariff for one in taken]).rating) == ()
    assert json.loads(to_json(again))["turns"] == cdr.get("x_turns", [])
