"""Availability, clocks, alerts, texts, figures and signatures: the pure part of watching stations."""

import hmac
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.core.watch.alert import (
    AlertKind,
    Condition,
    Lasting,
    Plan,
    Rule,
    StationFacts,
    compare,
    conditions,
    quiet_until,
)
from backend.core.watch.alert_texts import alert_text
from backend.core.watch.availability import Change, Mode, Span, availability, summed
from backend.core.watch.drift import WINDOW, DriftGauge
from backend.core.watch.exposition import gauge, write
from backend.core.watch.fault import Fault, cause, telling
from backend.core.watch.webhook import is_public, problem_of, signature
from shared.ids import Secret

T0 = datetime(2026, 11, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def h(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def test_offline_and_faulted_count_apart_and_what_nobody_watched_counts_for_nothing() -> None:
    found = availability(
        Span(h(0), h(24)),
        watched=[Span(h(4), h(30))],
        online=[Span(h(0), h(10)), Span(h(12), h(24))],
        connectors=[[Change(h(-5), "Available"), Change(h(8), "Faulted"), Change(h(14), "Charging")]],
    )
    hours = {mode: time / timedelta(hours=1) for mode, time in found.times.items()}
    assert hours == {Mode.UNWATCHED: 4, Mode.USABLE: 4 + 10, Mode.FAULTED: 2 + 2, Mode.OFFLINE: 2}
    assert found.share(Mode.USABLE) == 0.7
    assert found.watched == timedelta(hours=20)


def test_an_evse_is_as_good_as_its_best_connector_and_a_faulted_station_takes_all_down() -> None:
    always = [Span(h(0), h(10))]
    plugs = [[Change(h(0), "Faulted")], [Change(h(0), "Available"), Change(h(4), "Unavailable")]]
    found = availability(always[0], always, always, plugs, [Change(h(8), "Faulted")])
    assert found.times == {
        Mode.USABLE: timedelta(hours=4),
        Mode.OUT_OF_SERVICE: timedelta(hours=4),
        Mode.FAULTED: timedelta(hours=2),
    }
    assert summed([found, found]).times[Mode.USABLE] == timedelta(hours=8)


def test_what_never_told_a_status_is_unknown_and_a_span_nobody_watched_has_no_shares() -> None:
    span = Span(h(0), h(1))
    assert availability(span, [span], [span], []).times == {Mode.UNKNOWN: timedelta(hours=1)}
    assert availability(span, [], [span], []).share(Mode.USABLE) is None


def test_a_stamp_of_the_future_proves_a_clock_ahead_and_an_old_one_alone_proves_nothing() -> None:
    gauge_ = DriftGauge()
    gauge_.hear(h(0) - timedelta(hours=3), h(0))  # kept while there was no connection
    assert gauge_.drift is None
    gauge_.hear(h(0) + timedelta(seconds=90), h(0))
    assert gauge_.drift == timedelta(seconds=90)


def test_a_clock_behind_is_told_by_the_freshest_of_several_messages_and_forgotten_when_it_was_set() -> None:
    clock = DriftGauge()
    for lag in (3600, 45, 50):
        clock.hear(h(0) - timedelta(seconds=lag), h(0))
    assert clock.drift == -timedelta(seconds=45)
    for i in range(1, 4):
        at = h(0) + i * WINDOW
        clock.hear(at, at)
    assert clock.drift == timedelta()


def fault(code: str, began: datetime, evse: int = 1, vendor: str = "") -> Fault:
    return Fault(1, "CP", evse, 1, code, vendor, "", began, None)


def found_of(station: StationFacts, *rules: Rule, since: datetime = T0) -> list[tuple[str, str]]:
    return [(one.kind.value, one.subject) for one in conditions(Plan(rules=rules), [station], h(10), since)]


@pytest.mark.parametrize(
    ("station", "rule", "hit"),
    [
        (StationFacts("CP", offline_since=h(9.5)), Rule(AlertKind.OFFLINE, 30), True),
        (StationFacts("CP", offline_since=h(9.6)), Rule(AlertKind.OFFLINE, 30), False),
        (StationFacts("CP", offline_since=h(9.5)), Rule(AlertKind.OFFLINE, 30, on=False), False),
        (StationFacts("CP"), Rule(AlertKind.OFFLINE, 0), False),
        (StationFacts("CP", last_session=h(10) - timedelta(days=7)), Rule(AlertKind.IDLE, 7), True),
        (StationFacts("CP", last_session=h(0)), Rule(AlertKind.IDLE, 7), False),
        (StationFacts("CP", certificate_until=h(10) + timedelta(days=9)), Rule(AlertKind.CERTIFICATE, 10), True),
        (StationFacts("CP", certificate_until=h(10) + timedelta(days=11)), Rule(AlertKind.CERTIFICATE, 10), False),
        (StationFacts("CP", drift=-timedelta(seconds=61)), Rule(AlertKind.CLOCK, 60), True),
        (StationFacts("CP", drift=timedelta(seconds=59)), Rule(AlertKind.CLOCK, 60), False),
        (StationFacts("CP", parked=1), Rule(AlertKind.PARKED, 0), True),
        (StationFacts("CP", parked=0), Rule(AlertKind.PARKED, 0), False),
    ],
)
def test_each_rule_finds_what_is_beyond_its_limit(station: StationFacts, rule: Rule, hit: bool) -> None:
    assert bool(found_of(station, rule)) is hit


def test_who_restarts_the_backend_is_not_told_that_all_stations_were_gone() -> None:
    station = StationFacts("CP", offline_since=h(1))
    assert found_of(station, Rule(AlertKind.OFFLINE, 30), since=h(9.9)) == []


def test_of_a_fault_that_is_named_the_mere_status_is_not_told_too() -> None:
    station = StationFacts("CP", faults=(fault("Faulted", h(1)), fault("RCD.Tripped", h(1)), fault("Faulted", h(1), 2)))
    assert found_of(station, Rule(AlertKind.FAULT, 2)) == [("fault", "1.1 RCD.Tripped"), ("fault", "2.1 Faulted")]
    assert len(telling(station.faults)) == 2


def test_a_condition_that_flaps_is_one_alert_until_it_was_calm_for_long_enough() -> None:
    one = Condition(AlertKind.OFFLINE, "CP", h(0))
    calm = timedelta(minutes=5)
    assert compare([], [one, one], h(1), calm).opened == (one,)
    known = Lasting(7, one.key, h(1))
    assert compare([known], [one], h(2), calm).seen == (7,)
    soon = compare([known], [], h(1) + timedelta(minutes=4), calm)
    assert (soon.opened, soon.seen, soon.ended) == ((), (), ())
    assert compare([known], [], h(1) + calm, calm).ended == (7,)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-01T21:59+01:00", None),
        ("2026-11-01T22:00+01:00", "2026-11-02T06:00+01:00"),
        ("2026-11-02T05:59+01:00", "2026-11-02T06:00+01:00"),
        ("2026-11-02T06:00+01:00", None),
    ],
)
def test_quiet_hours_go_over_midnight_by_the_wall_clock(at: str, until: str | None) -> None:
    plan = Plan(quiet_from="22:00", quiet_to="06:00")
    found = quiet_until(plan, datetime.fromisoformat(at), BERLIN)
    assert found == (until and datetime.fromisoformat(until))


def test_a_cause_is_told_by_the_word_that_says_most() -> None:
    assert "Water" in cause("OtherError", "", "WaterIngress", "en")
    assert "Wasser" in cause("OtherError", "WaterIngress", "", "de")
    assert "Residual current" in cause("RCD.Tripped", "", "", "en")
    assert cause("Whatever", "X-1", "text", "en") == cause("OtherError", "", "", "en")


@pytest.mark.parametrize("kind", AlertKind)
def test_every_alert_has_a_sentence_in_both_languages(kind: AlertKind) -> None:
    values = {"until": h(0).isoformat(), "seconds": "-90", "count": "3", "evse": "1", "code": "Faulted"}
    values |= {"vendor": "", "info": ""}
    texts = {alert_text(kind, values, h(0), BERLIN, language) for language in ("de", "en")}
    assert len(texts) == 2
    assert all(text.endswith(".") and "{" not in text for text in texts)


def test_figures_are_written_as_prometheus_reads_them() -> None:
    text = write([gauge("a_seconds", "One\nline.", (0.5, {"charge_point": 'CP"1\\'}), 2), gauge("none", "Nothing.")])
    assert text == (
        '# HELP a_seconds One\\nline.\n# TYPE a_seconds gauge\na_seconds{charge_point="CP\\"1\\\\"} 0.5\na_seconds 2\n'
    )


def test_a_receiver_can_check_the_signature_with_its_secret() -> None:
    digest = hmac.new(b"s3cret", b'1700000000.{"a":1}', "sha256").hexdigest()
    assert signature(Secret("s3cret"), b'{"a":1}', 1_700_000_000) == f"t=1700000000,v1={digest}"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((one, False) for one in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "224.0.0.1")),
        *((one, False) for one in ("::ffff:127.0.0.1", "0.0.0.0", "nonsense")),
        *((one, True) for one in ("8.8.8.8", "2001:4860:4860::8888")),
    ],
)
def test_a_webhook_goes_to_the_public_internet_only(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_an_address_to_post_to_is_checked() -> None:
    assert problem_of("https://example.com/x") == ""
    assert problem_of("file:///etc/passwd") == problem_of("https://") == problem_of("https://a:99999/") == "no_url"
    assert problem_of("https://me:pw@example.com/") == "with_password"
