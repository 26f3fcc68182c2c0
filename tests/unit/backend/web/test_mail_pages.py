"""The pages of letters and their interface: what waits, why, and sending again."""

import re
from pathlib import Path

import pytest

from backend.jobs.relay import MailSettings
from backend.settings import Settings
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.test_pages import read


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


def test_the_outbox_tells_states_and_reasons(place: Installation) -> None:
    with place.client() as client:
        text, english = read(client, "/mail"), read(client, "/mail", "en")
        bounced = read(client, "/mail?state=bounced")
    assert "RE-2026-000002 Rechnung rechnung@example.com" in text
    assert "unzustellbar 550 5.1.1 no such user" in text
    assert "Es ist kein Mailserver eingestellt" in text
    assert "undeliverable 550 5.1.1 no such user" in english
    assert "RE-2026-000001" not in bounced


def test_a_letter_is_shown_as_it_is_sent(place: Installation) -> None:
    with place.client() as client:
        text = read(client, "/mail/1")
        html = client.get("/mail/1/html")
        missing = [client.get(path).status_code for path in ("/mail/99", "/mail/x", "/mail/texts/poem/html")]
    assert "Rechnung RE-2026-000001 von Stadtwerke Beispielstadt Guten Tag Möbel Muster GmbH," in text
    assert "über 12,34 € für Ihre Ladevorgänge" in html.text
    assert html.headers["Content-Security-Policy"].endswith("sandbox")
    assert missing == [404, 404, 404]


def test_a_letter_is_sent_again_to_a_corrected_address(place: Installation) -> None:
    with place.client() as client:
        token = csrf(client.get("/mail/2").text)
        forged = client.post("/mail/2/resend", data={"csrf": "x", "to": "new@example.com"})
        wrong = client.post("/mail/2/resend", data={"csrf": token, "to": "nobody"})
        done = client.post("/mail/2/resend", data={"csrf": token, "to": "new@example.com"})
        too_early = client.post("/mail/3/resend", data={"csrf": token, "to": "new@example.com"})
        letters = client.get("/api/v1/letters", params={"state": "queued"}).json()
    assert [answer.status_code for answer in (forged, wrong, done, too_early)] == [403, 422, 200, 409]
    assert [(one["document"], one["generation"], one["to"]) for one in letters] == [
        ("RE-2026-000002", 2, ["new@example.com"]),
        ("RE/2026/3", 1, ["rechnung@example.com"]),
    ]


def test_programs_read_letters_and_send_them_again(place: Installation) -> None:
    with place.client() as client:
        letter = client.get("/api/v1/letters/2").json()
        again = client.post("/api/v1/letters/2/resend", json={})
        refused = client.post("/api/v1/letters/3/resend", json={})
        missing = client.get("/api/v1/letters/99")
    assert (letter["state"], letter["last_code"], letter["last_text"]) == ("bounced", 550, "5.1.1 no such user")
    assert again.status_code == 202
    assert again.json()["id"] > 3
    assert (refused.status_code, missing.status_code) == (409, 404)


def test_texts_are_previewed_in_both_languages(place: Installation) -> None:
    with place.client() as client:
        german, english = read(client, "/mail/texts?of=de"), read(client, "/mail/texts?of=en")
        html = client.get("/mail/texts/dunning/html?of=de")
    assert "Ankündigung der Lastschrift am 14.11.2026" in german
    assert "Notice of the direct debit on 14 Nov 2026" in english
    assert "<p>" in html.text


def test_the_probe_tells_each_step(tmp_path: Path) -> None:
    mail = MailSettings(host="127.0.0.1", port=1, security="none")
    with Installation(tmp_path / "db", Settings(mail=mail)).client() as client:
        token = csrf(client.get("/mail/probe").text)
        answer = client.post("/mail/probe", data={"csrf": token, "address": "me@example.com"})
        wrong = client.post("/mail/probe", data={"csrf": token, "address": "me"})
    assert "gescheitert" in answer.text or "failed" in answer.text
    assert "SMTPConnectError" in answer.text
    assert wrong.status_code == 422
