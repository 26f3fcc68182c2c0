"""Which refused attempts of stations a visitor may see."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from backend.core.people.access import View
from backend.csms.attempts import Attempt
from backend.store.scope import charge_points_in
from backend.store.tables import charge_point, operator


def seen_attempts(connection: Connection, attempts: Iterable[Attempt], view: View) -> list[Attempt]:
    """Give the attempts of the visitor's stations; strangers' are nobody's, so the only operator or the platform's."""
    tried = tuple(attempts)
    names = [one.identity for one in tried]
    c = charge_point.c
    known = set(connection.scalars(select(c.id).where(c.id.in_(names))))
    own = set(connection.scalars(select(c.id).where(c.id.in_(names), charge_points_in(view))))
    is_only = connection.scalar(select(func.count()).select_from(operator)) == 1
    may_see_strangers = view.is_whole and (not view.operator_id or is_only)
    return [one for one in tried if one.identity in own or (may_see_strangers and one.identity not in known)]
