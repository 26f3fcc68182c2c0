"""Reports of energy and revenue on their pages, as files, by API and by command."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read

OCTOBER = "first=2026-10-01&last=2026-10-31"


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "db")


def test_the_pages_show_sums_and_a_chart(place: Installation) -> None:
    with place.client() as client:
        page = read(client, f"/reports/energy?{OCTOBER}&by=customer")
        assert "Möbel Muster GmbH (c1)" in page
        assert "7,87 € 1,49 € 9,36 €" in page
        assert "Energie je Tag in kWh" in page
        english = read(client, f"/reports/energy?{OCTOBER}&by=component", "en")
        assert "Energy 21.480 €7.87" in english
        revenue = read(client, f"/reports/revenue?{OCTOBER}&by=tariff")
        assert "ohne Zuordnung" in revenue  # an invoice of a version before
        wrong = client.get("/reports/energy?first=x&last=y")
        assert (wrong.status_code, 'role="alert"' in wrong.text) == (422, True)


def test_files_and_api_tell_the_same(place: Installation) -> None:
    with place.client() as client:
        csv = client.get(f"/reports/energy.csv?{OCTOBER}&by=month&lang=de")
        assert csv.headers["content-disposition"] == ('attachment; filename="energy-month-2026-10-01-2026-10-31.csv"')
        assert "9,36" in csv.text
        assert client.get(f"/reports/energy.xlsx?{OCTOBER}&by=month").content.startswith(b"PK")
        assert client.get("/reports/energy.xlsx?first=x&last=y").status_code == 422
        told = client.get(f"/api/v1/reports/energy?{OCTOBER}&by=user").json()
        assert told["totals"][0]["gross"] == "9.36"
        assert client.get("/api/v1/reports/energy?first=x&last=y").status_code == 422
        assert client.get(f"/api/v1/reports/gold?{OCTOBER}").status_code == 404


def test_the_command_writes_what_the_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def fill() -> None:
        async with billing_store(tmp_path / "db") as store:
            await add_transaction(store)
            await rate_ended(store, ManualClock(EVENING + timedelta(days=1)), Policy())

    asyncio.run(fill())
    folder = tmp_path
    (folder / "backend.toml").write_text(f'[store]\npath = "{folder}/db"\n')
    command = ["report", "energy", "--config", f"{folder}/backend.toml", "--from", "2026-10-01", "--to", "2026-10-31"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"][0]["gross"] == "12.56"
    assert main([*command, "--csv", f"{folder}/a.csv", "--xlsx", f"{folder}/a.xlsx"]) == 0
    assert "12,56" in (folder / "a.csv").read_text("utf-8-sig")
    assert main([*command, "--operator", "nobody"]) == 1
