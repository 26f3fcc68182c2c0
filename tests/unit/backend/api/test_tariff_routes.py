"""The tariff tools over HTTP: exact numbers, and problems that name the element."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.backend.web.installation import Installation

# Any: JSON of tariffs.
Json = dict[str, Any]

TARIFF: Json = {
    "id": "T",
    "currency": "EUR",
    "type": "AD_HOC_PAYMENT",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 0.35, "vat": 19, "step_size": 1},
                {"type": "ENERGY", "price": 0.79, "vat": 19, "step_size": 1},
            ]
        },
    ],
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    path: Path = tmp_path_factory.mktemp("tariffs") / "emops.sqlite"
    with Installation(path).client() as client:
        yield client


def post(client: httpx.Client, tool: str, body: object, **params: str) -> httpx.Response:
    return client.post(f"/api/v1/tariffs/{tool}", content=json.dumps(body), params=params)


def test_lint_depends_on_the_power(client: httpx.Client) -> None:
    fast = post(client, "lint", TARIFF, power_kw="150").json()
    slow = post(client, "lint", TARIFF, power_kw="22").json()
    assert fast["count"]["ERROR"] == 1
    assert fast["findings"][0]["path"] == "elements[0].price_components[0]"
    assert slow["count"]["ERROR"] == 0


def test_lint_of_an_unreadable_tariff_is_a_finding(client: httpx.Client) -> None:
    answer = post(client, "lint", {"id": "T"})
    assert (answer.status_code, answer.json()["findings"][0]["code"]) == (200, "invalid")


def test_sign_has_exact_prices_as_text(client: httpx.Client) -> None:
    rows = post(client, "sign", TARIFF).json()["rows"]
    assert [(row["price"], row["amount_de"]) for row in rows] == [
        ("0.79", "0,79 €/kWh"),
        ("0.35", "0,35 €"),
    ]


def test_fit_and_export_say_the_same(client: httpx.Client) -> None:
    fits = post(client, "fit", TARIFF).json()["fits"]
    assert [one["verdict"] for one in fits] == ["APPROXIMATED", "APPROXIMATED", "EXACT"]
    exported = post(client, "export", TARIFF, version="2.2.1").json()
    assert exported == fits[1]
    assert exported["tariff"]["elements"][0]["price_components"][1]["price"] == 0.6639


def test_import_gives_our_own_shape(client: httpx.Client) -> None:
    sent = post(client, "export", TARIFF, version="2.3.0").json()["tariff"]
    answer = post(client, "import", {"data": sent | {"color": "blue"}}).json()
    assert (answer["version"], answer["verdict"]) == ("2.3.0", "EXACT")
    assert [loss["path"] for loss in answer["losses"]] == ["color"]
    assert answer["tariff"]["tax_included"] == "YES"


@pytest.mark.parametrize("tool", ["sign", "fit", "export", "import"])
def test_a_problem_names_the_element(client: httpx.Client, tool: str) -> None:
    broken = TARIFF | {"elements": [{"price_components": [{"type": "ENERGY", "price": "x"}]}]}
    answer = post(client, tool, broken)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "elements[0].price_components[0].price"


@pytest.mark.parametrize(
    ("body", "params", "status"),
    [
        ("[1", {}, 400),
        ("\xff", {}, 400),
        ("[" * 5000, {}, 400),
        ("[]", {}, 422),
        (json.dumps([TARIFF, TARIFF]), {}, 422),
        (json.dumps(TARIFF), {"power_kw": "-1"}, 422),
        (json.dumps(TARIFF), {"power_kw": "much"}, 422),
        (json.dumps(TARIFF), {"timezone": "Europe/Nowhere"}, 422),
        (json.dumps(TARIFF | {"x": "y" * 1_000_000}), {}, 413),
    ],
)
def test_what_is_no_tariff_is_a_problem(client: httpx.Client, body: str, params: dict[str, str], status: int) -> None:
    answer = client.post("/api/v1/tariffs/lint", content=body.encode("latin-1"), params=params)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def scenario(**period: object) -> Json:
    usual = {"state": "CHARGING", "start": "2026-06-15T10:00:00Z", "end": "2026-06-15T11:00:00Z", "kwh": "61.384"}
    session = {"id": "s1", "periods": [usual | period]}
    return {"id": "A", "timezone": "Europe/Berlin", "currency": "EUR", "tariff": TARIFF, "sessions": [session]}


def test_rate_gives_totals_and_explained_lines(client: httpx.Client) -> None:
    result = post(client, "rate", scenario()).json()
    assert (result["total_net"], result["total_vat"], result["total_gross"]) == ("41.04", "7.80", "48.84")
    assert [line["gross_exact"] for line in result["lines"]] == ["0.35", "48.49336"]
    assert all(line["explanation_de"] and line["explanation_en"] for line in result["lines"])


def test_rate_options_are_query_parameters(client: httpx.Client) -> None:
    assert post(client, "rate", scenario(kwh="0")).json()["total_gross"] == "0.35"
    assert post(client, "rate", scenario(kwh="0"), flat_requires_energy="true").json()["total_gross"] == "0.00"
    assert post(client, "rate", scenario(), version_switch="maybe").status_code == 422


def test_what_can_not_be_rated_is_a_problem_with_its_path(client: httpx.Client) -> None:
    answer = post(client, "rate", scenario(end="2026-06-15T09:00:00Z"))
    assert answer.status_code in (200, 422)
    told = answer.json()
    path = told["errors"][0]["field"] if answer.status_code == 422 else told["reason"]["path"]
    assert path.startswith("sessions[0]")
    assert post(client, "rate", {"id": "A"}).status_code == 422


def test_the_documentation_tells_the_body(client: httpx.Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert "application/json" in paths["/api/v1/tariffs/lint"]["post"]["requestBody"]["content"]
