"""The clarification inbox as people and programs use it."""

import re
import sqlite3
from pathlib import Path

from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import HELD, NOW, seed

STOP = '{"transactionId": 4, "meterStop": 70000, "timestamp": "2026-10-27T10:00:00Z"}'


def end_it(path: Path) -> None:
    """Let the held session end."""
    seed(path)
    connection = sqlite3.connect(path)
    stamp = int(NOW.timestamp() * 1000)
    connection.execute("UPDATE charging_transaction SET ended_at = ?, meter_stop = 70000 WHERE id = ?", (stamp, HELD))
    connection.execute(
        "INSERT INTO transaction_event (transaction_id, kind, message_id, received_at, payload) "
        "VALUES (?, 'Ended', 'm9', ?, ?)",
        (HELD, stamp, STOP),
    )
    connection.commit()
    connection.close()


def test_a_person_lets_a_session_go_and_takes_it_back(tmp_path: Path) -> None:
    end_it(tmp_path / "emops.sqlite")
    with Installation(tmp_path / "emops.sqlite").client() as client:
        page = client.get("/clarify", headers={"Accept-Language": "de"}).text
        assert f"/transactions/{HELD}" in page
        assert "Nichts berechnen" in page
        csrf = re.findall(r'name="(\w+)" value="([^"]+)"', page)[0]
        missing = client.post(f"/clarify/{HELD}", data=dict([csrf]) | {"kind": "waive"})
        assert missing.status_code == 422
        assert "give a reason" in missing.text
        answer = client.post(f"/clarify/{HELD}", data=dict([csrf]) | {"kind": "waive", "reason": "defect"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/clarify")
        assert client.get(f"/api/v1/transactions/{HELD}").json()["state"] == "waived"
        back = client.get("/clarify", headers={"Accept-Language": "en"}).text
        assert "nothing charged" in back
        client.post(f"/clarify/{HELD}", data=dict([csrf]) | {"kind": "undo"})
        assert client.get(f"/api/v1/transactions/{HELD}").json()["state"] == "held"
        assert client.post(f"/clarify/{HELD}", data={"kind": "undo"}).status_code == 403


def test_programs_list_and_are_told_what_does_not_fit(tmp_path: Path) -> None:
    with Installation(tmp_path / "emops.sqlite").client() as client:
        (row,) = client.get("/api/v1/clarifications").json()
        assert row["id"] == HELD
        wrong = client.post(f"/api/v1/transactions/{HELD}/clarifications", json={"kind": "token", "value": "c1"})
        assert (wrong.status_code, wrong.headers["Content-Type"]) == (422, "application/problem+json")
        assert client.delete(f"/api/v1/transactions/{HELD}/clarifications/last").status_code == 409
