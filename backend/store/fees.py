"""Base fees: who has which tariff, what was found owed, and up to when it was looked for.

Functions that change something run inside one unit of work of `Store.write`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, literal, select, union, update
from sqlalchemy.dialects import sqlite

from backend.core.rates.base_fee import Agreements, BaseFee, FeeVersion, Holder, fee_of, used_span, version_of
from backend.core.rates.rating import Rating
from backend.core.record import from_json, to_json
from backend.core.tariffs.assignment import Assignment, TariffVersion
from backend.core.tariffs.assignment import Scope as Assigned
from backend.core.tariffs.tariff import TariffError, load_tariff
from backend.core.tariffs.tariff_model import Scope, Span
from backend.store.invoice_tables import unbilled_fee
from backend.store.rating_tables import fee, fee_mark, tariff_assignment, tariff_version
from backend.store.tables import charging_transaction, contract, customer, id_token, operator

T = TypeVar("T")

_F = fee.c
_V = tariff_version.c
_VOLUME = "/graduated/"
"""In a key of `rating_use`: of a volume price, which may have a base fee."""


def fee_versions(connection: Connection, operator_id: str, tariff_id: str = "") -> dict[str, list[FeeVersion]]:
    """Give all versions of the tariffs of which one has a base fee, by tariff id; of one tariff if it is named."""
    named = [_V.operator_id == operator_id, *([_V.tariff_id == tariff_id] if tariff_id else [])]
    with_fee = select(_V.tariff_id).where(*named, _V.body.contains('"base_fee_'))
    rows = connection.execute(
        select(_V.id, _V.tariff_id, _V.valid_from, _V.body).where(*named, _V.tariff_id.in_(with_fee))
    )
    found = []
    for row in rows:
        try:
            found.append((row.tariff_id, FeeVersion(row.id, row.valid_from, load_tariff(row.body))))
        except TariffError:  # stored by an older program; a session by it is held, which tells why
            continue
    return _grouped(found)


def count_versions(connection: Connection) -> int:
    """Count the versions of tariffs, which only grow: more of them may bring another base fee."""
    return connection.scalar(select(func.count()).select_from(tariff_version)) or 0


def operators_with_fees(connection: Connection) -> list[tuple[str, ZoneInfo]]:
    """List the operators with a tariff that has a base fee, each with its local time."""
    with_fee = select(_V.operator_id).where(_V.body.contains('"base_fee_'))
    o = operator.c
    rows = connection.execute(select(o.id, o.timezone).where(o.id.in_(with_fee)).order_by(o.id))
    return [(row.id, ZoneInfo(row.timezone)) for row in rows]


def load_marks(connection: Connection, operator_id: str) -> dict[Span, datetime]:
    """Tell up to when fees were looked for."""
    rows = connection.execute(select(fee_mark).where(fee_mark.c.operator_id == operator_id))
    return {Span(row.span): row.until for row in rows}


def load_agreements(
    connection: Connection, operator_id: str, zone: ZoneInfo, fees: Mapping[str, Sequence[FeeVersion]]
) -> Agreements:
    """Read who has which tariff of an operator."""
    a = tariff_assignment.c
    columns = (a.scope, a.target, a.tariff_id, a.valid_from, a.valid_to)
    assigned = connection.execute(select(*columns).where(a.operator_id == operator_id))
    versions = connection.execute(select(_V.id, _V.tariff_id, _V.valid_from).where(_V.operator_id == operator_id))
    return Agreements(
        zone=zone,
        holders=load_holders(connection, operator_id),
        assignments=_grouped(
            (r.target, Assignment(Assigned(r.scope), r.target, r.tariff_id, r.valid_from, r.valid_to)) for r in assigned
        ),
        versions=_grouped((row.tariff_id, TariffVersion(*row)) for row in versions),
        fees=fees,
    )


def load_holders(connection: Connection, operator_id: str) -> list[Holder]:
    """List who may have a tariff: the user of each token, each contract, and each customer that has no contract."""
    c, k, n = customer.c, id_token.c, contract.c
    by_token = (
        select(c.id, k.user_id, func.coalesce(k.contract_id, c.id).label("contract"))
        .add_columns(func.coalesce(k.group_id, n.group_id, c.group_id, "").label("group"))
        .add_columns(c.partner_id, c.relationship, n.valid_from, n.valid_to)
        .join_from(id_token, customer, c.id == k.customer_id)
        .outerjoin(contract, n.id == k.contract_id)
        .where(k.operator_id == operator_id)
    )
    by_contract = (
        select(c.id, literal(""), func.coalesce(n.id, c.id), func.coalesce(n.group_id, c.group_id, ""))
        .add_columns(c.partner_id, c.relationship, n.valid_from, n.valid_to)
        .join_from(customer, contract, n.customer_id == c.id, isouter=True)
        .where(c.operator_id == operator_id)
    )
    rows = connection.execute(union(by_token, by_contract))
    return [
        Holder(
            customer_id=row.id,
            contract_id=row.contract,
            group_id=row.group,
            relationship=row.relationship,
            facts={
                Assigned.USER: row.user_id,
                Assigned.CONTRACT: row.contract,
                Assigned.CUSTOMER: row.id,
                Assigned.GROUP: row.group,
                Assigned.ROAMING_PARTNER: row.partner_id,
                Assigned.OPERATOR: operator_id,
            },
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
        for row in rows
    ]


def close_spans(
    connection: Connection,
    operator_id: str,
    fees: Sequence[BaseFee],
    marks: Mapping[Span, tuple[datetime | None, datetime]],
    now: datetime,
) -> int | None:
    """Store the fees of spans that are over and move the marks; None if somebody else moved one first.

    Args:
        connection: of the unit of work.
        operator_id: whose.
        fees: owed in those spans.
        marks: for each kind of span where it was (None: nowhere) and where it goes.
        now: world time.
    """
    known = load_marks(connection, operator_id)
    if any(known.get(per) != before for per, (before, _) in marks.items()):
        return None
    for per, (before, until) in marks.items():
        if before is None:
            values = {"operator_id": operator_id, "span": per, "until": until}
            connection.execute(insert(fee_mark).values(values))
        else:
            mine = (fee_mark.c.operator_id == operator_id) & (fee_mark.c.span == per)
            connection.execute(update(fee_mark).where(mine).values(until=until))
    return store_fees(connection, operator_id, fees, now)


def owe_used(connection: Connection, transaction_id: int, customer_id: str, keys: Iterable[str], now: datetime) -> None:
    """Store the base fees that a session owes by having been priced by tariffs that have one.

    Args:
        connection: of the unit of work.
        transaction_id: the session.
        customer_id: who pays for it.
        keys: of `Rating.used`.
        now: world time.
    """
    used = sorted(key for key in keys if _VOLUME in key)
    if not used:
        return
    t = charging_transaction.c
    query = (
        select(t.operator_id, t.contract_id, t.group_id, t.started_at, t.ended_at, operator.c.timezone)
        .add_columns(customer.c.relationship)
        .join(operator, operator.c.id == t.operator_id)
        .join(customer, customer.c.id == customer_id)
        .where(t.id == transaction_id)
    )
    row = connection.execute(query).one()
    zone = ZoneInfo(row.timezone)
    holder = Holder(customer_id, row.contract_id or customer_id, row.group_id, row.relationship, {})
    for key in used:
        tariff_id, _, rest = key.partition(_VOLUME)
        span = used_span(rest.partition("/")[2], (row.started_at, row.ended_at), zone)
        versions = (fee_versions(connection, row.operator_id, tariff_id)).get(tariff_id, [])
        version = version_of(versions, *span)
        owed = fee_of(holder, version, span, zone) if version else None
        if version and owed and owed.scope is Scope.GROUP:
            owed = fee_of(_payer(connection, row.operator_id, holder), version, span, zone)
        store_fees(connection, row.operator_id, [owed] if owed else [], now)


def store_fees(connection: Connection, operator_id: str, fees: Sequence[BaseFee], now: datetime) -> int:
    """Store fees that are owed and tell how many were not known yet."""
    new = 0
    for one in fees:
        values = {
            "operator_id": operator_id,
            "customer_id": one.customer_id,
            "scope": one.scope,
            "target": one.target,
            "span_start": one.start,
            "span_end": one.end,
            "tariff_id": one.tariff_id,
            "tariff_version_id": one.tariff_version,
            "created_at": now,
            "body": to_json(one.rating),
        }
        added = sqlite.insert(fee).values(values).on_conflict_do_nothing().returning(_F.id)
        number = connection.execute(added).scalar_one_or_none()
        if number is not None:
            connection.execute(insert(unbilled_fee).values(fee_id=number))
            new += 1
    return new


def load_fees(connection: Connection, fee_ids: Sequence[int]) -> list[tuple[int, BaseFee]]:
    """Read fees with their ids, in the order of their spans."""
    rows = connection.execute(select(fee).where(_F.id.in_(fee_ids)).order_by(_F.span_start, _F.id))
    return [
        (
            row.id,
            BaseFee(
                scope=Scope(row.scope),
                target=row.target,
                customer_id=row.customer_id,
                start=row.span_start,
                end=row.span_end,
                tariff_id=row.tariff_id,
                tariff_version=row.tariff_version_id,
                rating=from_json(Rating, row.body),
            ),
        )
        for row in rows
    ]


def _payer(connection: Connection, operator_id: str, holder: Holder) -> Holder:
    """Give who pays for a group: that of its customers whose number comes first."""
    others = [one for one in load_holders(connection, operator_id) if one.group_id == holder.group_id]
    return min([*others], key=lambda one: (one.customer_id, one.contract_id), default=holder)


def _grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for name, one in pairs:
        found[name].append(one)
    return dict(found)
