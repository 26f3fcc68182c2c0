"""What command line and API ask of home charging: the proof of a month."""

from datetime import datetime

from sqlalchemy import Connection, select

from backend.core.invoices.home_charging import HomeProof
from backend.core.invoices.host import Month
from backend.documents.home_view import HomePaper
from backend.store.home import load_proof
from backend.store.tables import customer, operator
from shared.units import kwh


def load_paper(connection: Connection, user_id: str, month: Month, now: datetime, language: str = "") -> HomePaper:
    """Read a proof and put it on our paper; without a language it has the employer's.

    Raises:
        ReportError: there is nothing to prove.
    """
    proof, us, employer = load_proof(connection, user_id, month)
    bank = connection.execute(select(operator.c.iban, operator.c.bic).where(operator.c.id == us.id)).one()
    known = connection.scalar(select(customer.c.language).where(customer.c.id == employer.id))
    day = now.astimezone(proof.zone).date()
    return HomePaper(proof, us, employer, bank.iban, bank.bic, language or known or "de", day)


def proof_json(proof: HomeProof) -> dict[str, object]:
    """Give a proof as JSON; kWh and EUR are texts. Times are told only if the employer may see them."""
    return {
        "month": str(proof.month),
        "employee": proof.plan.employee,
        "vehicle": proof.plan.vehicle,
        "method": proof.plan.method.value,
        "price": f"{proof.price:f}",
        "kwh": f"{kwh(proof.energy):f}",
        "total": f"{proof.total:f}",
        "sessions": [
            {
                "transaction": one.transaction_id,
                "meter": one.serial,
                "kwh": f"{kwh(one.energy):f}",
                **({"started_at": one.started_at.isoformat()} if proof.plan.shows_times else {}),
            }
            for one in proof.counted
        ],
        "left": [{"transaction": one.transaction_id, "reason": one.left} for one in proof.left],
    }
