import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from backend.core.rates.cdr import CdrFacts, SignedValue, make_cdr, recompute
from backend.core.rates.periods import MeterPoint
from backend.core.rates.rating import Context, Policy, Rater, VersionSwitch
from backend.core.rates.scenario_read import read_case
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_model import SpotPrice
from shared.ids import IdToken
from shared.metering import SignedData
from shared.ocpp.session import dumps, loads
from shared.units import Watt, Wh

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[4] / "cases" / "tariff_scenarios.json").read_text("utf-8"), parse_float=Decimal
)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
FACTS = CdrFacts(
    transaction_id=12,
    country="DE",
    charge_point_id="CP-1",
    charge_point_name="Lindenallee",
    street="Lindenallee 12",
    postcode="10115",
    city="Berlin",
    timezone="Europe/Berlin",
    evse_id=1,
    id_token=IdToken("04A1B2C3"),
    customer_id="C-1001",
    started_at=NOW,
    ended_at=NOW,
    meter_start=Wh(0),
    meter_stop=Wh(0),
    tariff={},
    tariff_version="0" * 64,
)


def sent(cdr: dict[str, object]) -> dict[str, Any]:
    """Give what a partner reads."""
    return cast(dict[str, Any], loads(dumps(cdr)))


@pytest.mark.parametrize("case", [c for c in CASES if c["id"] != "B3"], ids=lambda case: str(case["id"]))
def test_cost_is_computed_again_from_the_record_alone(case: dict[str, Any]) -> None:
    body = {key: value for key, value in case.items() if key != "options"}
    read, options = read_case(body), case["options"]
    policy = Policy(
        options.get("flat_requires_energy", False), VersionSwitch(options.get("version_switch", "lock_at_start"))
    )
    context = Context(used={f"{read.tariffs[0].id}/quota/contract/2026-06": Decimal("88.4")}, relationship="wholesale")
    bodies = [
        {**tariff, **{k: v for k, v in case.get("extensions", {}).items() if k not in ("x_retail", "x_quota")}}
        for tariff in (case["tariff"] if isinstance(case["tariff"], list) else [case["tariff"]])
    ]
    if "x_quota" in case.get("extensions", {}):
        quota = case["extensions"]["x_quota"]
        bodies = [{**tariff, "x_quota": {k: v for k, v in quota.items() if k != "used_before"}} for tariff in bodies]
    for session in read.sessions:
        rating = Rater(read.tariffs, read.zone, policy).rate(session.periods, context)
        facts = replace(
            FACTS,
            started_at=session.periods[0].start,
            ended_at=session.periods[-1].end,
            tariff=bodies[0],
            more_tariffs=tuple(bodies[1:]),
        )
        cdr = sent(make_cdr(facts, session.periods, rating, NOW, context))
        again = recompute(cdr)
        assert (again.lines, again.tax_lines, again.used) == (rating.lines, rating.tax_lines, rating.used)
        assert make_cdr(facts, session.periods, again, NOW, context)["total_cost"] == cdr["total_cost"]


def test_interpolated_spot_session_is_computed_again() -> None:
    body: dict[str, Any] = {
        "id": "s",
        "currency": "EUR",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0, "vat": 19}], "restrictions": {"max_power": 50}}
        ],
        "x_spot": {"series": "day-ahead", "interval": 15, "adder": "0.1", "lock": "interval"},
    }
    start = datetime(2026, 6, 15, 8, 5, 0, 250_000, tzinfo=UTC)
    series = [SpotPrice(datetime(2026, 6, 15, 8, q, tzinfo=UTC), Decimal(q)) for q in (0, 15, 30, 45)]
    points = [MeterPoint(start + timedelta(minutes=11 * i), Wh(i * 1703), Watt(9000 + i)) for i in range(5)]
    context = Context(series={"day-ahead": series})
    periods, rating = Rater(parse_tariff(body), ZoneInfo("Europe/Berlin")).cut_and_rate(points, context)
    facts = replace(FACTS, started_at=start, ended_at=points[-1].at, meter_stop=points[-1].energy, tariff=body)
    cdr = sent(make_cdr(facts, periods, rating, NOW, context))
    assert recompute(cdr) == rating
    assert sum(
        Decimal(d["volume"]) for p in cdr["charging_periods"] for d in p["dimensions"] if d["type"] == "ENERGY"
    ) == (Decimal("6.812"))


def test_signed_readings_are_kept_byte_for_byte() -> None:
    text = 'OCMF|{"FV":"1.0","GI":"Zähler é"}|{"SA":"ECDSA","SD":"30 45\\t"}'
    signed = (SignedValue("Start", SignedData(text, "3059")), SignedValue("End", SignedData(text + " ", "3059")))
    case = read_case({key: value for key, value in CASES[0].items() if key != "options"})
    rating = Rater(case.tariffs, case.zone).rate(case.sessions[0].periods)
    facts = replace(FACTS, signed=signed, tariff=CASES[0]["tariff"])
    found = sent(make_cdr(facts, case.sessions[0].periods, rating, NOW))["signed_data"]
    assert (found["encoding_method"], found["public_key"]) == ("OCMF", "3059")
    assert [value["nature"] for value in found["signed_values"]] == ["Start", "End"]
    for value, kept in zip(found["signed_values"], signed, strict=True):
        assert b64decode(value["signed_data"]) == kept.data.text.encode()
        assert value["plain_data"] == kept.data.text
