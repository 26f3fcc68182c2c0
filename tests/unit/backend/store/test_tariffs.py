"""Which tariff a session gets, from master data to the price; and what earlier sessions used."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.core.rates.rating import Policy
from backend.core.tariffs.assignment import Scope, rule_text
from backend.errors import ApplyError
from backend.jobs.rate_ended import rate_ended
from backend.jobs.recompute_ratings import recompute
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store.tariffs import find_rule
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ocpp.v16 import timestamp
from tests.unit.backend.world import MASTER, NOW, Station, open_world

PEOPLE = """
[[group]]
id = "staff"
operator = "muster"

[[customer]]
id = "NL-X"
operator = "muster"
name = "Roaming X"
street = "Weg 1"
postcode = "10115"
city = "Berlin"
email = "x@example.com"
partner = "NL*XYZ"

[[contract]]
id = "V-7"
customer = "K-1"

[[id_token]]
token = "ADHOC"
customer = "K-1"

[[id_token]]
token = "PARTNER"
customer = "NL-X"

[[id_token]]
token = "CONTRACT"
customer = "K-1"
contract = "V-7"

[[id_token]]
token = "EMPLOYEE"
customer = "K-1"
group = "staff"

[[id_token]]
token = "FRIEND"
customer = "K-1"
group = "staff"
user = "erika"
"""


def tariff(name: str, price: str, more: str = "", vat: str = "vat = 19.0,") -> str:
    return (
        f'[[tariff]]\noperator = "muster"\nvalid_from = 2026-01-01T00:00:00+01:00\nid = "{name}"\ncurrency = "EUR"\n'
        f'elements = [{{ price_components = [{{ type = "ENERGY", price = {price}, {vat} step_size = 1 }}] }}]\n{more}\n'
    )


def assignment(tariff_id: str, scope: str, target: str, more: str = "") -> str:
    return (
        f'[[assignment]]\noperator = "muster"\ntariff = "{tariff_id}"\nscope = "{scope}"\ntarget = "{target}"\n{more}\n'
    )


GROSS = 'tax_included = "YES"'
RULES = (
    PEOPLE
    + tariff("adhoc", "0.59", GROSS)
    + tariff("partner", "0.46", vat="vat = 0,")
    + tariff("contract", "0.49", GROSS)
    + tariff("staff", "0.245", GROSS)
    + tariff("friend", "0.20", GROSS)
    + assignment("adhoc", "connector", "CP-1/1/1")
    + assignment("partner", "roaming_partner", "NL*XYZ")
    + assignment("contract", "contract", "V-7")
    + assignment("staff", "group", "staff")
    + assignment("friend", "user", "erika")
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of so many kWh: begins after hours, takes an hour."""

    token: str
    kwh: str
    hour: int = 0


async def charge(store: Store, sessions: Sequence[Session]) -> None:
    station = Station(store)
    await station.report_connector()
    register = 1000
    for session in sessions:
        begin = NOW + timedelta(hours=session.hour)
        start = {"connectorId": 1, "idTag": session.token, "meterStart": register, "timestamp": timestamp(begin)}
        number = (await station.call("StartTransaction", start))["transactionId"]
        register += int(Decimal(session.kwh) * 1000)
        end = {"transactionId": number, "meterStop": register, "timestamp": timestamp(begin + timedelta(hours=1))}
        await station.call("StopTransaction", end)
        await rate_all(store)


async def rate_all(store: Store) -> None:
    """Rate until nothing waits: what is rated may let others be rated again."""
    for _ in range(4):
        await rate_ended(store, ManualClock(NOW), Policy())


async def prices(store: Store) -> list[str]:
    """Give what each session costs net, by its last rating."""
    query = (
        "SELECT total_net FROM rating r WHERE id = (SELECT max(id) FROM rating WHERE transaction_id = r.transaction_id)"
    )
    return await store.read(lambda unit: list(unit.execute(text(query + " ORDER BY transaction_id")).scalars()))


@pytest.mark.parametrize(
    ("token", "scope", "total"),
    [
        ("ADHOC", Scope.CONNECTOR, ("9.92", "11.80")),
        ("PARTNER", Scope.ROAMING_PARTNER, ("9.20", "9.20")),
        ("CONTRACT", Scope.CONTRACT, ("8.24", "9.80")),
        ("EMPLOYEE", Scope.GROUP, ("4.12", "4.90")),
        ("FRIEND", Scope.USER, ("3.36", "4.00")),
    ],
)
def test_one_session_five_possible_payers(tmp_path: Path, token: str, scope: Scope, total: tuple[str, str]) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path, MASTER + RULES) as store:
            await charge(store, [Session(token, "20")])
            rule = await store.read(lambda unit: find_rule(unit, 1))
            row = await store.read(lambda unit: unit.execute(text("SELECT total_net, total_gross FROM rating")).one())
            reason = await store.read(
                lambda unit: unit.execute(text("SELECT tariff_reason FROM charging_transaction")).scalar_one()
            )
            assert tuple(row) == total
            assert rule is not None
            assert rule.assignment is not None
            assert rule.assignment.scope is scope
            assert reason == rule_text(rule)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        (assignment("adhoc", "group", "stuff"), "has no group 'stuff'"),
        (assignment("adhoc", "user", "erik"), "has no user 'erik'"),
        (assignment("adhoc", "location", "Nord"), "has no location 'Nord'"),
        (assignment("adhoc", "connector", "CP-9/1/1"), "has no connector 'CP-9/1/1'"),
        (assignment("adhoc", "evse", "CP-1"), "must be a charge point and numbers"),
        (assignment("adhoc", "user", "erika", 'valid_from = "2026-01-01"'), "time with its offset"),
        (
            assignment(
                "adhoc", "user", "erika", 'valid_from = "2027-01-01T00:00:00Z"\nvalid_to = "2026-01-01T00:00:00Z"'
            ),
            "valid_to must be after valid_from",
        ),
        ('[[contract]]\nid = "NL-X"\ncustomer = "K-1"', "is the id of a customer"),
        ('[[id_token]]\ntoken = "AA"\ncustomer = "NL-X"\ncontract = "V-7"', "has no contract 'V-7'"),
        ('[[id_token]]\ntoken = "AA"\ncustomer = "K-1"\ngroup = "nobody"', "has no group 'nobody'"),
    ],
)
def test_a_name_that_is_mistyped_is_refused(tmp_path: Path, addition: str, words: str) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path, MASTER + RULES) as store:
            with pytest.raises(ApplyError, match=words):
                await store.write(lambda unit: apply(unit, parse_master_data(MASTER + RULES + addition), NOW))

    asyncio.run(scenario())


def test_a_promotion_holds_in_its_time_and_no_session_changes_its_tariff_later(tmp_path: Path) -> None:
    promotion = tariff("half", "0.25") + assignment(
        "half", "customer", "K-1", 'valid_from = "2026-10-31T20:00:00Z"\nvalid_to = "2026-10-31T22:00:00Z"'
    )

    async def scenario() -> None:
        async with open_world(tmp_path, MASTER + promotion) as store:
            token = "04A2B3C4"
            await charge(store, [Session(token, "10", hour) for hour in (1, 2, 4)])
            assert await prices(store) == ["4.90", "2.50", "4.90"]
            later = tariff("dear", "0.99") + assignment("dear", "customer", "K-1")
            await store.write(lambda unit: apply(unit, parse_master_data(MASTER + promotion + later), NOW))
            await rate_all(store)
            assert await prices(store) == ["4.90", "2.50", "4.90"]

    asyncio.run(scenario())


QUOTA = PEOPLE + tariff("quota", "0.35", 'x_quota = { free_kwh = 100, scope = "contract", period = "calendar_month" }')
QUOTA += assignment("quota", "contract", "V-7") + assignment("quota", "customer", "NL-X")


def test_a_quota_is_used_up_across_sessions_and_begins_anew_with_the_month(tmp_path: Path) -> None:
    hours_to_november = 6  # midnight of 1 November in Berlin is at 23:00 UTC, after 4 h 20 min

    async def scenario() -> None:
        async with open_world(tmp_path, MASTER + QUOTA) as store:
            sessions = [Session("CONTRACT", "88.4"), Session("CONTRACT", "30.0", 2), Session("PARTNER", "30.0", 3)]
            await charge(store, [*sessions, Session("CONTRACT", "30.0", hours_to_november)])
            assert await prices(store) == ["0.00", "6.44", "0.00", "0.00"]
            assert (await recompute(store)).differences == ()

    asyncio.run(scenario())


def test_a_session_that_comes_late_takes_its_place_in_the_order_of_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path, MASTER + QUOTA) as store:
            await charge(store, [Session("CONTRACT", "80", 2)])
            assert await prices(store) == ["0.00"]
            await charge(store, [Session("CONTRACT", "60", 0)])  # was kept by its station while it was offline
            # The first to end has 60 of 100 kWh free, the other one the 40 that are left.
            assert await prices(store) == ["14.00", "0.00"]
            reasons = await store.read(
                lambda unit: unit.execute(text("SELECT reason FROM rating ORDER BY id")).scalars().all()
            )
            assert reasons[2] == "an earlier session that counts together with it came in or changed"
            proof = await recompute(store)
            assert (proof.checked, proof.differences) == (3, ())

    asyncio.run(scenario())


def test_tiers_count_all_cards_of_a_contract_in_order(tmp_path: Path) -> None:
    tiers = (
        "x_graduated = { tiers = [ { up_to_kwh = 50, price = 0.45 }, { up_to_kwh = 100, price = 0.41 },"
        ' { price = 0.37 } ], scope = "contract", period = "calendar_month" }'
    )
    second = '[[id_token]]\ntoken = "SECOND"\ncustomer = "K-1"\ncontract = "V-7"\n'
    master = MASTER + PEOPLE + second + tariff("volume", "0.45", tiers) + assignment("volume", "contract", "V-7")

    async def scenario() -> None:
        async with open_world(tmp_path, master) as store:
            await charge(
                store, [Session("CONTRACT", "41.5"), Session("SECOND", "28.2", 1), Session("CONTRACT", "52", 2)]
            )
            assert await prices(store) == ["18.68", "11.90", "20.45"]

    asyncio.run(scenario())


def test_a_cap_per_day_limits_what_all_sessions_of_the_day_cost(tmp_path: Path) -> None:
    cap = 'x_component_caps = [ { dimensions = ["ENERGY"], max = 10, per = "day", scope = "contract" } ]'
    master = MASTER + PEOPLE + tariff("capped", "0.50", cap) + assignment("capped", "contract", "V-7")

    async def scenario() -> None:
        async with open_world(tmp_path, master) as store:
            await charge(store, [Session("CONTRACT", "12"), Session("CONTRACT", "12", 1), Session("CONTRACT", "12", 6)])
            assert await prices(store) == ["6.00", "4.00", "6.00"]

    asyncio.run(scenario())
