"""The gap map as people and programs see it."""

from pathlib import Path

from tests.unit.backend.web.installation import RATHAUS, Installation
from tests.unit.backend.web.seed import ENDED_LATE


def test_each_station_tells_up_to_when_it_is_complete(tmp_path: Path) -> None:
    with Installation(tmp_path / "emops.sqlite").client() as client:
        rows = {row["charge_point_id"]: row for row in client.get("/api/v1/gaps").json()}
        assert rows[RATHAUS]["complete_until"]
        assert rows[RATHAUS]["missing"] == []
        assert rows["CP-NEU"]["complete_until"] is None
        page = client.get("/gaps", headers={"Accept-Language": "de"}).text
        assert "Tiefgarage Rathaus" in page
        assert "nie gehört" in page
        assert f"/transactions/{ENDED_LATE}" not in page
