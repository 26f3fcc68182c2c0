"""Master data of who pays for what: what a file says stands in the tables, and what can't be is named."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, select

from backend.core.id_token import Authorization, authorize
from backend.errors import ApplyError
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store import tables
from backend.store.id_tokens import find_token
from shared.ids import ChargePointId, IdToken
from tests.unit.backend.world import MASTER, NOW, open_world

PROFILE = """
cycle = "quarter"
grouping = "user"
recipients = ["buchhaltung@example.com", "einkauf@example.com"]
cc_user = true
payment = "card"
card = "4711"
threshold = "10.00"
cost_centre = "100"
cost_centre_rule = "user"
tax_case = "reseller_de"
vat_id = "DE987654321"
"""
MORE = """
[[user]]
id = "U-1"
customer = "K-1"
name = "Erika Beispiel"
email = "erika@example.com"
cost_centre = "4711"

[[location]]
id = "L-1"
operator = "muster"
street = "Parkweg 1"
postcode = "10117"
city = "Berlin"

[[evse]]
charge_point = "CP-1"
evse = 1
emi3_id = "DE*MUS*E0001"

[[meter]]
charge_point = "CP-1"
evse = 1
serial = "1EMH0012345678"
type = "eHZ"

[[tax_evidence]]
operator = "muster"
customer = "K-1"
kind = "ust_1_th"
reference = "FA Berlin 2026/77"
valid_from = "2026-01-01"
valid_to = "2026-12-31"

[[contract]]
id = "V-1"
customer = "K-1"
valid_from = "2026-01-01T00:00:00+01:00"
valid_to = "2026-12-31T00:00:00+01:00"

[[id_token]]
token = "0A0B0C0D"
customer = "K-1"
contract = "V-1"
user = "U-1"
"""


def _with(profile: str) -> str:
    return MASTER.replace('email = "erika@example.com"', f'email = "erika@example.com"\n{profile}')


def test_a_file_fills_the_tables_and_again_changes_nothing(tmp_path: Path) -> None:
    master = _with(PROFILE) + MORE

    async def scenario() -> None:
        async with open_world(tmp_path, master) as store:
            again = await store.write(lambda unit: apply(unit, parse_master_data(master), NOW))
            assert (again.created, again.changed) == (0, 0)

            async def row(table: Table) -> dict[str, object]:
                return dict((await store.read(lambda unit: unit.execute(select(table)).one()))._mapping)

            customer = await row(tables.customer)
            assert (customer["grouping"], customer["cycle"], customer["payment"]) == ("user", "quarter", "card")
            assert customer["recipients"] == '["buchhaltung@example.com", "einkauf@example.com"]'
            assert str(customer["threshold"]) == "10.00"
            assert (await row(tables.person))["cost_centre"] == "4711"
            assert (await row(tables.meter))["serial"] == "1EMH0012345678"
            assert (await row(tables.evse_name))["emi3_id"] == "DE*MUS*E0001"
            assert (await row(tables.location))["city"] == "Berlin"
            assert (await row(tables.tax_evidence))["valid_to"] == "2026-12-31"

    asyncio.run(scenario())


def test_a_token_is_worth_nothing_outside_its_contract(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path, MASTER + MORE) as store:
            token = await store.read(lambda unit: find_token(unit, ChargePointId("CP-1"), IdToken("0A0B0C0D")))
            assert authorize(token, NOW) is Authorization.ACCEPTED
            assert authorize(token, NOW + timedelta(days=90)) is Authorization.EXPIRED
            assert authorize(token, NOW - timedelta(days=400)) is Authorization.INVALID

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ('payment = "card"', r"customer\[0\].card = '' must be the last 4 to 6 digits"),
        ('threshold = "a lot"', "threshold = 'a lot' must be an amount"),
        ('threshold = "5.00"\ngrouping = "session"', "threshold can't be used with grouping 'session'"),
        ("cc_user = true", "cc_user needs grouping 'user' or 'session'"),
        ('recipients = ["nobody"]', r"recipients\[0\] = 'nobody' must be an address"),
        ('tax_case = "reseller_eu"', "vat_id is missing: tax_case 'reseller_eu' needs it"),
    ],
)
def test_a_profile_that_cannot_be_is_named(profile: str, words: str) -> None:
    with pytest.raises(ApplyError, match=words):
        parse_master_data(_with(profile))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('valid_to = "2026-12-31"', 'valid_to = "2025-12-31"', "valid_to must not be before valid_from"),
        ('reference = "FA Berlin 2026/77"', 'reference = " "', "reference is missing"),
        ('emi3_id = "DE*MUS*E0001"', 'emi3_id = "1"', "must be an EVSE id such as"),
        ('valid_to = "2026-12-31T00:00:00+01:00"', 'valid_to = "2025-12-31T00:00:00+01:00"', "must be after"),
    ],
)
def test_an_entry_that_cannot_be_is_named(before: str, after: str, words: str) -> None:
    with pytest.raises(ApplyError, match=words):
        parse_master_data(MASTER + MORE.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            'serial = "1EMH0012345678"',
            'serial = "1EMH0012345678"\n[[meter]]\ncharge_point = "CP-9"\nevse = 1\nserial = "2"',
            "CP-9",
        ),
        ('id = "U-1"\ncustomer = "K-1"', 'id = "U-1"\ncustomer = "K-9"', "user U-1: there is no customer 'K-9'"),
    ],
)
def test_what_names_nothing_is_refused(tmp_path: Path, before: str, after: str, words: str) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            data = parse_master_data(MASTER + MORE.replace(before, after, 1))
            await store.write(lambda unit: apply(unit, data, NOW))

    with pytest.raises(ApplyError, match=words):
        asyncio.run(scenario())
