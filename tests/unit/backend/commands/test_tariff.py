"""The tariff tools on the command line, as an operator uses them."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.__main__ import main
from tests.unit.backend.world import MASTER

# Any: JSON that commands print.
Json = Any

DAY_NIGHT = {
    "id": "day-night",
    "currency": "EUR",
    "type": "AD_HOC_PAYMENT",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19, "step_size": 1}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {
            "price_components": [
                {"type": "FLAT", "price": 0.35, "vat": 19, "step_size": 1},
                {"type": "ENERGY", "price": 0.79, "vat": 19, "step_size": 1},
            ]
        },
    ],
}

SCENARIOS = {
    "scenarios": [
        {"id": "A", "tariff": DAY_NIGHT, "sessions": []},
        {"id": "B", "tariff": DAY_NIGHT | {"id": "b"}, "extensions": {"x_quota": {"free_kwh": 10, "used_before": 5}}},
    ]
}


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "tariff.json"
    path.write_text(json.dumps(DAY_NIGHT), "utf-8")
    return str(path)


@pytest.fixture
def scenarios(tmp_path: Path) -> str:
    path = tmp_path / "scenarios.json"
    path.write_text(json.dumps(SCENARIOS), "utf-8")
    return str(path)


def run(*arguments: str) -> int:
    return main(["tariff", *arguments])


def printed(capsys: pytest.CaptureFixture[str]) -> Json:
    return json.loads(capsys.readouterr().out)


SESSION: Json = {
    "id": "s1",
    "periods": [
        {"state": "CHARGING", "start": "2026-06-15T16:00:00Z", "end": "2026-06-15T18:04:00Z", "kwh": "22.417"},
        {"state": "PARKING", "start": "2026-06-15T18:04:00Z", "end": "2026-06-15T19:00:00Z", "kwh": "0"},
    ],
}
NOTHING: Json = {
    "id": "s2",
    "periods": [{"state": "CHARGING", "start": "2026-06-16T08:00:00Z", "end": "2026-06-16T08:03:00Z", "kwh": "0"}],
}
SCENARIO: Json = {
    "id": "A",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "tariff": DAY_NIGHT,
    "sessions": [SESSION, NOTHING],
}


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(SCENARIO), "utf-8")
    return str(path)


def test_rate_explains_each_line(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rate", scenario, "--explain", "--lang", "de") == 0
    out = capsys.readouterr().out
    assert "Ladestrom 22,417 kWh × 0,79 EUR/kWh" in out
    assert "= 15,18 netto + 2,88 USt. = 18,06 EUR brutto (genau 18,05943)" in out
    assert "A Zusammen" in out
    assert run("rate", scenario) == 0
    english = capsys.readouterr().out
    assert "Energy" in english
    assert "×" not in english


def test_rate_as_json_has_exact_beside_rounded_values(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rate", scenario, "--explain", "--json") == 0
    result = printed(capsys)
    first = result["per_session"][0]
    assert (first["total_net"], first["total_vat"], first["total_gross"]) == ("15.18", "2.88", "18.06")
    assert first["total_gross_exact"] == "18.05943"
    assert first["tax_lines"] == [{"rate_percent": "19", "base": "15.18", "vat": "2.88"}]
    assert result["total_gross"] == "18.41"


def test_zero_sessions_and_versions_are_chosen_by_option(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rate", scenario, "--json", "--flat-requires-energy") == 0
    assert printed(capsys)["per_session"][1]["total_gross"] == "0.00"
    old, new = (
        {**DAY_NIGHT, "id": name, "elements": [{"price_components": [{"type": "ENERGY", "price": price, "vat": 19}]}]}
        for name, price in (("v1", 0.49), ("v2", 0.55))
    )
    end = "2026-06-15T18:04:00Z"
    periods = [SESSION["periods"][0], SESSION["periods"][1] | {"state": "CHARGING", "kwh": "10"}]
    versions = SCENARIO | {
        "tariff": [old | {"end_date_time": end}, new | {"start_date_time": end}],
        "sessions": [SESSION | {"periods": periods}],
    }
    path = tmp_path / "versions.json"
    path.write_text(json.dumps(versions))
    assert run("rate", str(path), "--json") == 0
    assert printed(capsys)["total_gross"] == "15.88"
    assert run("rate", str(path), "--json", "--version-switch", "switch_mode") == 0
    assert printed(capsys)["total_gross"] == "16.48"


def test_a_scenario_that_can_not_be_priced_is_held_with_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "held.json"
    path.write_text(json.dumps(SCENARIO | {"tariff": DAY_NIGHT | {"discount": 3}}))
    assert run("rate", str(path), "--json") == 1
    result = printed(capsys)
    assert (result["held"], result["reason"]["path"]) == (True, "tariff.discount")
    assert "total_gross" not in result
    assert run("rate", str(path), "--lang", "de") == 1
    assert "Nicht berechnet: tariff.discount" in capsys.readouterr().out
    path.write_text("[]")
    assert run("rate", str(path)) == 1
    path.write_text("3")
    assert run("rate", str(path), "--json") == 1
    assert printed(capsys)["held"] is True


def test_lint_fails_on_errors_only(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", file, "--power", "22") == 0
    assert run("lint", file, "--power", "50", "--lang", "de") == 1
    out = capsys.readouterr().out
    assert "ERROR" in out
    assert "elements[1].price_components[0] (start_fee_fast)" in out
    assert "AFIR Art. 5 Abs. 4" in out


def test_lint_compares_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "versions.json"
    old, new = {"end_date_time": "2026-06-01T00:00:00Z"}, {"start_date_time": "2026-05-01T00:00:00Z"}
    path.write_text(json.dumps([DAY_NIGHT | old, DAY_NIGHT | new]))
    assert run("lint", str(path)) == 1
    assert "tariff[1].start_date_time (validity_overlap)" in capsys.readouterr().out


def test_lint_of_what_is_no_tariff_names_the_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(DAY_NIGHT | {"elements": [{"price_components": []}]}))
    assert run("lint", str(path), "--json") == 1
    [finding] = printed(capsys)["findings"]
    assert (finding["code"], finding["path"]) == ("invalid", "elements[0].price_components")


def test_lint_reads_master_data_and_stdin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "master.toml").write_text(MASTER)
    assert run("lint", str(tmp_path / "master.toml")) == 0
    assert capsys.readouterr().out == "flat: no findings\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(DAY_NIGHT)))
    assert run("lint", "-", "--json") == 0
    assert printed(capsys)["count"]["ERROR"] == 0


def test_sign_is_told_in_both_languages(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sign", file) == 0
    out = capsys.readouterr().out
    assert "Ladestrom: 0,79 €/kWh (06:00–22:00 Uhr)" in out
    assert "Energy: €0.79/kWh (06:00–22:00)" in out
    assert run("sign", file, "--lang", "en", "--power", "150") == 0
    english = capsys.readouterr().out
    assert "Ladestrom" not in english
    assert "[not allowed ad hoc from 50 kW on]" in english
    assert run("sign", file, "--json") == 0
    rows = printed(capsys)["rows"]
    assert [(row["group"], row["price"]) for row in rows] == [("KWH", "0.49"), ("KWH", "0.79"), ("SESSION", "0.35")]


def test_fit_tells_each_version(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", file) == 0
    out = capsys.readouterr().out
    assert "OCPI 2.2.1: approximated" in out
    assert "OCPI 2.3.0: exact" in out
    assert run("fit", file, "--json") == 0
    fits = printed(capsys)["fits"]
    assert [one["version"] for one in fits] == ["2.1.1", "2.2.1", "2.3.0"]
    assert fits[2]["tariff"]["tax_included"] == "YES"


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_export_and_import_go_there_and_back(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    assert run("export", file, "--to", version) == 0
    exported = capsys.readouterr()
    sent = tmp_path / "sent.json"
    sent.write_text(exported.out)
    assert run("import", str(sent), "--from", version) == 0
    returned = printed(capsys)
    prices = [c["price"] for element in returned["elements"] for c in element["price_components"]]
    assert prices == ([0.49, 0.35, 0.79] if version == "2.3.0" else [0.4118, 0.2941, 0.6639])
    assert ("approximated: elements[1].price_components[1].price" in exported.err) == (version == "2.2.1")


def test_import_of_an_answer_lists_what_was_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"status_code": 1000, "data": [DAY_NIGHT | {"color": "blue"}]}))
    assert run("import", str(path), "--json") == 0
    found = printed(capsys)
    assert (found["version"], found["verdict"]) == ("2.3.0", "EXACT")
    assert [loss["path"] for loss in found["losses"]] == ["color"]


def test_one_scenario_of_a_file_is_chosen_by_id(scenarios: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sign", scenarios, "--id", "B", "--lang", "de") == 0
    assert "kostenlos (die ersten 10 kWh" in capsys.readouterr().out
    assert run("fit", scenarios, "--json") == 0
    assert [row["id"] for row in printed(capsys)] == ["day-night", "b"]
    assert run("sign", scenarios, "--id", "C") == 1
    assert "there is none with the id 'C'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1,", "is not JSON"),
        ("{}", "elements: is missing"),
        ("[]", "there is none"),
        (
            '{"id": "x", "currency": "EUR", "elements": [{"price_components": [{"type": "X"}]}]}',
            "price_components[0].type",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    for command in ("sign", "fit", "export", "import"):
        assert run(command, str(path)) == 1
        err = capsys.readouterr().err
        assert told in err
        assert len(err.splitlines()) == 1


def test_a_missing_file_and_an_unknown_zone_are_told(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sign", str(tmp_path / "absent.json")) == 1
    assert "can't read" in capsys.readouterr().err
    assert run("lint", file, "--timezone", "Europe/Nowhere") == 1
    assert "write for instance Europe/Berlin" in capsys.readouterr().err


@pytest.mark.parametrize("power", ["-1", "NaN", "much"])
def test_a_power_that_is_no_number_is_wrong_usage(file: str, power: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run("lint", file, "--power", power)
    assert ended.value.code == 2
