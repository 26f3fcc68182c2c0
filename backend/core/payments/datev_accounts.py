"""Which accounts are booked on: presets of the charts SKR03 and SKR04, and an operator's own in their place. Pure.

The presets are a proposal; which account is right is for the tax adviser to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Role(StrEnum):
    """What an account is for.

    Revenue by category of VAT (UNTDID 5305): `REVENUE_S` at 19 %, `REVENUE_LOW` at 7 %, both automatic accounts;
    `REVENUE_AE` by § 13b UStG, `REVENUE_E` exempt, `REVENUE_Z` zero rate, `REVENUE_O` outside of the scope. `TRANSIT`
    takes debits and cards until the bank tells their sum; `HOST_S` and `HOST_E` what hosts get, with and without VAT.
    """

    REVENUE_S = "revenue_s"
    REVENUE_LOW = "revenue_low"
    REVENUE_AE = "revenue_ae"
    REVENUE_E = "revenue_e"
    REVENUE_Z = "revenue_z"
    REVENUE_O = "revenue_o"
    BANK = "bank"
    TRANSIT = "transit"
    RETURN_FEE = "return_fee"
    DUNNING_FEE = "dunning_fee"
    INTEREST = "interest"
    BAD_DEBT = "bad_debt"
    HOST_S = "host_s"
    HOST_E = "host_e"


_SKR03 = (8400, 8300, 8337, 8100, 8290, 8338, 1200, 1360, 2709, 2709, 2650, 2400, 3106, 3100)
_SKR04 = (4400, 4300, 4337, 4100, 4290, 4338, 1800, 1460, 4839, 4839, 7100, 6930, 5906, 5900)
CHARTS: Mapping[str, Mapping[Role, int]] = {
    "SKR03": dict(zip(Role, _SKR03, strict=True)),
    "SKR04": dict(zip(Role, _SKR04, strict=True)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """How an operator's books are kept.

    Args:
        consultant: number of the tax adviser.
        client: number of the client.
        chart: of `CHARTS`.
        account_length: digits of general ledger accounts; personal accounts have one more.
        fiscal_month: in which the fiscal year begins.
        first_debtor: lowest number of customers' accounts.
        first_creditor: lowest number of hosts' accounts.
        locked: bookings can't be changed after the import.
        cost_centres: write site and charge point.
        own: accounts that differ from the chart, as `role=number`.
    """

    consultant: int
    client: int
    chart: str = "SKR03"
    account_length: int = 4
    fiscal_month: int = 1
    first_debtor: int = 10000
    first_creditor: int = 70000
    locked: bool = False
    cost_centres: bool = True
    own: tuple[str, ...] = field(default=())

    def account(self, role: Role) -> int:
        """Give the account of a role, in the length of the books."""
        chosen = dict(part.split("=", 1) for part in self.own)
        if role in chosen:
            return int(chosen[role])
        return int(CHARTS[self.chart][role] * 10 ** (self.account_length - 4))


def revenue_role(category: str, rate: Decimal | None) -> Role | None:
    """Give what revenue of a category and rate of VAT is booked on; None if no account is known for it."""
    if category == "S":
        return {Decimal(19): Role.REVENUE_S, Decimal(7): Role.REVENUE_LOW}.get(rate or Decimal(0))
    return {"AE": Role.REVENUE_AE, "E": Role.REVENUE_E, "Z": Role.REVENUE_Z, "O": Role.REVENUE_O}.get(category)
