"""Stations, alerts and their rules on the pages and by the API; figures for machines."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from backend.settings import ServerSettings, Settings
from backend.store.watch import EventReport, StatusReport, begin_run, note_event, note_status, open_link
from backend.store.watch_tables import alert
from shared.ids import ChargePointId, Secret
from tests.unit.backend.web.installation import RATHAUS, Installation
from tests.unit.backend.web.seed import NOW, seed

ENGLISH = {"Accept-Language": "en"}
GERMAN = {"Accept-Language": "de"}
OTHER = ChargePointId("CP-BAHNHOF")


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    path = tmp_path / "emops.sqlite"
    seed(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as unit:
        begin_run(unit, NOW - timedelta(days=3))
        unit.exec_driver_sql(f"UPDATE backend_run SET until = {int(NOW.timestamp() * 1000)}")
        open_link(unit, RATHAUS, NOW - timedelta(days=2), NOW)
        note_status(unit, RATHAUS, StatusReport(1, 1, "Available", NOW - timedelta(days=3)))
        note_status(unit, RATHAUS, StatusReport(1, 2, "Faulted", NOW - timedelta(days=1), "GroundFailure", info="<b>x"))
        note_event(unit, OTHER, EventReport(1, 0, "FloodSensor.Active", True, NOW - timedelta(hours=2)))
        row = {"operator_id": "op", "kind": "fault", "charge_point_id": OTHER, "subject": "1.0 x", "since": NOW}
        row |= {"details": '{"evse":"1","code":"FloodSensor.Active","vendor":"","info":""}'}
        unit.execute(alert.insert(), row | {"opened_at": NOW, "seen_at": NOW})
    engine.dispose()
    return Installation(path)


def csrf(page: str) -> str:
    return str(re.findall(r'name="csrf" value="([^"]+)"', page)[0])


def test_stations_are_shown_with_plain_causes_and_their_availability(place: Installation) -> None:
    with place.client() as client:
        page = unescape(client.get("/stations", headers=GERMAN).text)
        assert "Fehlerstrom erkannt" in page
        assert "Wasser in der Station" in page
        one = client.get(f"/stations/{RATHAUS}?days=7", headers=ENGLISH).text
        assert "<b>x" not in one
        assert "66.67 %" in one, "two of three days that were watched"
        assert "33.33 %" in one
        assert client.get(f"/stations/{RATHAUS}?days=8").status_code == 404
        assert client.get("/stations/NOBODY").status_code == 404
        api = client.get(f"/api/v1/stations/{RATHAUS}/availability?start=2026-10-26T00:00:00Z").json()
        assert api[0]["evse_id"] == 1
        assert api[0]["shares"]["faulted"] == 0
        fault = client.get(f"/api/v1/stations/{RATHAUS}/faults").json()[0]
        assert (fault["code"], fault["connector_id"], fault["ended_at"]) == ("GroundFailure", 2, None)
        assert fault["cause"]["en"].startswith("Residual current")
        assert [row["connected"] for row in client.get("/api/v1/stations").json()].count(True) == 1


def test_an_alert_is_acknowledged_once_and_only_by_a_form_of_ours(place: Installation) -> None:
    with place.client() as client:
        page = client.get("/alerts", headers=ENGLISH).text
        assert "Water in the station" in page
        assert client.post("/alerts/1/acknowledge", data={"csrf": "x"}).status_code == 403
        done = client.post("/alerts/1/acknowledge", data={"csrf": csrf(page)}, headers=ENGLISH, follow_redirects=True)
        assert "acknowledged" in done.text
        assert client.get("/api/v1/alerts?open=true").json()[0]["acknowledged_by"] == "web"
        assert client.get("/api/v1/alerts?open=false").json() == []


def test_rules_are_kept_and_what_can_t_be_is_named(place: Installation) -> None:
    with place.client() as client:
        page = client.get("/alerts/rules", headers=ENGLISH).text
        kinds = re.findall(r'name="limit\.(\w+)"', page)
        form = {"csrf": csrf(page), "operator": "op", "emails": "a@example.com, b@example.com", "language": "en"}
        form |= {f"limit.{kind}": "7" for kind in kinds} | {"on.offline": "on", "calm_min": "5", "mqtt": "on"}
        form |= {"webhook": "https://example.com/x", "webhook_secret": "s3cret"}
        assert "Saved" in client.post("/alerts/rules", data=form, headers=ENGLISH).text
        plan = client.get("/api/v1/alert-plan").json()
        assert plan["emails"] == ["a@example.com", "b@example.com"]
        assert [rule["kind"] for rule in plan["rules"] if rule["on"]] == ["offline"]
        assert plan["has_webhook_secret"]
        assert "s3cret" not in client.get("/alerts/rules").text
        assert b"s3cret" not in place.path.read_bytes()
        for wrong in ({"emails": "nobody"}, {"webhook": "ftp://x/"}, {"quiet_from": "25:00"}, {"limit.idle": "-1"}):
            answer = client.post("/alerts/rules", data=form | wrong, headers=ENGLISH)
            assert answer.status_code == 422, wrong
        assert client.put("/api/v1/alert-plan", json={"language": "fr"}).status_code == 422
        changed = client.put("/api/v1/alert-plan", json={"calm_min": 9}).json()
        assert (changed["calm_min"], changed["has_webhook_secret"]) == (9, True)


def test_figures_are_for_this_machine_or_for_who_has_the_token(place: Installation) -> None:
    with place.client() as client:
        text = client.get("/metrics").text
        assert 'emops_stations{state="online"} 1\n' in text
        assert 'emops_alerts_open{kind="fault"} 1\n' in text
        assert re.search(r"^process_resident_memory_bytes \d{7,}$", text, re.MULTILINE)
        assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    place.settings = Settings(server=ServerSettings(metrics_token=Secret("tok")))
    with place.client() as client:
        assert client.get("/metrics").status_code == 403
        assert client.get("/metrics", headers={"Authorization": "Bearer tok"}).status_code == 200


def ready(client: httpx.Client) -> tuple[int, list[str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["problems"]


def test_a_program_on_a_foreign_schema_is_not_ready(place: Installation) -> None:
    engine = create_engine(f"sqlite:///{place.path}")
    with engine.begin() as unit:
        unit.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        unit.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
    engine.dispose()
    with place.client() as client:
        status, problems = ready(client)
        assert status == 503
        assert "9999" in problems[0]
