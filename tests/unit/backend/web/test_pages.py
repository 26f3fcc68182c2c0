"""Every page on a real database file: what a person reads, in both languages, and what must never be read."""

import re
from base64 import b64encode
from html import unescape
from pathlib import Path

import httpx
import pytest

from backend.settings import Settings
from backend.web.formats import NARROW
from shared.config import ClockSettings
from tests.unit.backend.web.installation import Installation, with_password
from tests.unit.backend.web.seed import ELSEWHERE, ENDED_LATE, EVIL, HELD, INVOICE, PDF, RATED, RUNNING

PAGES = (
    "/",
    "/transactions",
    "/transactions?state=held",
    f"/transactions/{RUNNING}",
    f"/transactions/{HELD}",
    f"/transactions/{RATED}",
    "/invoices",
    f"/invoices/{INVOICE}",
    "/invoices/RE/2026/3",
    "/charge-points/CP-RATHAUS/evses/2/start",
    f"/transactions/{RUNNING}/stop",
    "/api/docs",
    "/fragments/overview",
    "/fragments/transactions",
    f"/fragments/transactions/{HELD}",
    f"/fragments/invoices/{INVOICE}",
)


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def read(client: httpx.Client, path: str, language: str = "de") -> str:
    """Give a page's text as a person reads it: without tags, blanks joined."""
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text))).replace(NARROW, " ")


def test_the_overview_tells_all_at_a_glance(place: Installation) -> None:
    with place.client() as client:
        text = read(client, "/")
    assert "Stadtwerke Beispielstadt" in text
    assert "Heute geladen 33,796 kWh" in text  # 10,736 and 4,310 still running, 18,750 ended this morning
    assert "Ladevorgänge heute 3" in text
    assert "Stationen verbunden 1 von 3" in text
    assert (
        "Ladepunkt 1 Lädt geladen 10,736 kWh Leistung jetzt 3,6 kW Fahrer "
        "Erika Mustermann Kosten bisher 5,26 € begonnen 15:30"
    ) in text
    assert "Ladepunkt 2 Frei seit 26.10.2026, 14:42 Laden starten" in text
    assert "verbunden seit 11:42 · zuletzt gehört 16:42:02" in text


def test_what_a_charge_point_without_connection_said_is_shown_as_old(place: Installation) -> None:
    with place.client() as client:
        text = read(client, "/")
    card = text[text.index("P+R Bahnhof Nord Bahnhofsallee") : text.index("Tiefgarage Rathaus Rathausstraße")]
    assert "Nicht verbunden" in card
    assert "zuletzt: Lädt geladen 4,310 kWh Leistung zuletzt (13:21) 6,6 kW" in card
    assert "Meldung: GroundFailure" in card
    assert "nicht verbunden seit 13:22" in card
    assert "Laden beenden" not in card
    assert "Laden starten" not in card


def test_english_readers_get_english_words_numbers_and_dates(place: Installation) -> None:
    with place.client() as client:
        text = read(client, "/", "en-GB, de;q=0.5")
    assert "Charged today 33.796 kWh" in text
    assert "EVSE 2 Available since 26 Oct 2026, 14:42 Start charging" in text


def test_a_chosen_language_is_remembered(place: Installation) -> None:
    with place.client() as client:
        assert "Übersicht" in read(client, "/")
        assert "Overview" in read(client, "/?lang=en")
        assert "Transactions" in read(client, "/transactions")


def test_held_transactions_stand_in_the_clarification_list_with_their_reason(place: Installation) -> None:
    with place.client() as client:
        text, english = read(client, "/"), read(client, "/?lang=en")
    assert f"Ladevorgang {HELD} P+R Bahnhof Nord · 26.10.2026, 10:42 · 8,200 kWh der Zähler fällt zwischen" in text
    assert "the register falls from 58200 to 12 Wh between 14:01 and 14:03" in english


def test_transactions_are_listed_newest_first_with_filter_and_pages(place: Installation) -> None:
    with place.client() as client:
        page = client.get("/transactions").text
        numbers = [int(n) for n in re.findall(r'<a href="/transactions/(\d+)">', page)]
        assert numbers == [ELSEWHERE, RUNNING, HELD, ENDED_LATE, RATED, 1]
        held = client.get("/transactions?state=held").text
        assert re.findall(r'<a href="/transactions/(\d+)">', held) == [str(HELD)]
        older = client.get(f"/transactions?before={RATED}").text
        assert re.findall(r'<a href="/transactions/(\d+)">', older) == ["1"]
        assert "***09" in read(client, "/transactions")


def test_a_transaction_tells_registers_times_and_price_lines(place: Installation) -> None:
    with place.client() as client:
        text = read(client, f"/transactions/{RATED}")
        english = read(client, f"/transactions/{RATED}", "en")
    assert "Energie 21,480 kWh Betrag 9,36 €" in text
    assert "Beginn 25.10.2026, 20:54:00 Ende 25.10.2026, 23:18:00 Dauer 2 h 24 min" in text
    assert "Zählerstand Beginn 1.000,000 kWh Zählerstand Ende 1.021,480 kWh" in text
    assert (
        "Ladestrom 9,845 kWh × 0,49 EUR/kWh (06:00–22:00 Uhr), Zählerstand "
        "beim Preiswechsel interpoliert 20:54:00 – 22:00:00"
    ) in text
    assert f"Rechnung {INVOICE}" in text
    assert "Energy 11.635 kWh × 0.39 EUR/kWh" in english


def test_late_delivery_of_events_is_visible(place: Installation) -> None:
    with place.client() as client:
        text = read(client, f"/transactions/{ENDED_LATE}")
    assert "Begonnen 27.10.2026, 07:42:10 27.10.2026, 07:42:12 sofort" in text
    assert "Messwerte 27.10.2026, 08:42:10 27.10.2026, 11:42:10 nachgeliefert nach 3 h 00 min" in text
    assert "Beendet 27.10.2026, 09:42:10 27.10.2026, 11:42:13 nachgeliefert nach 2 h 00 min" in text


def test_a_transaction_has_charts_that_say_in_words_what_they_show(place: Installation) -> None:
    with place.client() as client:
        page = client.get(f"/transactions/{RUNNING}").text.replace(NARROW, " ")
        single = client.get("/transactions/1").text
    assert 'aria-label="Leistung von 15:30 bis 16:42, höchstens 11,0 kW"' in page
    assert 'aria-label="Geladene Energie von 15:30 bis 16:42, zusammen 10,736 kWh"' in page
    assert 'class="chart energy"' in single
    assert 'class="chart power"' not in single


def test_an_invoice_shows_lines_totals_and_the_state_of_its_mail(place: Installation) -> None:
    with place.client() as client:
        text = read(client, f"/invoices/{INVOICE}")
        failed = read(client, "/invoices/RE-2026-000002")
        pending = read(client, "/invoices/RE/2026/3")
    assert "Ladestrom (06:00–22:00 Uhr) 2 25.10.2026 9,845 kWh 0,49 € 4,82 €" in text
    assert "Zahlbetrag 9,36 €" in text
    assert "versendet an rechnung@example.com, am 27.10.2026, 15:42" in text
    assert "1 Versuche, zuletzt: 5.1.1 no such user" in failed
    assert "Das PDF wird gerade erstellt." in pending


def test_the_pdf_is_the_one_that_was_mailed(place: Installation) -> None:
    with place.client() as client:
        answer = client.get(f"/invoices/{INVOICE}/pdf")
        missing = client.get("/invoices/RE/2026/3/pdf")
    assert answer.content == PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{INVOICE}.pdf"
    assert missing.status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_nothing_from_the_database_becomes_markup_and_no_token_is_shown(place: Installation, path: str) -> None:
    with place.client() as client:
        answer = client.get(path)
    assert answer.status_code == 200
    assert EVIL not in answer.text
    assert "alert('x')" not in answer.text
    assert not re.search(r"04[0-9A-F]{10,}", answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_pages_bring_no_inline_script_or_style_and_nothing_from_elsewhere(place: Installation, path: str) -> None:
    with place.client() as client:
        answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/transactions/999",
        "/transactions/abc",
        "/transactions/-1",
        "/transactions/9999999999999999999999",
        "/transactions/9223372036854775808",
        "/transactions?before=x",
        "/transactions?state=x",
        "/invoices/none",
        "/charge-points/none/evses/1/start",
        "/charge-points/CP-RATHAUS/evses/9/start",
        "/transactions/999/stop",
        "/fragments/nope",
    ],
)
def test_an_address_without_anything_gets_a_page_of_the_house(place: Installation, path: str) -> None:
    with place.client() as client:
        answer = client.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.text


def test_a_wrong_method_is_refused_with_the_right_one(place: Installation) -> None:
    with place.client() as client:
        answer = client.post("/transactions", headers={"Accept-Language": "en"})
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "That did not work" in answer.text


def test_a_fragment_is_the_live_part_of_its_page(place: Installation) -> None:
    with place.client() as client:
        page, fragment = client.get("/").text, client.get("/fragments/overview").text
    assert fragment.strip() in page
    assert "<html" not in fragment


def test_with_a_password_nothing_is_open_but_health_and_names_are_free(tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite", with_password("gehe:im-ü"))

    def login(password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + b64encode(f"anyone:{password}".encode()).decode()}

    with place.client() as client:
        for path in (*PAGES, "/signed", "/api/v1/transactions", "/api/v1/live", f"/invoices/{INVOICE}/pdf"):
            answer = client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert "Beispielstadt" not in answer.text
        for wrong in (login("falsch"), login(""), {"Authorization": "Basic %%%"}, {"Authorization": "Bearer x"}):
            assert client.get("/", headers=wrong).status_code == 401
        assert client.get("/", headers=login("gehe:im-ü")).status_code == 200
        assert client.get("/healthz").json() == {"status": "ok"}
        refused = client.get("/api/v1/transactions")
        assert refused.headers["Content-Type"] == "application/problem+json"


def test_a_demonstration_says_that_time_runs_faster(tmp_path: Path) -> None:
    faster = Settings(clock=ClockSettings(lapse_rate=120.0))
    with Installation(tmp_path / "a.sqlite", faster).client() as client:
        assert "Vorführung: Zeit läuft 120-mal schneller" in read(client, "/")
        assert "Demonstration: time runs 120 times faster" in read(client, "/", "en")
    with Installation(tmp_path / "b.sqlite").client() as client:
        assert "Vorführung" not in read(client, "/")


def test_before_the_first_set_up_the_pages_are_there(tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite", empty=True)
    with place.client() as client:
        assert "Noch keine Ladestation angelegt." in read(client, "/")
        assert "Keine Ladevorgänge." in read(client, "/transactions")
        assert "Noch keine Rechnungen." in read(client, "/invoices")


def test_static_files_may_be_kept_and_their_address_changes_with_them(place: Installation) -> None:
    with place.client() as client:
        page = client.get("/").text
        assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert len(assets) == 4
        for address in assets:
            assert re.search(r"\?v=[0-9a-f]{12}$", address)
            assert client.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert client.get("/static/../pages.py").status_code == 404
        assert client.get("/static/nope.js").status_code == 404


def test_behind_a_proxy_with_a_prefix_all_addresses_bear_it(tmp_path: Path) -> None:
    with Installation(tmp_path / "emops.sqlite", root_path="/laden").client() as client:
        page = client.get("/transactions").text  # the proxy has taken the prefix off
        assert "<html" not in client.get("/fragments/overview").text
    addresses = re.findall(r'''(?:src|href|data-fragment|data-live-url)="([^"#]*)"''', page)
    assert len(addresses) > 15
    assert [address for address in addresses if not address.startswith("/laden/")] == []
    assert 'href="/laden/transactions" aria-current="page"' in page
