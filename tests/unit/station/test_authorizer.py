"""Master cards, groups and contract ids, with a real store and a central system that is away."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from shared.clock import SystemClock
from shared.ids import EvseId, IdToken
from station.authorizer import Authorizer
from station.core.authorize import Accept, TokenInfo
from station.core.configuration import Configuration
from station.csms_link import CsmsLink
from station.journal_file import open_journal
from station.ocpp16.dialect import Ocpp16
from station.timekeeper import start_time

DRIVER, MASTER = IdToken("04A1B2C3D4"), IdToken("04FFFFFFFF")
CONTRACT, SPELLED = IdToken("DE-8AX-C12345678-X"), IdToken("DE8AXC12345678")
LIST = {
    DRIVER: TokenInfo("Accepted"),
    MASTER: TokenInfo("Accepted", parent="guards"),
    CONTRACT: TokenInfo("Accepted"),
}


class Away:
    """A link without a connection."""

    is_online = False
    is_accepted = True


async def _authorizer(folder: Path, keys: dict[str, str]) -> tuple[bool, str, bool, bool, bool]:
    """Give: may the master card begin, or why not; may it end what the driver began, as what; may the contract charge;
    may its other spelling end it."""
    async with open_journal(folder / "j.sqlite") as journal:
        await journal.tokens.update_list(1, LIST.items(), replace=True)
        clock = SystemClock()
        authorizer = Authorizer(
            journal.tokens,
            cast(CsmsLink, Away()),
            Ocpp16(),
            Configuration(keys),
            await start_time(clock, journal, "boot", clock_trusted=True),
            conflict=lambda _: None,
            timeout_s=1,
        )
        here = EvseId(1)
        begin = await authorizer.authorize(MASTER, here)
        end = await authorizer.may_end(MASTER, DRIVER, here)
        spelled = await authorizer.authorize(SPELLED, here)
        same = await authorizer.may_end(SPELLED, CONTRACT, here)
        why = "" if isinstance(begin, Accept) else begin.reason
        return (
            isinstance(begin, Accept),
            why,
            isinstance(end, Accept) and authorizer.is_master_card(end),
            isinstance(spelled, Accept),
            isinstance(same, Accept),
        )


@pytest.mark.parametrize(
    ("keys", "begins", "why", "ends"),
    [
        ({"MasterPassGroupId": "GUARDS"}, False, "a master card only ends charges", True),
        ({"MasterPassGroupId": "others"}, True, "", False),
        ({}, True, "", False),
    ],
)
def test_a_master_card_ends_and_does_not_begin(
    tmp_path: Path, keys: dict[str, str], begins: bool, why: str, ends: bool
) -> None:
    assert asyncio.run(_authorizer(tmp_path, keys)) == (begins, why, ends, True, True)
