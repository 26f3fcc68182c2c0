"""IdTokens: which customer has which."""

from sqlalchemy import Connection, select

from backend.core.id_token import KnownToken
from backend.store.tables import charge_point, id_token
from shared.ids import ChargePointId, IdToken


def find_token(connection: Connection, charge_point_id: ChargePointId, token: IdToken) -> KnownToken | None:
    """Look a token up among those of the charge point's operator; None where that operator has not given it out."""
    table = id_token.c
    row = (
        connection.execute(
            select(table.customer_id, table.blocked, table.expires_at)
            .join(charge_point, charge_point.c.operator_id == table.operator_id)
            .where(table.token == token.value, charge_point.c.id == charge_point_id)
        )
    ).first()
    return KnownToken(token, row.customer_id, row.blocked, row.expires_at) if row else None
