"""The database: tables, migrations, one module per aggregate.

All tables are loaded with the package, because their foreign keys name one another.
"""

from backend.store import (
    datev_tables,
    dunning_tables,
    home_tables,
    host_tables,
    invoice_tables,
    letter_tables,
    order_tables,
    payment_tables,
    people_tables,
    rating_tables,
    signed_tables,
    tables,
)

__all__ = [
    "datev_tables",
    "dunning_tables",
    "home_tables",
    "host_tables",
    "invoice_tables",
    "letter_tables",
    "order_tables",
    "payment_tables",
    "people_tables",
    "rating_tables",
    "signed_tables",
    "tables",
]
