"""IdTokens: which customer has which."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, or_, select

from backend.core.id_token import KnownToken
from backend.store.dunning_tables import suspension
from backend.store.sql import Statement
from backend.store.tables import charge_point, contract, id_token
from shared.ids import ChargePointId, IdToken

_K = id_token.c
_SUSPENDED = exists().where(
    suspension.c.customer_id == _K.customer_id, suspension.c.since.is_not(None), suspension.c.lifted_at.is_(None)
)
_FIND = Statement(
    select(
        _K.customer_id,
        or_(_K.blocked, _SUSPENDED).label("blocked"),
        _K.expires_at,
        contract.c.valid_from,
        contract.c.valid_to,
    )
    .join(charge_point, charge_point.c.operator_id == _K.operator_id)
    .outerjoin(contract, contract.c.id == _K.contract_id)
    .where(_K.token == bindparam("token"), charge_point.c.id == bindparam("charge_point_id"))
)


def find_token(connection: Connection, charge_point_id: ChargePointId, token: IdToken) -> KnownToken | None:
    """Look a token up among those of the charge point's operator; None where that operator has not given it out.

    It is worth no more than its contract: what ends first ends it. Those of a customer who was suspended for not paying
    are blocked.
    """
    row = _FIND.first(connection, token=token.value, charge_point_id=charge_point_id)
    if row is None:
        return None
    return KnownToken(token, row.customer_id, bool(row.blocked), _first(row.expires_at, row.valid_to), row.valid_from)


def _first(*ends: datetime | None) -> datetime | None:
    return min((end for end in ends if end), default=None)
