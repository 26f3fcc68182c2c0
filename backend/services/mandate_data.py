"""Mandates of direct debits as master data: `[[mandate]]` in the file of `emops-backend apply`."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, insert, select, update

from backend.core.payments.direct_debit import Scheme
from backend.core.payments.sepa_ids import is_iban, is_mandate_reference
from backend.errors import ApplyError
from backend.store.payment_tables import debit, mandate
from backend.store.tables import customer
from shared.config import setting


@dataclass(frozen=True, slots=True)
class MandateEntry:
    """A customer's consent to be debited."""

    reference: str = setting(help="reference of the mandate, as on its paper")
    customer: str = setting(help="id of the customer")
    iban: str = setting(help="account that is debited")
    signed_on: str = setting(help="date of the signature, for instance 2026-09-01")
    evidence: str = setting(help="what proves the consent: version of the text and time of the checkbox, or a document")
    holder: str = setting("", help="holder of the account; left out = the customer's name")
    bic: str = setting("", help="BIC of the account's bank; needed outside of the European Economic Area")
    scheme: str = setting(
        Scheme.CORE, choices=tuple(Scheme), help="CORE, or B2B for businesses that gave it to their bank"
    )
    recurrent: bool = setting(True, help="for more than one debit")
    last_used: str = setting("", help="date of its last debit by another program")
    revoked_on: str = setting("", help="date on which the customer took it back")


def check_mandate(entry: MandateEntry, name: str) -> None:
    """Check a mandate by itself.

    Raises:
        ApplyError: a field is wrong; the text begins with `name`.
    """
    if not is_mandate_reference(entry.reference):
        raise ApplyError(f"{name}.reference = {entry.reference!r} must be 1 to 35 of A-Z a-z 0-9 + ? / - : ( ) . , '")
    if not is_iban(entry.iban):
        raise ApplyError(f"{name}.iban is no IBAN, or mistyped: its check digits don't fit")
    if not entry.evidence.strip():
        raise ApplyError(
            f"{name}.evidence is missing: without proof of the consent a debit can be refunded for 13 months"
        )
    for key in ("signed_on", "last_used", "revoked_on"):
        _day(getattr(entry, key), f"{name}.{key}")
    if not entry.signed_on:
        raise ApplyError(f"{name}.signed_on is missing")


def apply_mandate(connection: Connection, entry: MandateEntry) -> bool | None:
    """Write a mandate. True: it is new, False: it was changed, None: it was so before.

    Raises:
        ApplyError: there is no such customer, or it was used and would become another one.
    """
    c, m = customer.c, mandate.c
    name = f"mandate {entry.reference}"
    owner = connection.execute(select(c.operator_id, c.name).where(c.id == entry.customer)).one_or_none()
    if owner is None:
        raise ApplyError(f"{name}: there is no customer {entry.customer!r}")
    row = {
        "operator_id": owner.operator_id,
        "customer_id": entry.customer,
        "reference": entry.reference,
        "scheme": entry.scheme,
        "recurrent": entry.recurrent,
        "signed_on": _day(entry.signed_on, f"{name}.signed_on"),
        "iban": entry.iban,
        "bic": entry.bic,
        "holder": entry.holder or owner.name,
        "evidence": entry.evidence,
        "used_before": _day(entry.last_used, f"{name}.last_used"),
        "revoked_on": _day(entry.revoked_on, f"{name}.revoked_on"),
    }
    known = select(m.id, *(m[key] for key in row)).where(
        m.operator_id == owner.operator_id, m.reference == entry.reference
    )
    found = connection.execute(known).mappings().one_or_none()
    if found is None:
        connection.execute(insert(mandate).values(row))
        return True
    changed = [key for key, value in row.items() if found[key] != value]
    if not changed:
        return None
    fixed = [key for key in changed if key in ("customer_id", "scheme", "signed_on", "iban")]
    used = connection.execute(select(debit.c.id).where(debit.c.mandate_id == found["id"]).limit(1)).first()
    if fixed and used:
        raise ApplyError(f"{name}: {fixed[0]} can't change, it was used: revoke it and apply a new one")
    connection.execute(update(mandate).where(m.id == found["id"]).values(row))
    return False


def _day(text: str, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ApplyError(f"{name} = {text!r} must be a date such as 2026-09-01") from None
