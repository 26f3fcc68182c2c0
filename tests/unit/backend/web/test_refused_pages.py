"""Why a station is not here, as people and programs see it."""

from pathlib import Path

import httpx

from backend.csms.attempts import Refusal
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import EVIL, NOW


def test_a_refused_station_is_shown_with_what_to_do(tmp_path: Path) -> None:
    with Installation(tmp_path / "emops.sqlite").running() as running, httpx.Client(base_url=running.url) as client:
        running.connections.refused.note(EVIL, "192.0.2.7:1", Refusal.UNKNOWN, NOW)
        running.connections.refused.note("CP-NEU", "192.0.2.7:2", Refusal.WRONG_PASSWORD, NOW)
        rows = client.get("/api/v1/refused-stations").json()
        assert [(row["identity"], row["reason"]) for row in rows] == [("CP-NEU", "wrong_password"), (EVIL, "unknown")]
        for kind in Refusal:
            running.connections.refused.note(f"DE-{kind}", "192.0.2.7:3", kind, NOW)
        page = client.get("/refused", headers={"Accept-Language": "de"}).text
        assert "Passwort ist falsch" in page
        assert EVIL not in page
