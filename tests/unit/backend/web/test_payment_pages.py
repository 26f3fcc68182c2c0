"""The pages, the command line and the API of payments, on one database that each of them goes on with."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.documents.sepa import read_batch
from tests.unit.backend.bank_files import Payment, camt
from tests.unit.backend.payment_store import add_invoice, open_payers
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read

ON = "2026-11-12"


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    async def fill() -> None:
        async with open_payers(tmp_path / "db") as store:
            await store.write(lambda unit: add_invoice(unit, 1, "77.29", debit=True))
            await store.write(lambda unit: add_invoice(unit, 2, "20.00", due="2026-09-01"))
            await store.write(lambda unit: add_invoice(unit, 3, "33.10", "K-2"))

    asyncio.run(fill())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    return Installation(tmp_path / "db")


def test_from_the_open_item_to_the_file_of_debits(place: Installation) -> None:
    with place.client() as client:
        page = read(client, "/payments")
        assert "RE-2026-000001" in page
        assert "seit 56 Tagen" in page
        token = client.cookies["emops_csrf"]
        forged = client.post("/payments/batches", data={"on": ON})
        assert forged.status_code == 403
        made = client.post("/payments/batches", data={"on": ON, "csrf": token})
        assert "1 Läufe wurden erstellt" in made.text
        again = client.post("/payments/batches", data={"on": ON, "csrf": token})
        assert "0 Läufe wurden erstellt" in again.text
        file = client.get("/payments/batches/1/file")
        assert [one.end_to_end for one in read_batch(file.content)] == ["RE-2026-000001"]
        unsure = client.post("/payments/batches/1", data={"verb": "withdraw", "csrf": token})
        assert unsure.status_code == 409
        client.post("/payments/batches/1", data={"verb": "withdraw", "sure": "yes", "csrf": token})
        assert "zurückgezogen" in read(client, "/payments/batches/1")
        assert client.get("/payments/batches/1/file").status_code == 404
        assert client.get("/payments/batches/9").status_code == 404


def test_a_file_of_the_bank_is_taken_in_and_the_rest_is_decided(place: Installation) -> None:
    file = camt(
        Payment("20.00", "Rechnung 2026/2"),
        Payment("33.10", "danke", name="Beispiel", iban="DE12500105170648489890"),
        Payment("5.00", "Spende", name="Unbekannt", iban=""),
    )
    with place.client() as client:
        read(client, "/payments/bank")
        token = client.cookies["emops_csrf"]
        done = client.post("/payments/bank", data={"csrf": token}, files={"file": ("auszug.xml", file)})
        assert "3 Umsätze, 3 neu. Gebucht: 1 Zahlungen" in done.text
        assert "DE12 **** 9890" in done.text
        assert "DE12500105170648489890" not in done.text
        wrong = client.post("/payments/bank", data={"csrf": token}, files={"file": ("a.xml", b"<a/>")})
        assert (wrong.status_code, "is no camt.052" in wrong.text) == (422, True)
        entry, other = sorted(set(re.findall(r"/payments/bank/(\d+)", done.text)), key=int)
        stale = client.post(f"/payments/bank/{entry}", data={"verb": "accept", "rank": "0", "left": "1", "csrf": token})
        assert "look again" in stale.text
        client.post(f"/payments/bank/{entry}", data={"verb": "accept", "rank": "0", "left": "33.10", "csrf": token})
        client.post(f"/payments/bank/{other}", data={"verb": "ignore", "note": "Spende", "csrf": token})
        assert "Nichts zu klären" in read(client, "/payments/bank")
        account = read(client, "/payments/customers/K-2")
        assert "nur der Betrag" in account
        assert "rückgängig gemacht" not in account
        client.post("/payments/customers/K-2", data={"verb": "undo", "booking": "2", "note": "falsch", "csrf": token})
        assert "rückgängig gemacht" in read(client, "/payments/customers/K-2")
        assert client.get("/payments/customers/none").status_code == 404


def test_programs_do_the_same(place: Installation) -> None:
    with place.client() as client:
        rows = client.get("/api/v1/open-items", params={"customer": "K-1"}).json()
        assert [(row["number"], row["open"]) for row in rows] == [
            ("RE-2026-000002", "20.00"),
            ("RE-2026-000001", "77.29"),
        ]
        made = client.post("/api/v1/debit-batches", json={"collect_on": ON}).json()
        assert made == {"batches": [1], "skipped": []}
        assert client.post("/api/v1/debit-batches", json={"collect_on": "2026-11-14"}).status_code == 422
        assert client.post("/api/v1/debit-batches/1/uploaded").json() == {"done": True}
        assert client.post("/api/v1/debit-batches/1/withdraw").status_code == 409
        headers = {"Content-Type": "application/octet-stream"}
        sent = client.post("/api/v1/bank-files", content=camt(Payment("40.00", "?", iban="")), headers=headers)
        assert sent.json()["waiting"] == 1
        (entry,) = client.get("/api/v1/bank-entries").json()
        url = f"/api/v1/bank-entries/{entry['id']}"
        assert client.post(url, json={"shares": {"RE-2026-000003": "33.11"}}).status_code == 409
        assert client.post(url, json={"shares": {"RE-2026-000003": "33.10", "K-2": "6.90"}}).status_code == 200
        assert client.get("/api/v1/bank-entries").json() == []


def run(place: Installation, *arguments: str) -> int:
    return main(["payments", *arguments, "--config", str(place.path.parent / "backend.toml")])


def test_the_command_line(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place.path.parent
    statement = folder / "auszug.xml"
    statement.write_bytes(camt(Payment("20.00", "RE-2026-000002"), Payment("33.00", "Strom", name="?", iban="")))
    assert run(place, "import", str(statement)) == 0
    assert "1 payments, 0 returns, 0 refunds booked; 1 wait for a person" in capsys.readouterr().out
    assert run(place, "match", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert run(place, "book", str(row["entry"]), "RE-2026-000003=33.00") == 0
    assert run(place, "settle", "RE-2026-000003", "--write-off", "0.10") == 0
    assert run(place, "settle", "RE-2026-000003", "--write-off", "0.10") == 1
    assert "has 0.00 open" in capsys.readouterr().err
    assert run(place, "list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["number=RE-2026-000001"]
    assert run(place, "statement", "K-2") == 0
    assert "kind=write_off number=RE-2026-000003 amount=-0.10 balance=0.00" in capsys.readouterr().out
    assert run(place, "collect", "--on", "2049-11-12", "--out", str(folder / "dd.xml")) == 0
    assert "mandate" not in capsys.readouterr().err
    assert run(place, "mandates", "--pause", "M-1", "--reason", "asked to") == 0
    assert "iban=DE02 **** 5030" in capsys.readouterr().out
    assert run(place, "batch", "withdraw", "1") == 1
    assert run(place, "undo", "1", "--note", "mistake") == 0
