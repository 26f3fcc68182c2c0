"""An owner of a site with an agreement, in the store of `billing_store`."""

from typing import Any

from sqlalchemy import Connection

from backend.services.apply import apply
from backend.services.master_data import MasterData, parse_master_data
from tests.unit.backend.billing_example import EVENING

HOST = "H-1"
MASTER = """
[[customer]]
id = "H-1"
operator = "acme"
name = "Rathausgarage Potsdam GmbH"
street = "Friedrich-Ebert-Straße 79"
postcode = "14469"
city = "Potsdam"
email = "garage@example.com"
{customer}

[[host]]
customer = "H-1"
tax = "{tax}"
iban = "DE02120300000000202051"
agreed_on = "2026-01-15"
evidence = "Standortvertrag 2026/7, § 9"
tax_number = "{tax_number}"
phone = "+49 331 2890"

[[host_agreement]]
id = "SV-2026-7"
host = "H-1"
first_month = "2026-10"
charge_points = ["CP-1"]
{terms}
"""
SHARE = """
[[host_agreement.term]]
model = "revenue_share"
amount = "10"
minimum = "{minimum}"
maximum = "{maximum}"
"""
REFUND = """
[[host_agreement.term]]
model = "energy_refund"
amount = "0.3175"

[[host_agreement.term]]
model = "monthly_base"
amount = "25.00"
"""


def master(
    tax: str = "host_ust", *, terms: str = "", customer: str = "", tax_number: str = "046/123/45678"
) -> MasterData:
    """Give the master data of a host; `terms` are those of a share, a refund and a base unless told."""
    terms = terms or SHARE.format(minimum="", maximum="") + REFUND
    return parse_master_data(MASTER.format(tax=tax, terms=terms, customer=customer, tax_number=tax_number))


def add_host(connection: Connection, tax: str = "host_ust", **changes: Any) -> None:
    """Write a host."""
    apply(connection, master(tax, **changes), EVENING)
