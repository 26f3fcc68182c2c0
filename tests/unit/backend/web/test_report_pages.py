"""The page of reports, and the live price on the pages of a transaction."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.core.rates.recompute import Difference, Proof
from backend.store.recompute_runs import Run, store_run
from backend.store.writer import open_store
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import NOW, RATED, RUNNING, seed
from tests.unit.backend.web.test_pages import read


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def prepare(path: Path, proof: Proof) -> None:
    async def work() -> None:
        async with open_store(path) as store:
            await store.write(lambda unit: store_run(unit, Run(NOW, proof)))

    seed(path)
    asyncio.run(work())


def test_a_month_is_compared_by_customer(place: Installation) -> None:
    with place.client() as client:
        page = read(client, "/reports?month=2026-10&tariff=day-night")
        english = read(client, "/reports?month=2026-10&tariff=day-night", "en")
    assert "Berechnete Ladevorgänge: 1" in page
    assert "day-night 21,480 kWh 9,36 € 9,36 € 0,00 € 0 0" in page
    assert "Möbel Muster GmbH c1 1 9,36 € 9,36 € 0,00 €" in page
    assert "Möbel Muster GmbH c1 1 €9.36 €9.36 €0.00" in english


@pytest.mark.parametrize("query", ["month=2026-10", "month=x&tariff=day-night", "month=2026-10&tariff=gold"])
def test_what_can_not_be_simulated_is_told(place: Installation, query: str) -> None:
    with place.client() as client:
        answer = client.get(f"/reports?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_an_empty_installation_has_a_page_too(tmp_path: Path) -> None:
    with Installation(tmp_path / "emops.sqlite", empty=True).client() as client:
        assert "Noch keine Nacht vergangen" in read(client, "/reports")


def test_the_nightly_proof_is_shown(place: Installation) -> None:
    prepare(place.path, Proof(1204, ()))
    with place.client() as client:
        assert "1.204 Preise nachgerechnet, alle gleich 27.10.2026, 16:42" in read(client, "/reports")


def test_a_rating_that_differs_is_named(place: Installation) -> None:
    prepare(place.path, Proof(3, (Difference(RATED, 1, ("total_net: 5.93 stored, 5.39 recomputed",)),)))
    with place.client() as client:
        page = read(client, "/reports", "en")
    assert "1 of 3 prices differ" in page
    assert f"Transaction {RATED} total_net: 5.93 stored, 5.39 recomputed" in page


def test_a_running_transaction_shows_its_cost_with_every_line(place: Installation) -> None:
    with place.client() as client:
        page = read(client, f"/transactions/{RUNNING}")
    assert "Kosten bisher 5,26 €" in page
    assert "Nach den Messwerten bis 16:42:10; endgültig wird am Ende gerechnet." in page
    assert "10,736 kWh" in page[page.index("Nach den Messwerten") :]


def test_a_running_transaction_without_a_price_says_why(place: Installation) -> None:
    seed(place.path)

    async def forget() -> None:
        async with open_store(place.path) as store:
            await store.write(
                lambda unit: unit.execute(text("UPDATE charging_transaction SET tariff_version_id = NULL"))
            )

    asyncio.run(forget())
    with place.client() as client:
        assert "Noch kein Preis:" in read(client, f"/transactions/{RUNNING}")
