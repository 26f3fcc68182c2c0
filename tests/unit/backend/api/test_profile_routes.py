"""Profiles by API and page: assign a set, tell switches, read which tariff counted when and why."""

import asyncio
import re
from html import unescape
from pathlib import Path

import pytest

from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.web.formats import NARROW
from tests.unit.backend.store.test_session_tariffs import CLOCK, NINE, SET, Site, tariff
from tests.unit.backend.web.installation import Installation, with_password
from tests.unit.backend.world import Station, open_world

SWITCH = {
    "scope": "location",
    "target": "Hof",
    "at": "2026-06-25T11:40:00+02:00",
    "profile": "PROFILE_GREEN",
    "source": "EMS",
    "reason": "PV 7 kW",
}


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """One session from 9:00 to 11:00 UTC that is rated, one that runs since 12:00; each with a value in the middle."""

    async def fill() -> None:
        async with open_world(tmp_path, SET + tariff("home", 0.3)) as store:
            site = Site(store, Station(store))
            await site.charge((0, 0), (40, 4000), (120, 12_000))
            await rate_ended(store, CLOCK, Policy())
            number = await site.start(12_000)
            await site.meter(number, (40, 16_000))

    asyncio.run(fill())
    return Installation(tmp_path / "db")


def rate(place: Installation) -> None:
    async def work() -> None:
        async with place.open() as (store, _, _):
            await rate_ended(store, CLOCK, Policy())

    asyncio.run(work())


def test_a_switch_is_stored_once_and_listed_and_rates_again(place: Installation) -> None:
    with place.client() as client:
        first = client.post("/api/v1/profile-switches", json=SWITCH)
        assert (first.status_code, first.json()) == (200, {"stored": True, "transactions_to_rate_again": 1})
        assert client.post("/api/v1/profile-switches", json=SWITCH).json()["stored"] is False
        (row,) = client.get("/api/v1/profile-switches", params={"target": "Hof"}).json()
        assert client.get("/api/v1/profile-switches", params={"target": "Nord"}).json() == []
    assert (row["at"], row["profile"], row["operator"], row["source"]) == (
        "2026-06-25T09:40:00Z",
        "PROFILE_GREEN",
        "muster",
        "EMS",
    )


def test_the_price_tells_which_tariff_counted_when_and_why(place: Installation) -> None:
    with place.client() as client:
        client.post("/api/v1/profile-switches", json=SWITCH)
    rate(place)
    with place.client() as client:
        price = client.get("/api/v1/transactions/1/price").json()
    assert (price["total_net"], price["final"], price["energy_wh"]) == ("3.68", True, None)
    assert [line["tariff_id"] for line in price["lines"]] == ["grid", "sun"]
    assert [(turn["start"], turn["tariff_id"], turn["profile"]) for turn in price["turns"]] == [
        ("2026-06-25T09:00:00Z", "grid", "REGULAR"),
        ("2026-06-25T09:40:00Z", "sun", "PROFILE_GREEN"),
    ]
    assert price["turns"][1]["reason_de"] == "Tarif sun: das Profil grün gilt (EMS: PV 7 kW)"
    assert price["turns"][1]["reason_en"] == "tariff sun: the profile green is in force (EMS: PV 7 kW)"
    assert price["tariff_reason_en"].startswith("tariff grid of location Hof")
    assert price["tariff_reason_en"].endswith("(green: sun)")


def test_a_running_session_tells_it_too(place: Installation) -> None:
    with place.client() as client:
        client.post("/api/v1/profile-switches", json=SWITCH | {"at": "2026-06-25T11:20:00+02:00"})
        price = client.get("/api/v1/transactions/2/price").json()
    assert [(turn["start"], turn["tariff_id"]) for turn in price["turns"]] == [
        ("2026-06-25T09:00:00Z", "grid"),
        ("2026-06-25T09:20:00Z", "sun"),
    ]
    assert price["total_net"] == "1.34"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ("Wann welcher Tarif galt", "ab 11:40:00: Tarif sun: das Profil grün gilt (EMS: PV 7 kW)")),
        (
            "en",
            ("Which tariff counted when", "from 11:40:00: tariff sun: the profile green is in force (EMS: PV 7 kW)"),
        ),
    ],
)
def test_the_page_of_a_session_says_so_in_both_languages(
    place: Installation, language: str, words: tuple[str, ...]
) -> None:
    with place.client() as client:
        client.post("/api/v1/profile-switches", json=SWITCH)
    rate(place)
    with place.client() as client:
        answer = client.get("/transactions/1", headers={"Accept-Language": language})
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text))).replace(NARROW, " ")
    for one in words:
        assert one in text


def test_what_can_not_be_meant_is_refused_with_its_reason(place: Installation) -> None:
    with place.client() as client:
        for change, status, words in (
            ({"target": "Nord"}, 422, "no location 'Nord'"),
            ({"at": "2026-06-25T11:40:00"}, 422, "needs its offset"),
            ({"profile": "PROFILE_BLUE"}, 422, "profile"),
            ({"scope": "customer"}, 422, "scope"),
        ):
            answer = client.post("/api/v1/profile-switches", json=SWITCH | change)
            assert (answer.status_code, words in answer.text) == (status, True), answer.text
        assert client.get("/api/v1/profile-switches").json() == []


def test_a_set_is_assigned_and_sessions_from_then_on_get_it(place: Installation) -> None:
    wanted = {
        "operator": "muster",
        "tariff": "home",
        "scope": "evse",
        "target": "CP-1/1",
        "profiles": {"PROFILE_GREEN": "sun"},
        "version_switch": "switch_mode",
    }
    with place.client() as client:
        first = client.post("/api/v1/tariff-assignments", json=wanted)
        assert (first.status_code, first.json()) == (200, {"changed": True, "transactions_released": 0}), first.text
        assert client.post("/api/v1/tariff-assignments", json=wanted).json()["changed"] is False
        evse, location = client.get("/api/v1/tariff-assignments").json()
        assert (evse["tariff"], evse["profiles"], evse["version_switch"]) == (
            "home",
            {"PROFILE_GREEN": "sun"},
            "switch_mode",
        )
        assert (location["scope"], location["version_switch"]) == ("location", "lock_at_start")
        for change, words in (
            ({"target": "CP-9/1"}, "has no evse 'CP-9/1'"),
            ({"profiles": {"PROFILE_GREEN": "moon"}}, "has no tariff 'moon'"),
            ({"valid_from": NINE.isoformat(), "valid_to": NINE.isoformat()}, "valid_to must be after valid_from"),
        ):
            refused = client.post("/api/v1/tariff-assignments", json=wanted | change)
            assert (refused.status_code, words in refused.json()["detail"]) == (422, True), refused.text


def test_nobody_tells_a_profile_without_the_password(place: Installation) -> None:
    place.settings = with_password("geheim")
    with place.client() as client:
        for path in ("/api/v1/profile-switches", "/api/v1/tariff-assignments"):
            assert client.post(path, json=SWITCH).status_code == 401
            assert client.get(path).status_code == 401
        allowed = client.post("/api/v1/profile-switches", json=SWITCH, auth=("emops", "geheim"))
        assert allowed.status_code == 200, allowed.text
