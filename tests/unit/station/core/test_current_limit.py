"""How an EVSE follows its limits: who counts, pauses, phases, shares."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core.charging_profile import RateUnit
from station.core.charging_schedule import UNLIMITED, Limit
from station.core.current_limit import RAISE_S, Cap, CurrentControl, CurrentRules, LimitSource, share
from station.core.site_limit import NEWS_S, AwayWatch, LimitNews, SiteLimit, SiteRules, Told, parse_told

INSTALLATION = Cap(LimitSource.INSTALLATION, Limit(current_ma=16000))
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def site(ampere: float | None = None, watt: int | None = None, phases: int | None = None) -> Cap:
    return Cap(LimitSource.SITE, Limit(None if ampere is None else int(ampere * 1000), watt, phases))


def control(**rules: object) -> CurrentControl:
    return CurrentControl(CurrentRules(**rules))  # type: ignore[arg-type]  # fields by name


def offered(one: CurrentControl, at: float, *caps: Cap) -> tuple[int, int]:
    offer = one.decide((INSTALLATION, *caps), at)
    return offer.current_a, offer.phases


def test_the_smallest_counts_and_is_named() -> None:
    caps = (INSTALLATION, Cap(LimitSource.CABLE, Limit(13000)), site(10.9), Cap(LimitSource.PROFILE, Limit(12000)))
    offer = control().decide(caps, 0)
    assert (offer.current_a, offer.limited_by) == (10, "limited to 10 A by the site limit")
    assert (offer.notice, offer.paused_by) == ("limited: site limit", "")


def test_cable_and_installation_are_nothing_to_speak_of() -> None:
    offer = control().decide((INSTALLATION, Cap(LimitSource.CABLE, Limit(13000))), 0)
    assert (offer.current_a, offer.limited_by, offer.notice) == (13, "", "")


@pytest.mark.parametrize("source", LimitSource)
def test_every_notice_fits_a_status_notification(source: LimitSource) -> None:
    for ampere in (0, 10000):
        notice = control().decide((Cap(source, Limit(ampere)),), 0).notice
        assert len(notice) <= 50


def test_less_than_the_board_can_offer_is_a_pause_with_its_reason() -> None:
    offer = control().decide((INSTALLATION, site(5.9)), 0)
    assert (offer.current_a, offer.paused_by) == (0, "paused by the site limit")


def test_it_falls_at_once_and_rises_after_a_while() -> None:
    one = control()
    assert offered(one, 0, site(10)) == (10, 3)
    assert offered(one, 1, site(6)) == (6, 3)
    assert offered(one, 1 + RAISE_S - 0.1, site(12)) == (6, 3)
    assert offered(one, 1 + RAISE_S, site(12)) == (12, 3)


def test_a_pause_lasts_a_while() -> None:
    one = control(pause_s=30)
    assert offered(one, 0) == (16, 3)
    assert offered(one, 10, site(5)) == (0, 3)
    offer = one.decide((INSTALLATION, site(16)), 39)
    assert (offer.current_a, offer.waits) == (0, True)
    assert offer.paused_by
    assert offered(one, 40, site(16)) == (16, 3)


def test_a_charge_may_go_on_for_a_while_but_not_when_nothing_is_permitted() -> None:
    one = control(charge_s=60)
    assert offered(one, 0, site(8)) == (8, 3)
    assert offered(one, 59, site(3)) == (6, 3)
    assert offered(one, 60, site(3)) == (0, 3)
    other = control(charge_s=60)
    assert offered(other, 0, site(8)) == (8, 3)
    assert offered(other, 1, site(0)) == (0, 3)


def test_the_first_offer_of_a_charge_waits_for_nothing() -> None:
    one = control(pause_s=600)
    assert offered(one, 0, site(0)) == (0, 3)
    one.begin()
    assert offered(one, 1, site(16)) == (16, 3)


def test_one_phase_where_three_are_too_many() -> None:
    one = control(switches=True, switch_every_s=600)
    assert offered(one, 0, site(watt=4140)) == (6, 3)
    assert offered(one, 10, site(watt=4000)) == (16, 1)
    assert offered(one, 20, site(watt=2000)) == (8, 1)
    assert offered(one, 30, site(watt=1300)) == (0, 1)
    assert offered(one, 609, site(watt=11000)) == (16, 1)
    assert offered(one, 610, site(watt=11000)) == (15, 3)


def test_a_switch_too_soon_is_a_pause_instead() -> None:
    one = control(switches=True, switch_every_s=600)
    offered(one, 0, site(watt=2000))
    assert offered(one, 600, site(watt=11000)) == (15, 3)
    assert offered(one, 700, site(watt=2000)) == (0, 3)
    assert offered(one, 1200, site(watt=2000)) == (8, 1)


def test_amperes_are_per_phase_so_they_never_ask_for_one_phase_but_a_profile_may() -> None:
    one = control(switches=True)
    assert offered(one, 0, site(5)) == (0, 3)
    assert offered(one, 10, site(10, phases=1)) == (10, 1)


def test_without_the_board_s_help_it_stays_with_its_phases() -> None:
    assert offered(control(), 0, site(watt=4000)) == (0, 3)
    assert offered(control(phases=1), 0, site(watt=4000)) == (16, 1)


@pytest.mark.parametrize(
    ("whole", "charges", "parts"),
    [
        (Limit(32000), 1, [32000]),
        (Limit(32000), 2, [16000, 16000]),
        (Limit(15000), 3, [7500, 7500, 0]),
        (Limit(7000), 2, [7000, 0]),
        (Limit(3000), 2, [3000, 0]),
        (Limit(0), 2, [0, 0]),
    ],
)
def test_all_charges_share_a_limit_of_the_whole(whole: Limit, charges: int, parts: list[int]) -> None:
    shares = [share(whole, place, charges, CurrentRules()).current_ma or 0 for place in range(charges)]
    assert shares == parts
    assert sum(shares) <= (whole.current_ma or 0)


def test_watts_are_shared_likewise_and_nothing_stays_nothing() -> None:
    assert [share(Limit(power_w=9000), n, 2, CurrentRules()).power_w for n in (0, 1)] == [4500, 4500]
    assert share(UNLIMITED, 1, 2, CurrentRules()) == UNLIMITED


AMPERE = SiteRules(RateUnit.AMPERE, 125, 120, 6)


@pytest.mark.parametrize(
    ("payload", "limit"),
    [
        (b"16", Limit(16000)),
        (b" 6.55 ", Limit(6550)),
        (b'{"limit": 0}', Limit(0)),
        (b'{"limit": 11000, "unit": "W"}', Limit(power_w=11000)),
    ],
)
def test_limits_are_read(payload: bytes, limit: Limit) -> None:
    assert parse_told(payload, AMPERE) == Told(limit)


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"-1", b"126", b"NaN", b"Infinity", b"1e999", b"true", b"null", b'"16"', b"[16]", b"{}", b"\xff",
     b'{"limit": "16"}', b'{"limit": 16, "unit": "kW"}', b'{"limit": 16, "unit": ["A"]}', b'{"limit": 16, "more": 1}',
     b'{"limit": 16, "at": "noon"}', b'{"limit": 16, "at": "2026-11-02T12:00:00"}', b'{"limit": 1e9, "unit": "W"}',
     b"1" * 1001, b"[" * 999],
)  # fmt: skip
def test_nonsense_is_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"[a-z]{3}"):
        parse_told(payload, AMPERE)


def test_a_limit_holds_for_a_while_and_then_the_fail_safe_does() -> None:
    one = SiteLimit(AMPERE, 0)
    assert one.cap(0) == Cap(LimitSource.SITE_SILENT, Limit(6000))
    one.take(Told(Limit(16000)), 10, NOW)
    assert one.cap(129.9) == Cap(LimitSource.SITE, Limit(16000))
    assert one.cap(130).source is LimitSource.SITE_SILENT
    one.take(Told(Limit(16000)), 200, None)
    assert one.cap(200).source is LimitSource.SITE


def test_what_a_broker_kept_is_as_old_as_it_says() -> None:
    one = SiteLimit(AMPERE, 0)
    for told, now in (
        (Told(Limit(16000)), NOW),
        (Told(Limit(16000), NOW), None),
        (Told(Limit(16000), NOW - timedelta(seconds=121)), NOW),
        (Told(Limit(16000), NOW + timedelta(hours=1)), NOW),
    ):
        with pytest.raises(ValueError, match=r"age|ago"):
            one.take(told, 0, now, is_old=True)
    one.take(Told(Limit(16000), NOW - timedelta(seconds=100)), 0, NOW, is_old=True)
    assert one.cap(19.9).source is LimitSource.SITE
    assert one.cap(20).source is LimitSource.SITE_SILENT


def test_a_central_system_that_is_away_for_long_is_noticed_where_the_operator_wants_it() -> None:
    watch = AwayWatch(600, 8, 0)
    assert watch.cap(599, is_online=False) is None
    assert watch.cap(600, is_online=False) == Cap(LimitSource.OFFLINE, Limit(8000))
    assert watch.cap(601, is_online=True) is None
    assert watch.cap(1200, is_online=False) is None
    assert AwayWatch(0, 8, 0).cap(1e9, is_online=False) is None


def test_the_central_system_hears_of_changes_that_matter_and_not_too_often() -> None:
    news = LimitNews()
    assert not news.is_due(None, 0)
    assert news.is_due(Limit(10000), 1)
    assert not news.is_due(Limit(6000), 2)
    assert not news.is_due(Limit(10500), 1 + NEWS_S)
    assert news.is_due(Limit(6000), 1 + NEWS_S)
    assert news.is_due(None, 1 + 2 * NEWS_S)
