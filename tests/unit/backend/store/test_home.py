"""Proof of home charging: what a meter of its own counted, at the price chosen for the year."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.invoices.home_charging import Left
from backend.core.invoices.host import Month
from backend.core.rates.rating import Policy
from backend.documents.home_view import HomePaper, home_table, home_view
from backend.documents.workbook import write_csv
from backend.errors import ApplyError, ReportError
from backend.jobs.rate_ended import rate_ended
from backend.services.apply import apply
from backend.services.home_proofs import load_paper, proof_json
from backend.services.master_data import parse_master_data
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import TOKEN, add_transaction, billing_store

NOW = datetime(2026, 11, 3, 8, tzinfo=UTC)
OCTOBER = Month(2026, 10)
MASTER = """
[[user]]
id = "u-1"
customer = "C-1001"
name = "Max Muster"

[[id_token]]
token = "{token}"
customer = "C-1001"
user = "u-1"

[[meter]]
charge_point = "CP-1"
evse = 1
serial = "1EMH0012345678"

[[home_charging]]
user = "u-1"
year = 2026
charge_point = "CP-1"
vehicle = "P-EM 2026E"
{choice}
"""
AVERAGE = 'method = "average"'
CONTRACT = 'method = "contract"\nprice = "0.2837"\nevidence = "Stromliefervertrag 4711"'


def with_home(tmp_path: Path, choice: str, test: Callable[[Store], Awaitable[None]]) -> None:
    """Run a test on two sessions that count, one on an EVSE without meter, one without register, one of November."""

    async def run() -> None:
        async with billing_store(tmp_path / "db") as store:
            await add_master(store, choice)
            for start, evse in ((0, 1), (2, 1), (3, 2)):
                await add_transaction(store, start=EVENING + timedelta(days=start), evse_id=evse)
            await rate_ended(store, ManualClock(NOW), Policy())
            await add_transaction(store, start=EVENING + timedelta(days=4), state="held", meter_stop=None)
            await add_transaction(store, start=EVENING + timedelta(days=20))
            await test(store)

    asyncio.run(run())


async def add_master(store: Store, choice: str) -> None:
    data = parse_master_data(MASTER.format(token=TOKEN, choice=choice))
    await store.write(lambda unit: apply(unit, data, NOW))


async def paper_of(store: Store, language: str = "") -> HomePaper:
    return await store.read(lambda unit: load_paper(unit, "u-1", OCTOBER, NOW, language))


@pytest.mark.parametrize(("choice", "price", "total"), [(AVERAGE, "0.34", "18.70"), (CONTRACT, "0.2837", "15.60")])
def test_the_month_is_its_energy_at_the_price_of_the_year(tmp_path: Path, choice: str, price: str, total: str) -> None:
    """55 kWh; 55 x 0.2837 is 15.6035, rounded once."""

    async def test(store: Store) -> None:
        proof = (await paper_of(store)).proof
        assert (proof.energy, proof.price, proof.total) == (55_000, Decimal(price), Decimal(total))
        assert [(one.transaction_id, one.serial) for one in proof.counted] == [
            (1, "1EMH0012345678"),
            (2, "1EMH0012345678"),
        ]
        assert [(one.transaction_id, one.left) for one in proof.left] == [(3, Left.NO_METER), (4, Left.HELD)]

    with_home(tmp_path, choice, test)


def test_the_employer_sees_no_times_unless_told(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        paper = await paper_of(store)
        texts = json.dumps(home_view(paper), ensure_ascii=False)
        table = write_csv(*home_table(paper), "de").decode()
        told = json.dumps(proof_json(paper.proof))
        for text in (texts, table, told):
            assert "15.10.2026" not in text
            assert "2026-10-15" not in text
            assert "Marktplatz" not in text
        assert "Stromliefervertrag" not in texts
        assert "Summe" not in texts
        assert "18,70" in texts
        assert "§ 3 Nr. 50 EStG" in texts
        assert "§ 3 No 50 EStG" in json.dumps(home_view(await paper_of(store, "en")), ensure_ascii=False)
        await add_master(store, AVERAGE + "\nshows_times = true")
        seen = await paper_of(store)
        assert "15.10.2026 21:10" in json.dumps(home_view(seen), ensure_ascii=False)
        assert "2026-10-15T21:10+02:00" in write_csv(*home_table(seen), "de").decode()

    with_home(tmp_path, AVERAGE, test)


def test_the_choice_is_fixed_for_the_year(tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(ApplyError, match="chosen for the year"):
            await add_master(store, CONTRACT)
        with pytest.raises(ReportError, match="2027"):
            await store.read(lambda unit: load_paper(unit, "u-1", Month(2027, 1), NOW))

    with_home(tmp_path, AVERAGE, test)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ('method = "average"\nprice = "0.30"', "must be left out"),
        ('method = "contract"\nprice = "cheap"\nevidence = "x"', "EUR per kWh"),
        ('method = "contract"\nprice = "0.30"', "evidence is missing"),
    ],
)
def test_a_wrong_choice_is_named(choice: str, reason: str) -> None:
    with pytest.raises(ApplyError, match=reason):
        parse_master_data(MASTER.format(token=TOKEN, choice=choice))


def test_the_command_writes_paper_and_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def test(_store: Store) -> None:
        """The command comes after."""

    with_home(tmp_path, AVERAGE, test)
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    command = ["report", "home", "--config", f"{tmp_path}/backend.toml", "u-1"]
    files = ["--pdf", f"{tmp_path}/home.pdf", "--csv", f"{tmp_path}/home.csv"]
    assert main([*command, "2026-10", *files]) == 0
    assert "total=18.70" in capsys.readouterr().out
    assert (tmp_path / "home.pdf").read_bytes().startswith(b"%PDF")
    assert "18,70" in (tmp_path / "home.csv").read_text("utf-8-sig")
    assert main([*command, "October"]) == 1
