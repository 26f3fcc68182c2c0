"""IdTokens: which customer has which."""

from sqlalchemy import Connection, bindparam, select

from backend.core.id_token import KnownToken
from backend.store.sql import Statement
from backend.store.tables import charge_point, id_token
from shared.ids import ChargePointId, IdToken

_K = id_token.c
_FIND = Statement(
    select(_K.customer_id, _K.blocked, _K.expires_at)
    .join(charge_point, charge_point.c.operator_id == _K.operator_id)
    .where(_K.token == bindparam("token"), charge_point.c.id == bindparam("charge_point_id"))
)


def find_token(connection: Connection, charge_point_id: ChargePointId, token: IdToken) -> KnownToken | None:
    """Look a token up among those of the charge point's operator; None where that operator has not given it out."""
    row = _FIND.first(connection, token=token.value, charge_point_id=charge_point_id)
    return KnownToken(token, row.customer_id, row.blocked, row.expires_at) if row else None
