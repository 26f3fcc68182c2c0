"""The JSON API of prices: live and final, series, simulation and proof, on a running installation."""

from pathlib import Path

import pytest

from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import HELD, RATED, RUNNING

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def test_a_running_transaction_has_a_price_so_far_and_a_rated_one_its_own(place: Installation) -> None:
    with place.client() as client:
        live = client.get(f"/api/v1/transactions/{RUNNING}/price").json()
        final = client.get(f"/api/v1/transactions/{RATED}/price").json()
        assert client.get(f"/api/v1/transactions/{HELD}/price").status_code == 404
        assert client.get("/api/v1/transactions/999/price").status_code == 404
    assert (live["final"], live["energy_wh"], live["total_gross"], live["currency"]) == (False, 10_736, "5.26", "EUR")
    assert (live["as_of"], live["reason"]) == ("2026-10-27T15:42:10Z", "")
    assert (final["final"], final["total_gross"], final["as_of"]) == (True, "9.36", None)
    assert sum(float(line["gross"]) for line in final["lines"]) == pytest.approx(9.36, abs=0.005)
    assert all(line["reason_de"] and line["reason_en"] for line in final["lines"])


def test_rating_again_needs_a_reason_and_a_rated_transaction(place: Installation) -> None:
    with place.client() as client:
        path = f"/api/v1/transactions/{RATED}/rerate"
        assert client.post(path, json={"reason": " "}).status_code == 409
        assert client.post(path, json={}).status_code == 422
        assert client.post(path, json={"reason": "meter was changed"}).status_code == 202
        again = client.post(path, json={"reason": "once more"})
        assert again.status_code == 409
        assert "waits to be rated again" in again.json()["detail"]
        assert client.post(f"/api/v1/transactions/{RUNNING}/rerate", json={"reason": "x"}).status_code == 409


def test_price_series_are_added_as_csv_and_listed(place: Installation) -> None:
    text = "start,price\n2026-10-27T15:00:00Z,-12.4\n2026-10-27T16:00:00Z,80\n"
    with place.client() as client:
        assert client.get("/api/v1/price-series").json() == []
        added = client.post("/api/v1/price-series/DE-LU", content=text, headers=CSV)
        assert added.json() == {"prices_added": 2, "transactions_released": 0}
        assert client.post("/api/v1/price-series/DE-LU", content=text, headers=CSV).json()["prices_added"] == 0
        (series,) = client.get("/api/v1/price-series").json()
        assert (series["series"], series["prices"], series["first"]) == ("DE-LU", 2, "2026-10-27T15:00:00Z")
        own = client.post("/api/v1/price-series/DE-LU?operator=op", content=text, headers=CSV)
        assert own.json()["prices_added"] == 2
        assert [one["operator"] for one in client.get("/api/v1/price-series").json()] == ["", "op"]
        unknown = client.post("/api/v1/price-series/DE-LU?operator=nobody", content=text, headers=CSV)
        assert (unknown.status_code, "no operator 'nobody'" in unknown.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        ("2026-10-27T15:00:00Z,x", CSV, 422, "API: line 1: 'x' is no price"),
        ("2026-10-27T15:00:00Z,1", {"Content-Type": "text/plain"}, 415, "text/csv"),
        (b"\xff", CSV, 400, "UTF-8"),
        ("x" * 4_000_001, CSV, 413, "bytes"),
    ],
)
def test_prices_that_can_not_be_used_say_why(
    place: Installation, content: str | bytes, headers: dict[str, str], status: int, words: str
) -> None:
    with place.client() as client:
        answer = client.post("/api/v1/price-series/DE-LU", content=content, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]


def test_a_month_is_simulated_with_stored_tariffs_and_drafts(place: Installation) -> None:
    price = {"type": "ENERGY", "price": 0.3, "vat": 19}
    draft = {"id": "draft", "currency": "EUR", "elements": [{"price_components": [price]}]}
    with place.client() as client:
        wanted = {"month": "2026-10", "tariffs": ["day-night"], "drafts": [draft], "customer": "c1"}
        answer = client.post("/api/v1/simulations", json=wanted).json()
        assert answer["sessions"] == 1
        same, cheaper = answer["results"]
        assert (same["difference_gross"], same["winners"], same["losers"]) == ("0.00", 0, 0)
        assert (cheaper["total_net"], cheaper["total_gross"], cheaper["winners"]) == ("6.44", "7.66", 1)
        for broken, words in (
            ({"month": "soon", "tariffs": ["day-night"]}, "'soon' is no month"),
            ({"month": "2026-10", "tariffs": ["gold"]}, "no tariff 'gold'"),
            ({"month": "2026-10", "drafts": [{**draft, "colour": "red"}]}, "colour: is not a known field"),
        ):
            refused = client.post("/api/v1/simulations", json=broken)
            assert (refused.status_code, words in refused.json()["detail"]) == (422, True)


def test_there_is_no_proof_before_the_first_night(place: Installation) -> None:
    with place.client() as client:
        assert client.get("/api/v1/recompute").status_code == 404
