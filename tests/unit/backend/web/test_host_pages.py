"""The page of hosts: preview, issue, objection."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.services.apply import apply
from shared.clock import ManualClock
from tests.unit.backend.billing_example import DAY_NIGHT_NET, EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store
from tests.unit.backend.host_example import master
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import NOW
from tests.unit.backend.web.test_pages import read


def test_from_the_preview_to_the_objection(tmp_path: Path) -> None:
    async def fill() -> None:
        async with billing_store(tmp_path / "db", tariff=DAY_NIGHT_NET) as store:
            data = master()
            (agreement,) = data.host_agreements
            data = replace(data, host_agreements=(replace(agreement, first_month="2026-09"),))
            await store.write(lambda unit: apply(unit, data, NOW))
            await add_transaction(store, start=EVENING - timedelta(days=30))
            await rate_ended(store, ManualClock(NOW), Policy())

    asyncio.run(fill())
    with Installation(tmp_path / "db").client() as client:
        page = read(client, "/hosts")
        assert "Rathausgarage Potsdam GmbH" in page
        assert "Auszahlung mit Umsatzsteuer 41,64 €" in page
        token = client.cookies["emops_csrf"]
        assert client.post("/hosts", data={"verb": "issue"}).status_code == 403
        client.post("/hosts", data={"verb": "issue", "csrf": token})
        page = read(client, "/hosts")
        assert "Es ist nichts abzurechnen" in page
        assert "GS-2026-000001" in page
        wrong = client.post("/hosts", data={"verb": "object", "number": "GS-2026-000001", "reason": " ", "csrf": token})
        assert wrong.status_code == 409
        objection = {"verb": "object", "number": "GS-2026-000001", "reason": "Zähler falsch", "csrf": token}
        client.post("/hosts", data=objection)
        page = read(client, "/hosts")
        assert "widersprochen, storniert" in page
        assert "correct what is wrong" in page
        client.post("/hosts", data={**objection, "verb": "settle"})
        assert "widersprochen, erledigt" in read(client, "/hosts")
        assert "GS-2026-000001" in read(client, "/invoices/GS-2026-000001")
