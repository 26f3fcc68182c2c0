"""What simulation and proof say as JSON, the same for the command line and the API. Amounts are text."""

from collections.abc import Sequence

from backend.core.rates.recompute import Proof
from backend.core.rates.simulation import CustomerResult, TariffResult


def results_json(results: Sequence[TariffResult]) -> list[dict[str, object]]:
    """Write what each tariff means."""
    return [
        {
            "tariff_id": one.tariff_id,
            "currency": one.currency,
            "sessions_priced": len(one.sessions),
            "energy_wh": one.energy,
            "before_net": str(one.before_net),
            "before_gross": str(one.before_gross),
            "base_fees_gross": str(one.base_fees),
            "total_net": str(one.net),
            "total_gross": str(one.gross),
            "difference_gross": str(one.difference),
            "winners": one.winners,
            "losers": one.losers,
            "customers": [_customer(customer) for customer in one.customers],
            "sessions": [
                {
                    "transaction_id": session.transaction_id,
                    "before_net": str(session.before_net),
                    "before_gross": str(session.before_gross),
                    "net": str(session.net),
                    "gross": str(session.gross),
                }
                for session in one.sessions
            ],
            "unpriced": [{"transaction_id": u.transaction_id, "reason": u.reason} for u in one.unpriced],
        }
        for one in results
    ]


def proof_json(proof: Proof) -> dict[str, object]:
    """Write what computing all ratings again gave."""
    return {
        "checked": proof.checked,
        "identical": proof.checked - len(proof.differences),
        "differences": [
            {"transaction_id": one.transaction_id, "rating_id": one.rating_id, "what": list(one.what)}
            for one in proof.differences
        ],
    }


def _customer(one: CustomerResult) -> dict[str, object]:
    return {
        "customer_id": one.customer_id,
        "customer": one.customer,
        "sessions": one.sessions,
        "energy_wh": one.energy,
        "before_gross": str(one.before_gross),
        "gross": str(one.gross),
        "difference_gross": str(one.difference),
    }
