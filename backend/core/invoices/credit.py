"""Credits: a CDR is never changed; one that turns out wrong is taken back by a credit, and another takes its place.

The chain of one session is `12`, credited by `12-C1`, replaced by `12-R1`, credited by `12-C2`, and so on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal


def corrected_id(session_id: str, number: int) -> str:
    """Name the CDR that stands after so many corrections; 0 is the first one."""
    return f"{session_id}-R{number}" if number else session_id


def make_credit(cdr: Mapping[str, object], number: int, now: datetime) -> dict[str, object]:
    """Make the credit that takes a CDR back: the same data, only `total_cost` negative (OCPI 2.2.1 mod_cdrs).

    Args:
        cdr: JSON values of the CDR that counts now; numbers may be Decimal, int or float.
        number: of the correction that the credit belongs to, from 1.
        now: the time of making it, aware.
    """
    return {
        **cdr,
        "id": f"{cdr['session_id']}-C{number}",
        "credit": True,
        "credit_reference_id": cdr["id"],
        "total_cost": _negative(cdr["total_cost"]),
        "last_updated": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _negative(price: object) -> object:
    """Change the sign of an OCPI Price. What costs nothing stays 0, not minus 0."""
    if isinstance(price, Mapping):
        return {name: _negative(part) for name, part in price.items()}
    return -price if isinstance(price, int | float | Decimal) and price else price
