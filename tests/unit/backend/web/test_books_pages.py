"""The page of the books: journals, and files for DATEV that stay as they were handed out."""

import asyncio
from pathlib import Path

from tests.unit.backend.billing_store import billing_store
from tests.unit.backend.services.test_ledger import LATER, MONTH, fill
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read


def test_journals_and_exports(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db", "day") as store:
            await fill(store)

    asyncio.run(run())
    place = Installation(tmp_path / "db", now=LATER)
    with place.client() as client:
        assert "Buchhaltung" in read(client, "/books")
        asked = {"kind": "invoices", "from": f"{MONTH}-01", "to": f"{MONTH}-28"}
        table = client.get("/books/journal", params=asked)
        assert table.content.startswith("\ufeffBeleg;Art;".encode())
        assert client.get("/books/journal", params={**asked, "format": "xlsx"}).content.startswith(b"PK")
        assert client.get("/books/journal", params={**asked, "format": "pdf"}).status_code == 404
        assert client.get("/books/journal", params={**asked, "from": "soon"}).status_code == 409
        assert client.get("/books/journal", params={**asked, "operator": "other"}).status_code == 404
        csrf = client.cookies["emops_csrf"]
        assert client.post("/books", data={"month": MONTH}).status_code == 403
        done = client.post("/books", data={"month": MONTH, "csrf": csrf}, follow_redirects=True)
        assert MONTH in done.text
        first = client.get("/books/datev/1/bookings")
        assert first.content.startswith(b'"EXTF";700;21;')
        assert "EXTF_Buchungsstapel_" in first.headers["Content-Disposition"]
        assert client.get("/books/datev/1/debtors").content.startswith(b'"EXTF";700;16;')
        assert client.get("/books/datev/2/bookings").status_code == 404
        assert client.get("/books/datev/1/other").status_code == 404
        client.post("/books", data={"month": MONTH, "csrf": csrf})
        assert client.get("/books/datev/2/bookings").status_code == 404
        assert client.post("/books", data={"month": "2099-01", "csrf": csrf}).status_code == 409
