"""Starting and stopping from afar: confirmation, what is sent, what is told, and forms that others forge."""

import re
from html import unescape
from pathlib import Path

import httpx
import pytest

from backend.errors import CommandRefusedError, CommandTimeoutError, NotConnectedError
from shared.ocpp.validation import Version
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import ELSEWHERE, HELD, RUNNING

START = "/charge-points/CP-RATHAUS/evses/2/start"
STOP = f"/transactions/{RUNNING}/stop"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def fields(client: httpx.Client, path: str) -> dict[str, str]:
    """Open a form as a browser does and give what it would send, with the second card chosen."""
    page = client.get(path, headers=ENGLISH).text
    form = {"csrf": re.findall(r'name="csrf" value="([^"]+)"', page)[0]}
    cards = re.findall(r'<option value="(\w+)">', page)
    return form | ({"token": cards[1]} if cards else {})


def post(client: httpx.Client, path: str, form: dict[str, str]) -> tuple[int, str]:
    answer = client.post(path, data=form, headers=ENGLISH)
    return answer.status_code, unescape(answer.text)


def test_only_cards_that_may_charge_can_be_chosen_and_none_shows_its_number(place: Installation) -> None:
    with place.client() as client:
        page = client.get(START).text
    cards = re.findall(r'<option value="\w+">(.*?)</option>', page)
    assert cards == ["Erika Mustermann (***F6)", "Max Beispiel (***C2)"]


def test_a_confirmed_start_is_sent_and_its_result_told(place: Installation) -> None:
    with place.client() as client:
        status, text = post(client, START, fields(client, START))
    assert place.sent == [("RemoteStartTransaction", {"connectorId": 2, "idTag": "04D2E4F6A8B0C2"})]
    assert status == 200
    assert "The charge point accepted the start." in text


def test_a_confirmed_stop_is_sent_and_its_result_told(place: Installation) -> None:
    with place.client() as client:
        status, text = post(client, STOP, fields(client, STOP))
    assert place.sent == [("RemoteStopTransaction", {"transactionId": RUNNING})]
    assert status == 200
    assert "The charge point accepted the stop." in text


def test_a_station_of_a_later_version_is_asked_in_its_words(tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite", version=Version.V201)
    with place.client() as client:
        status, text = post(client, START, fields(client, START))
    assert status == 200
    assert "The charge point accepted the start." in text
    [(action, payload)] = place.sent
    assert action == "RequestStartTransaction"
    assert (payload["evseId"], payload["idToken"]) == (2, {"idToken": "04D2E4F6A8B0C2", "type": "ISO14443"})


def test_looking_at_a_confirmation_sends_nothing(place: Installation) -> None:
    with place.client() as client:
        client.get(START)
        client.get(STOP)
    assert place.sent == []


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ({"status": "Rejected"}, 409, "The charge point rejected the stop."),
        ({}, 409, "The charge point rejected the stop."),
        (CommandTimeoutError("x"), 504, "did not answer in time"),
        (NotConnectedError("x"), 503, "is not connected. The transaction goes on."),
        (CommandRefusedError("<b>NotSupported</b>"), 502, "Reason: <b>NotSupported</b>"),
    ],
)
def test_every_other_outcome_is_told_plainly(
    place: Installation, answer: dict[str, object] | Exception, status: int, text: str
) -> None:
    place.station = lambda _call: answer
    with place.client() as client:
        given, page = post(client, STOP, fields(client, STOP))
    assert given == status
    assert text in page
    assert "Not carried out" in page


def test_a_charge_point_without_connection_gets_nothing(place: Installation) -> None:
    path = f"/transactions/{ELSEWHERE}/stop"
    with place.client() as client:
        assert "can't reach it now" in unescape(client.get(path, headers=ENGLISH).text)
        status, text = post(client, path, fields(client, path))
    assert (status, place.sent) == (503, [])
    assert "The transaction goes on." in text


@pytest.mark.parametrize("path", [START, STOP])
@pytest.mark.parametrize("forged", ["", "guess", "ü"])
def test_a_form_from_elsewhere_is_refused_and_sends_nothing(place: Installation, path: str, forged: str) -> None:
    with place.client() as client:
        form = fields(client, path) | {"csrf": forged}
        assert post(client, path, form)[0] == 403
        client.cookies.clear()  # SameSite=Strict: another site's form comes without our cookie
        form["csrf"] = ""
        status, text = post(client, path, form)
    assert (status, place.sent) == (403, [])
    assert "The form had expired." in text


def test_the_cookie_against_forged_forms_stays_with_us(place: Installation) -> None:
    with place.client() as client:
        cookies = client.get(START).headers.get_list("Set-Cookie")
    (cookie,) = (one for one in cookies if one.startswith("emops_csrf="))
    assert "SameSite=strict" in cookie
    assert "HttpOnly" in cookie


@pytest.mark.parametrize("token", ["", "04A1B2C3D4E5F6", "0" * 32, "ü"])
def test_a_card_that_is_not_in_the_list_starts_nothing(place: Installation, token: str) -> None:
    with place.client() as client:
        status, text = post(client, START, fields(client, START) | {"token": token})
    assert (status, place.sent) == (422, [])
    assert "Please choose a card from the list." in text


def test_a_transaction_that_is_over_can_not_be_stopped(place: Installation) -> None:
    path = f"/transactions/{HELD}/stop"
    with place.client() as client:
        form = fields(client, STOP)
        assert "no longer running" in client.get(path, headers=ENGLISH).text
        assert post(client, path, form)[0] == 409
    assert place.sent == []


def test_a_form_far_too_long_is_refused(place: Installation) -> None:
    with place.client() as client:
        assert post(client, STOP, {"csrf": "x" * 10_000})[0] == 413
        assert client.post(STOP, content=b"&".join([b"a=1"] * 500)).status_code == 400
