"""The table of home charging: whose company car is charged at home, where, and by what price it is refunded.

It belongs to the schema of `backend.store.tables`, of which this is a part.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text

from backend.store.tables import Exact, metadata

# One row for each calendar year: the price is chosen for the year and fixed for it.
home_charging = Table(
    "home_charging",
    metadata,
    Column("user_id", ForeignKey("person.id"), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("operator_id", ForeignKey("operator.id"), nullable=False),
    Column("charge_point_id", ForeignKey("charge_point.id"), nullable=False),
    Column("vehicle", Text, nullable=False),  # as the employer knows it, for instance its plate
    Column("method", String(10), nullable=False),  # see backend.core.invoices.home_charging.Method
    Column("price", Exact),  # EUR per kWh, of a contract
    Column("evidence", Text, nullable=False),  # of the contract
    Column("shows_times", Boolean, nullable=False),  # the employer sees when and where
)
