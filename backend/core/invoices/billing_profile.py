"""How a customer is billed: what goes on one invoice, who bears the cost, and how it is paid."""

from dataclasses import dataclass
from enum import StrEnum


class Grouping(StrEnum):
    """What goes on one invoice of a period. What belongs to no user, place or session is on one of its own."""

    CUSTOMER = "customer"
    USER = "user"
    CHARGE_POINT = "charge_point"
    LOCATION = "location"
    SESSION = "session"


class CostCentre(StrEnum):
    """Whose cost centre a session's lines bear."""

    NONE = "none"
    USER = "user"
    CHARGE_POINT = "charge_point"
    LOCATION = "location"


class Payment(StrEnum):
    """How an invoice is paid."""

    TRANSFER = "transfer"
    DIRECT_DEBIT = "direct_debit"
    CARD = "card"
    PAYROLL = "payroll"


@dataclass(frozen=True, slots=True)
class DirectDebit:
    """The mandate that an invoice is collected by: creditor id (BT-90), reference (BT-89), debtor's IBAN (BT-91)."""

    creditor_id: str
    mandate: str
    iban: str


@dataclass(frozen=True, slots=True)
class Place:
    """The one site that all of an invoice was delivered to (BG-13, BG-15). `id` and `name` may be empty."""

    id: str
    name: str
    street: str
    postcode: str
    city: str
    country: str
