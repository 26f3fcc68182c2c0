"""What is kept of charging profiles, and what is refused with which word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from station.core.charging_profile import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    OCPP2_RULES,
    OCPP16_RULES,
    ChargingProfile,
    Criteria,
    Installed,
    InstallRules,
    Kind,
    Period,
    ProfileRefused,
    Profiles,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
    bind,
    clear,
    decode,
    encode,
    install,
    release,
)

T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
KEY = TransactionKey("tx1")
CARD = IdToken("CARD")


def schedule(*limits: tuple[int, str], **more: object) -> Schedule:
    plain = Schedule(RateUnit.AMPERE, tuple(Period(start, Decimal(limit)) for start, limit in limits), T0)
    return replace(plain, **more)  # type: ignore[arg-type]  # fields by name


def profile(number: int = 1, purpose: Purpose = Purpose.TX_DEFAULT, **more: object) -> ChargingProfile:
    plain = ChargingProfile(number, 0, purpose, Kind.ABSOLUTE, schedule((0, "10")))
    return replace(plain, **more)  # type: ignore[arg-type]  # likewise


def put(
    kept: Profiles,
    new: ChargingProfile,
    evse_id: int = 1,
    rules: InstallRules = OCPP2_RULES,
    running: TransactionKey | None = None,
) -> Profiles:
    outcome = install(kept, Installed(EvseId(evse_id), new, T0), rules, running=running)
    assert not isinstance(outcome, ProfileRefused), outcome
    return outcome


def numbers(kept: Profiles) -> list[int]:
    return [each.profile.number for each in kept]


BOTH = (OCPP16_RULES, OCPP2_RULES)
NEW = (OCPP2_RULES,)


@pytest.mark.parametrize(
    ("evse_id", "new", "rules", "code"),
    [
        (0, profile(purpose=Purpose.EXTERNAL), BOTH, "InvalidProfile"),
        (1, profile(purpose=Purpose.STATION_MAX), BOTH, "InvalidProfile"),
        (0, profile(purpose=Purpose.TX), BOTH, "InvalidProfile"),
        (1, profile(transaction=KEY), BOTH, "InvalidProfile"),
        (1, profile(stack_level=MAX_STACK_LEVEL + 1), BOTH, "InvalidStackLevel"),
        (1, profile(valid_from=T0, valid_to=T0), BOTH, "InvalidProfile"),
        (1, profile(kind=Kind.RECURRING), BOTH, "InvalidProfile"),
        (1, profile(kind=Kind.RECURRING, recurrence=Recurrence.DAILY, schedule=schedule((0, "6"), start=None)), BOTH,
         "InvalidProfile"),
        (1, profile(schedule=schedule((0, "6"), start=None)), NEW, "InvalidSchedule"),
        (1, profile(kind=Kind.RELATIVE), NEW, "InvalidSchedule"),
        (0, profile(purpose=Purpose.STATION_MAX, kind=Kind.RELATIVE, schedule=schedule((0, "6"), start=None)), NEW,
         "InvalidProfile"),
        (1, profile(schedule=schedule()), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule(*((n, "6") for n in range(MAX_PERIODS + 1)))), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule((1, "6"))), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule((0, "6"), (60, "8"), (60, "9"))), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule((0, "-1"))), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule((0, "6"), duration_s=0)), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule(periods=(Period(0, Decimal(6), 4),))), BOTH, "InvalidSchedule"),
        (1, profile(schedule=schedule(periods=(Period(0, Decimal(6), 1, 2),))), BOTH, "InvalidSchedule"),
        (1, profile(purpose=Purpose.TX, transaction=KEY), BOTH, "TxNotFound"),
        (1, profile(purpose=Purpose.TX), NEW, "MissingParam"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_word_and_changes_nothing(
    evse_id: int, new: ChargingProfile, rules: tuple[InstallRules, ...], code: str
) -> None:
    for rule in rules:
        outcome = install((), Installed(EvseId(evse_id), new, T0), rule, running=None)
        assert isinstance(outcome, ProfileRefused)
        assert outcome.code == code
        assert outcome.why


@pytest.mark.parametrize("rules", BOTH)
def test_the_same_number_replaces_wherever_it_was(rules: InstallRules) -> None:
    kept = put((), profile(7), 1, rules)
    kept = put(kept, profile(7, schedule=schedule((0, "6"))), 2, rules)
    assert [(each.evse_id, each.profile.schedule.periods[0].limit) for each in kept] == [(2, Decimal(6))]


def test_in_1_6_the_same_place_replaces() -> None:
    kept = put((), profile(1), 1, OCPP16_RULES)
    kept = put(kept, profile(2), 2, OCPP16_RULES)
    kept = put(kept, profile(3), 0, OCPP16_RULES)
    assert numbers(put(kept, profile(4), 1, OCPP16_RULES)) == [2, 3, 4]
    assert numbers(put(kept, profile(5, stack_level=1), 1, OCPP16_RULES)) == [1, 2, 3, 5]


def test_in_2_0_1_the_same_place_is_refused_unless_they_never_meet() -> None:
    kept = put((), profile(1, valid_to=T0), 1)
    for evse_id in (1, 0):
        refused = install(kept, Installed(EvseId(evse_id), profile(2), T0), OCPP2_RULES, running=None)
        assert isinstance(refused, ProfileRefused)
        assert refused.code == "DuplicateProfile"
    assert numbers(put(kept, profile(2, valid_from=T0), 1)) == [1, 2]
    assert numbers(put(kept, profile(2), 2)) == [1, 2]


def test_no_more_than_a_station_can_hold() -> None:
    kept: Profiles = ()
    for number in range(MAX_PROFILES):
        kept = put(kept, profile(number, stack_level=number % 20), number // 20 + 1)
    outcome = install(kept, Installed(EvseId(9), profile(999), T0), OCPP2_RULES, running=None)
    assert isinstance(outcome, ProfileRefused)
    assert len(put(kept, profile(3), 9)) == MAX_PROFILES


def test_a_tx_profile_belongs_to_the_transaction_that_runs() -> None:
    tx = profile(purpose=Purpose.TX)
    kept = put((), tx, 1, OCPP16_RULES, running=KEY)
    assert kept[0].profile.transaction == KEY
    other = install(
        (), Installed(EvseId(1), replace(tx, transaction=TransactionKey("x")), T0), OCPP16_RULES, running=KEY
    )
    assert isinstance(other, ProfileRefused)
    assert release(kept, EvseId(2)) == kept
    assert release(kept, EvseId(1), KEY) == kept
    assert release(kept, EvseId(1)) == ()


def test_a_profile_of_a_remote_start_waits_for_its_own_driver() -> None:
    waiting = Installed(EvseId(1), profile(purpose=Purpose.TX), T0, CARD)
    kept = install((), waiting, OCPP2_RULES, running=None)
    assert isinstance(kept, tuple)
    assert bind(kept, EvseId(2), KEY, CARD) == kept
    assert bind(kept, EvseId(1), KEY, IdToken("OTHER")) == ()
    (bound,) = bind(kept, EvseId(1), KEY, CARD)
    assert (bound.profile.transaction, bound.awaits) == (KEY, None)
    assert release(kept, EvseId(1)) == ()


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        (Criteria(), []),
        (Criteria((2, 3)), [1, 4]),
        (Criteria((9,)), [1, 2, 3, 4]),
        (Criteria(evse_id=EvseId(0)), [2, 3, 4]),
        (Criteria(purpose=Purpose.TX_DEFAULT), [1]),
        (Criteria(stack_level=3), [1, 2, 4]),
        (Criteria(evse_id=EvseId(1), purpose=Purpose.TX_DEFAULT, stack_level=0), [1, 3, 4]),
    ],
)
def test_clearing_takes_what_matches_all(criteria: Criteria, left: list[int]) -> None:
    kept = put((), profile(1, Purpose.STATION_MAX), 0)
    kept = put(put(put(kept, profile(2), 1), profile(3, stack_level=3), 1), profile(4), 2)
    assert numbers(clear(kept, criteria)) == left


def test_what_the_central_system_did_not_set_it_can_t_clear() -> None:
    external = Installed(EvseId(0), profile(purpose=Purpose.EXTERNAL), T0)
    assert clear((external,), Criteria()) == (external,)


def test_profiles_survive_the_journal() -> None:
    full = profile(
        3,
        Purpose.TX,
        kind=Kind.RECURRING,
        recurrence=Recurrence.WEEKLY,
        valid_from=T0,
        valid_to=T0 + timedelta(days=1),
        transaction=KEY,
        schedule=Schedule(RateUnit.WATT, (Period(0, Decimal("4140.5"), 1, 2),), T0, 60, Decimal("6.1"), 9),
    )
    kept = (Installed(EvseId(1), full, T0, CARD), Installed(EvseId(0), profile(), T0))
    assert decode(encode(kept)) == kept


@pytest.mark.parametrize("text", ["", "{", "[1]", "[{}]", '[{"evse": 1}]', "null"])
def test_what_can_t_be_read_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


def test_of_two_remote_starts_only_the_last_may_bring_its_profile() -> None:
    kept: Profiles = ()
    for number, card in ((1, "FIRST"), (2, "SECOND")):
        waiting = Installed(EvseId(1), profile(number, Purpose.TX), T0, IdToken(card))
        outcome = install(kept, waiting, OCPP2_RULES, running=None)
        assert isinstance(outcome, tuple)
        kept = outcome
    assert numbers(kept) == [2]
