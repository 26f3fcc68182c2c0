"""The form for every request, and what became of orders; the same by the API."""

import re
import time
from html import unescape
from pathlib import Path

import httpx
import pytest

from shared.ocpp.validation import Version
from tests.unit.backend.web.installation import Installation

ENGLISH = {"Accept-Language": "en"}
NEW = "/orders/new?charge_point=CP-RATHAUS&action="


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def _form(client: httpx.Client, action: str, **more: object) -> dict[str, object]:
    page = client.get(NEW + action, headers=ENGLISH).text
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    return {"csrf": csrf, "version": "1.6", "action": action, "charge_point": "CP-RATHAUS", "patience": "60"} | more


def _post(client: httpx.Client, form: dict[str, object]) -> tuple[int, str]:
    answer = client.post("/orders/new", data=form, headers=ENGLISH, follow_redirects=True)
    return answer.status_code, unescape(answer.text)


def _follow(client: httpx.Client, path: str, csrf: str) -> str:
    return client.post(path, data={"csrf": csrf}, headers=ENGLISH, follow_redirects=True).text


def _ended(client: httpx.Client, number: int) -> dict[str, object]:
    for _ in range(500):
        found: dict[str, object] = client.get(f"/api/v1/orders/{number}").json()
        if found["state"] not in ("waiting", "sent"):
            return found
        time.sleep(0.01)  # the server is another thread
    raise AssertionError("it never ended")


def test_a_form_has_the_fields_of_the_request_in_the_station_s_version(place: Installation) -> None:
    with place.client() as client:
        page = unescape(client.get(NEW + "ChangeAvailability", headers=ENGLISH).text)
        assert re.findall(r'name="(field\.\w+)"', page) == ["field.connectorId", "field.type"]
        assert "<option>Inoperative</option>" in page
        assert 'value="CP-RATHAUS" checked' in page
        assert "RequestStartTransaction" not in page


def test_an_order_is_sent_and_its_answer_listed(place: Installation) -> None:
    with place.client() as client:
        form = _form(client, "ChangeAvailability", **{"field.connectorId": "1", "field.type": "Inoperative"})
        status, page = _post(client, form)
        assert status == 200, "the list of this order"
        assert "ChangeAvailability" in page
        (order,) = client.get("/api/v1/orders").json()
        ended = _ended(client, order["id"])
        assert (ended["state"], ended["answer"]) == ("answered", {"status": "Accepted"})
        assert place.sent == [("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})]
        assert '{"status":"Accepted"}' in unescape(client.get("/orders", headers=ENGLISH).text)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"field.type": "Soft"}, "Please confirm that you are sure."),
        ({"field.type": "Soft", "sure": "yes", "charge_point": []}, "Please choose at least one station."),
        ({"field.type": "Soft", "sure": "yes", "csrf": "forged"}, "The form had expired."),
        ({"field.type": "Warm", "sure": "yes"}, "type: is none of Hard, Soft"),
        ({"sure": "yes"}, "payload: "),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_sent(place: Installation, more: dict[str, object], told: str) -> None:
    with place.client() as client:
        status, page = _post(client, _form(client, "Reset", **more))
        assert status in (403, 422)
        assert told in page
        assert client.get("/api/v1/orders").json() == []
    assert place.sent == []


def test_tokens_and_secrets_of_an_order_are_shown_to_nobody(place: Installation) -> None:
    with place.client() as client:
        for path, payload in (
            ("RemoteStartTransaction", {"idTag": "04D2E4F6A8B0C2"}),
            ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "0011223344556677"}),
        ):
            answer = client.post(f"/api/v1/charge-points/CP-RATHAUS/calls/{path}", json=payload)
            assert answer.status_code == 202
            _ended(client, answer.json()["id"])
        told = client.get("/api/v1/orders").text + client.get("/orders").text
    assert place.sent[0][1] == {"idTag": "04D2E4F6A8B0C2"}
    assert "04D2E4F6A8B0C2" not in told
    assert "0011223344556677" not in told


def test_programs_give_orders_once_per_key_and_to_a_site_or_all(place: Installation) -> None:
    with place.client() as client:
        wanted = {"action": "GetLocalListVersion", "every_station": True, "patience_s": 5}
        first = client.post("/api/v1/orders", json=wanted, headers={"Idempotency-Key": "k1"})
        again = client.post("/api/v1/orders", json=wanted, headers={"Idempotency-Key": "k1"})
        assert first.status_code == again.status_code == 202
        assert [one["id"] for one in first.json()] == [one["id"] for one in again.json()]
        assert len(first.json()) == len(client.get("/api/v1/charge-points").json())


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"action": "Reset"}, 422, "name either charge_points, or a location, or every_station"),
        ({"action": "Reset", "charge_points": ["CP-9"]}, 404, "there is no charge point CP-9"),
        ({"action": "Reset", "charge_points": ["CP-RATHAUS"], "payload": {"type": "Warm"}}, 422, "Reset: type"),
        ({"action": "Reset", "location": "nowhere"}, 404, "location 'nowhere' has no charge points"),
        ({"action": "", "every_station": True}, 422, "action"),
        ({"action": "Reset", "every_station": True, "patience_s": -1}, 422, "patience_s"),
        ({"action": "Reset", "every_station": True, "patients": 1}, 422, "patients"),
    ],
)
def test_a_wrong_order_is_a_problem_that_names_it(
    place: Installation, body: dict[str, object], status: int, told: str
) -> None:
    with place.client() as client:
        answer = client.post("/api/v1/orders", json=body)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert told in answer.json()["detail"]


def test_a_waiting_order_is_taken_back_by_page_and_by_program(place: Installation) -> None:
    with place.client() as client:
        offline = next(one["id"] for one in client.get("/api/v1/charge-points").json() if not one["connected"])
        for _ in range(2):
            client.post("/api/v1/orders", json={"action": "ClearCache", "charge_points": [offline]})
        second, first = client.get("/api/v1/orders?state=waiting").json()
        assert client.delete(f"/api/v1/orders/{first['id']}").status_code == 204
        assert client.delete(f"/api/v1/orders/{first['id']}").status_code == 409
        page = client.get("/orders", headers=ENGLISH).text
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        path = f"/orders/{second['id']}/cancel"
        assert client.post(path, data={"csrf": "forged"}).status_code == 403
        assert "Taken back" in _follow(client, path, csrf)
        assert client.get(f"/api/v1/orders/{second['id']}").json()["state"] == "cancelled"


def test_the_requests_of_each_version_are_told_with_their_fields(place: Installation) -> None:
    with place.client() as client:
        found = {one["action"]: one for one in client.get(f"/api/v1/actions/{Version.V201}").json()}
    assert len(found) == 40
    assert found["Reset"]["fields"][0] == {
        "name": "type",
        "kind": "choice",
        "required": True,
        "choices": ["Immediate", "OnIdle"],
        "longest": 0,
        "example": "",
    }
