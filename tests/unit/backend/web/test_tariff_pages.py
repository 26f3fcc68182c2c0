"""The pages of tariffs on a real server: sign, findings, fit, a try, and a check of pasted JSON."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine

from backend.core.tariffs.tariff import canonical, version_id
from backend.store import rating_tables
from backend.web.formats import NARROW
from backend.web.security import CSRF_COOKIE
from tests.unit.backend.web.installation import Installation
from tests.unit.backend.web.seed import EVIL, NOW, seed

# Any: JSON of tariffs.
Json = dict[str, Any]

ADHOC: Json = {
    "id": "adhoc",
    "currency": "EUR",
    "type": "AD_HOC_PAYMENT",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 0.35, "vat": 19, "step_size": 1},
                {"type": "ENERGY", "price": 0.79, "vat": 19, "step_size": 1},
                {"type": "PARKING_TIME", "price": 6, "vat": 19, "step_size": 1},
            ]
        },
    ],
}
SLASHED = "a/b c"


def row(body: Json, days: int) -> Json:
    valid_from = NOW - timedelta(days=days)
    text = canonical(body | {"start_date_time": valid_from.isoformat()})
    return {
        "id": version_id(text),
        "operator_id": "op",
        "tariff_id": body["id"],
        "valid_from": valid_from,
        "body": text,
    }


def cheaper(price: float) -> Json:
    body: Json = json.loads(json.dumps(ADHOC))
    body["elements"][0]["price_components"][1]["price"] = price
    return body


OLD, CURRENT, COMING = row(ADHOC, 100), row(cheaper(0.77), 30), row(cheaper(0.75), -5)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    path: Path = tmp_path_factory.mktemp("tariffs") / "emops.sqlite"
    seed(path)
    engine = create_engine(f"sqlite:///{path}")
    rows = [OLD, CURRENT, COMING, row(ADHOC | {"id": SLASHED}, 10), row(ADHOC | {"id": EVIL[:36]}, 10)]
    with engine.begin() as connection:
        connection.execute(rating_tables.tariff_version.insert(), rows)
    engine.dispose()
    with Installation(path).client() as client:
        yield client


def read(client: httpx.Client, path: str, language: str = "de") -> str:
    """Give a page's text as a person reads it: without tags, blanks joined."""
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return words(answer.text)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))).replace(NARROW, " ")


def test_the_list_shows_the_prices_of_the_version_that_is_valid(client: httpx.Client) -> None:
    text = read(client, "/tariffs")
    assert "adhoc gültig seit 27.09.2026 · 3 Fassungen Warnung 0,77 €/kWh Ladestrom" in text
    assert "day-night" in text
    assert "0,49 €/kWh Ladestrom, 06:00–22:00 Uhr" in text
    assert "€0.77/kWh Energy" in read(client, "/tariffs", "en")


def test_names_from_operators_are_never_markup(client: httpx.Client) -> None:
    assert "<script>alert" not in client.get("/tariffs").text


def test_a_tariff_shows_sign_findings_fit_and_versions(client: httpx.Client) -> None:
    text = read(client, "/tariffs/adhoc")
    assert "Je Kilowattstunde 0,77 €/kWh Ladestrom Je Minute 0,10 €/min Standzeit ohne Laden" in text
    assert "Je Ladevorgang 0,35 € Startgebühr" in text
    assert "an Ladepunkten ab 50 kW ist sie beim Ad-hoc-Laden nicht erlaubt" in text
    assert "2.3.0 genau" in text
    assert "2.2.1 angenähert" in text
    assert text.index("kommt") < text.index("gilt jetzt") < text.index("abgelöst")
    assert CURRENT["id"][:12] in text


def test_an_older_version_can_be_looked_at(client: httpx.Client) -> None:
    text = read(client, f"/tariffs/adhoc?version={OLD['id']}")
    assert "0,79 €/kWh" in text
    assert client.get("/tariffs/adhoc?version=ffff").status_code == 404
    assert client.get("/tariffs/none").status_code == 404


def test_an_id_may_hold_slashes_and_blanks(client: httpx.Client) -> None:
    assert f"Tarif {SLASHED}" in read(client, "/tariffs/a/b%20c")
    href = re.search(r'href="(/tariffs/a[^"]+)"', client.get("/tariffs").text)
    assert href
    assert f"Tarif {SLASHED}" in read(client, href[1])
    assert client.get("/tariffs/a/b%20c/ocpi/2.2.1.json").json()["id"] == SLASHED


def test_a_try_explains_each_line(client: httpx.Client) -> None:
    query = "kwh=20,5&start=2026-10-28T09:00&charging=60&parked=30&power=22"
    text = read(client, f"/tariffs/adhoc?{query}")
    assert "Kostet 19,14 €" in text
    assert "Startgebühr 0,35 EUR" in text
    assert "Ladestrom 20,500 kWh × 0,77 EUR/kWh" in text
    assert "Standzeit ohne Laden 30 min × 6,00 EUR/h" in text
    english = read(client, f"/tariffs/adhoc?{query}", "en")
    assert "Costs €19.14" in english
    assert "Energy 20.500 kWh × 0.77 EUR/kWh" in english


def test_without_anything_entered_an_example_is_shown(client: httpx.Client) -> None:
    assert "Kostet 23,45 €" in read(client, "/tariffs/adhoc")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("kwh=x", "Energie"),
        ("kwh=-1", "Energie"),
        ("kwh=NaN", "Energie"),
        ("kwh=1e99", "Energie"),
        ("charging=0", "Ladedauer"),
        ("charging=999999", "Ladedauer"),
        ("parked=", "danach noch angesteckt"),
        ("start=now", "Beginn"),
        ("start=9999-12-31T23:00", "Beginn"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_priced(client: httpx.Client, query: str, field: str) -> None:
    text = read(client, f"/tariffs/adhoc?{query}")
    assert f"Bitte prüfen: {field}." in text
    assert "Kostet" not in text


def test_the_power_marks_what_is_not_allowed(client: httpx.Client) -> None:
    assert "ad hoc ab 50 kW nicht zulässig" in read(client, "/tariffs/adhoc?power=150")
    assert "nicht zulässig" not in read(client, "/tariffs/adhoc?power=22")


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
def test_ocpi_is_for_download(client: httpx.Client, version: str) -> None:
    answer = client.get(f"/tariffs/adhoc/ocpi/{version}.json", params={"version": OLD["id"]})
    assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''adhoc-ocpi-{version}.json"
    assert ("tax_included" in answer.json()) == (version == "2.3.0")
    assert client.get("/tariffs/adhoc/ocpi/9.9.json").status_code == 404


def paste(client: httpx.Client, text: str, version: str = "", csrf: str | None = None) -> httpx.Response:
    client.get("/tariffs/check")
    token = client.cookies[CSRF_COOKIE] if csrf is None else csrf
    return client.post("/tariffs/check", data={"csrf": token, "tariff": text, "version": version})


def test_pasted_json_is_checked_and_not_stored(client: httpx.Client) -> None:
    answer = paste(client, json.dumps(ADHOC | {"id": "pasted"}))
    text = words(answer.text)
    assert answer.status_code == 200
    assert "0,79 €/kWh Ladestrom" in text
    assert "Wiedergabe" in text
    assert "pasted" not in read(client, "/tariffs")


def test_a_partners_tariff_is_shown_in_our_own_format(client: httpx.Client) -> None:
    text = words(paste(client, json.dumps(ADHOC | {"color": "blue"}), "2.3.0").text)
    assert "Unbekanntes Feld, beim Einlesen weggelassen. color" in text
    assert "Im eigenen Format" in text
    assert '"color"' not in text.split("Im eigenen Format")[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "tariff Der Tarif kann nicht gelesen werden"),
        ("{", "ist kein JSON"),
        ("[" * 5000, "ist kein JSON"),
        (json.dumps([ADHOC, ADHOC]), "muss genau einer sein, nicht 2"),
        (json.dumps(ADHOC | {"elements": []}), "elements Der Tarif kann nicht gelesen werden"),
        (EVIL, "ist kein JSON"),
    ],
)
def test_what_is_no_tariff_is_told(client: httpx.Client, text: str, told: str) -> None:
    answer = paste(client, text)
    assert answer.status_code == 200
    assert told in words(answer.text)
    assert "<script>alert" not in answer.text


def test_a_form_of_another_site_is_refused(client: httpx.Client) -> None:
    answer = paste(client, json.dumps(ADHOC), csrf="forged")
    assert answer.status_code == 403
    assert "Je Kilowattstunde" not in answer.text


def test_a_form_that_is_too_large_is_refused(client: httpx.Client) -> None:
    assert paste(client, "x" * 1_600_000).status_code == 413


def test_every_page_has_labels_and_a_heading(client: httpx.Client) -> None:
    for path in ("/tariffs", "/tariffs/adhoc", "/tariffs/check"):
        text = client.get(path).text
        assert len(re.findall("<h1", text)) == 1
        fields = set(re.findall(r'<(?:input|select|textarea) id="([^"]+)"', text))
        assert fields == set(re.findall(r'<label for="([^"]+)"', text))
        assert "style=" not in text
