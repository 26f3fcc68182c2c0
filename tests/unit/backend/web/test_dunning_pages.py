"""Dunning by page, API and command line, on one database."""

import asyncio
import json
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from tests.unit.backend.payment_store import NOW, add_invoice, open_payers
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read

RULES = """
[[dunning]]
operator = "muster"
calendar_due = true

[[base_rate]]
valid_from = "2026-07-01"
rate = "1.27"
"""


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    async def fill() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: apply(unit, parse_master_data(RULES), NOW))
            await store.write(lambda unit: add_invoice(unit, 1, "77.29", due="2026-09-01"))
            await store.write(lambda unit: add_invoice(unit, 2, "20.00", "K-2", due="2026-09-20"))
            await store.write(lambda unit: add_invoice(unit, 3, "33.10", "K-2", debit=True))

    asyncio.run(fill())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    return Installation(tmp_path / "db")


def test_the_page_shows_asks_and_sends(place: Installation) -> None:
    with place.client() as client:
        page = read(client, "/dunning")
        assert "RE-2026-000001" in page
        assert "Erinnerung" in page
        paper = client.get("/dunning/preview/K-1")
        assert paper.content.startswith(b"%PDF")
        csrf = client.cookies["emops_csrf"]
        assert client.post("/dunning", data={"verb": "send", "sure": "yes"}).status_code == 403
        assert client.post("/dunning", data={"verb": "send", "csrf": csrf}).status_code == 409
        done = client.post("/dunning", data={"verb": "send", "sure": "yes", "csrf": csrf}, follow_redirects=True)
        assert "Es ist nichts zu mahnen." in done.text
        assert "MA-K-1-" in done.text
        assert client.get("/dunning/letters/1").content.startswith(b"%PDF")
        assert client.get("/dunning/letters/9").status_code == 404
        assert client.get("/dunning/preview/K-1").status_code == 404
        assert "erinnert" in read(client, "/payments")
        stop = {"verb": "stop", "customer": "K-1", "reason": "plan", "note": "in rates", "csrf": csrf}
        assert "Ratenzahlung" in client.post("/dunning", data=stop, follow_redirects=True).text
        wrong = client.post("/dunning", data={**stop, "customer": "K-9"})
        assert wrong.status_code == 404
        assert client.post("/dunning", data={"verb": "lift", "customer": "K-1", "csrf": csrf}).status_code == 409
        again = client.post("/dunning", data={"verb": "resume", "customer": "K-1", "csrf": csrf}, follow_redirects=True)
        assert "in rates" not in again.text


def test_the_same_for_programs(place: Installation) -> None:
    with place.client() as client:
        found = client.get("/api/v1/dunning").json()
        assert [(one["customer_id"], one["level"], one["total"]) for one in found] == [
            ("K-1", 1, "77.29"),
            ("K-2", 1, "20.00"),
        ]
        assert client.post("/api/v1/dunning", params={"customer": "K-2"}).json()[0].startswith("MA-K-2-")
        assert client.post("/api/v1/dunning", params={"customer": "K-2"}).json() == []
        (letter,) = client.get("/api/v1/dunning/letters").json()
        assert client.get(f"/api/v1/dunning/letters/{letter['id']}/pdf").content.startswith(b"%PDF")
        assert client.get("/api/v1/dunning/letters/9/pdf").status_code == 404
        assert client.post("/api/v1/dunning/customers/K-1/stop", json={"reason": "plan"}).status_code == 204
        assert client.get("/api/v1/dunning").json()[0]["left_out"][0]["reason"] == "stop"
        assert client.post("/api/v1/dunning/customers/K-1/resume").status_code == 204
        assert client.post("/api/v1/dunning/customers/K-1/resume").status_code == 409
        assert client.post("/api/v1/dunning/customers/K-1/lift", json={"reason": "he called"}).status_code == 409
        assert client.get("/api/v1/dunning/suspensions").json() == []
        assert client.get("/api/v1/dunning", params={"operator": "nobody"}).status_code == 422


def test_the_same_by_command(place: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(tmp_path / "backend.toml")]
    assert main(["dunning", "preview", *config]) == 0
    assert "K-1 Erika Beispiel: level 1, 77.29 EUR" in capsys.readouterr().out
    assert main(["dunning", "preview", "--json", *config]) == 0
    assert json.loads(capsys.readouterr().out)[0]["total"] == "77.29"
    assert main(["dunning", "send", "--customer", "K-1", *config]) == 0
    assert "1 letters were ordered" in capsys.readouterr().out
    assert main(["dunning", "letters", *config]) == 0
    assert "MA-K-1-" in capsys.readouterr().out
    assert main(["dunning", "stop", "K-2", "--reason", "insolvency", "--until", "2099-12-31", *config]) == 0
    assert main(["dunning", "suspended", *config]) == 0
    assert "K-2 Otto Beispiel GmbH: dunning rests until 2099-12-31: insolvency" in capsys.readouterr().out
    assert main(["dunning", "resume", "K-2", *config]) == 0
    assert main(["dunning", "lift", "K-2", "--reason", "he called", *config]) == 1
    assert "nor was it announced" in capsys.readouterr().err
