import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.csms.passwords import is_password
from backend.errors import ApplyError
from backend.services.apply import Outcome, apply
from backend.services.master_data import parse_master_data
from backend.store import tables
from shared.ids import Secret
from tests.unit.backend.world import MASTER, NOW, open_world


def apply_again(folder: Path, master: str) -> Outcome:
    async def scenario() -> Outcome:
        async with open_world(folder) as store:
            return await store.write(lambda unit: apply(unit, parse_master_data(master), NOW))

    return asyncio.run(scenario())


def test_applying_twice_is_the_same_as_once(tmp_path: Path) -> None:
    outcome = apply_again(tmp_path, MASTER)
    assert (outcome.created, outcome.changed, outcome.unchanged) == (0, 0, 9)


def test_a_change_changes_that_row_only(tmp_path: Path) -> None:
    outcome = apply_again(tmp_path, MASTER.replace("Nebenweg 2", "Nebenweg 3"))
    assert (outcome.created, outcome.changed, outcome.unchanged) == (0, 1, 8)


def test_a_tariff_is_never_edited(tmp_path: Path) -> None:
    with pytest.raises(ApplyError, match=r"tariff flat: .* never edited; give the new one a later valid_from"):
        apply_again(tmp_path, MASTER.replace("0.49", "0.59"))


def test_other_prices_are_a_new_version(tmp_path: Path) -> None:
    changed = MASTER.replace("0.49", "0.59").replace("2026-01-01T00:00:00+01:00\nid", "2026-07-01T00:00:00+02:00\nid")
    outcome = apply_again(tmp_path, changed)
    assert (outcome.created, outcome.changed, outcome.unchanged) == (1, 0, 8)


def test_digits_and_order_do_not_make_another_version(tmp_path: Path) -> None:
    same = MASTER.replace("price = 0.49, vat = 19.0", "vat = 19, price = 0.490")
    assert apply_again(tmp_path, same).created == 0


def test_a_password_is_kept_as_a_hash_only(tmp_path: Path) -> None:
    master = MASTER.replace('id = "CP-1"', 'id = "CP-1"\npassword = "tr0ub4dor"')

    async def scenario() -> None:
        async with open_world(tmp_path, master) as store:
            again = await store.write(lambda unit: apply(unit, parse_master_data(master), NOW))
            assert again.changed == 0
            query = select(tables.charge_point.c.password_hash).where(tables.charge_point.c.id == "CP-1")
            stored = await store.read(lambda unit: unit.execute(query).scalar_one())
        assert "tr0ub4dor" not in stored
        assert is_password(Secret("tr0ub4dor"), stored)
        assert not is_password(Secret("tr0ub4dox"), stored)
        assert b"tr0ub4dor" not in (tmp_path / "db").read_bytes()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        ('[[id_token]]\ntoken = "AA"\ncustomer = "K-9"', "there is no customer 'K-9'"),
        ('[[charge_point]]\nid = "CP-3"\noperator = "other"', "CP-3: there is no operator 'other'"),
        (
            '[[assignment]]\noperator = "muster"\ntariff = "gold"\nscope = "customer"\ntarget = "K-1"',
            "operator muster has no tariff 'gold'",
        ),
        (
            '[[assignment]]\noperator = "muster"\ntariff = "flat"\nscope = "charge_point"\ntarget = "CP-9"',
            "operator muster has no charge_point 'CP-9'",
        ),
    ],
)
def test_an_entry_that_names_nothing_changes_nothing(tmp_path: Path, addition: str, words: str) -> None:
    async def scenario() -> None:
        async with open_world(tmp_path) as store:
            data = parse_master_data(MASTER.replace("Nebenweg 2", "Nebenweg 3") + addition)
            with pytest.raises(ApplyError, match=words):
                await store.write(lambda unit: apply(unit, data, NOW))
            streets = await store.read(lambda unit: unit.execute(select(tables.customer.c.street)).scalars().all())
            assert streets == ["Nebenweg 2"]

    asyncio.run(scenario())
