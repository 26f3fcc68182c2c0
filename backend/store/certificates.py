"""Certificates of stations, our authority's and the refused connections. Changes run inside a unit of work."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert

from backend.core.people.access import EVERYTHING, View
from backend.store.certificate_tables import certificate_authority, connection_refusal, station_certificate
from backend.store.scope import charge_points_in
from backend.store.tables import charge_point
from shared.ids import ChargePointId

_A, _S, _R = certificate_authority.c, station_certificate.c, connection_refusal.c


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """Our certificate authority; its key is sealed."""

    id: int
    name: str
    certificate: str
    sealed_key: str
    created_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class StationCertificate:
    """A certificate that we signed for a station."""

    serial: str
    charge_point_id: str
    authority_id: int
    request_digest: str
    certificate: str
    issued_at: datetime
    ends_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Connections of a station that were refused for one reason."""

    charge_point_id: str
    reason: str
    address: str
    first_at: datetime
    last_at: datetime
    count: int


def add_authority(connection: Connection, one: AuthorityRow) -> None:
    """Store a new authority, which signs from now on; its number is given here."""
    values = {column.name: getattr(one, column.name) for column in certificate_authority.c if column.name != "id"}
    connection.execute(insert(certificate_authority).values(values))


def list_authorities(connection: Connection) -> list[AuthorityRow]:
    """List our authorities; the last one signs."""
    return [AuthorityRow(*row) for row in connection.execute(select(certificate_authority).order_by(_A.id))]


def add_certificate(connection: Connection, one: StationCertificate) -> None:
    """Store what was signed."""
    values = {column.name: getattr(one, column.name) for column in station_certificate.c}
    connection.execute(insert(station_certificate).values(values))


def find_signed(connection: Connection, charge_point_id: str, digest: str) -> StationCertificate | None:
    """Give the certificate that a request got before, unless it was revoked."""
    query = select(station_certificate).where(
        _S.charge_point_id == charge_point_id, _S.request_digest == digest, _S.revoked_at.is_(None)
    )
    row = connection.execute(query.order_by(_S.issued_at.desc())).first()
    return StationCertificate(*row) if row else None


def count_signed(connection: Connection, charge_point_id: str, since: datetime) -> int:
    """Count what was signed for a station since a time."""
    query = select(func.count()).where(_S.charge_point_id == charge_point_id, _S.issued_at >= since)
    return connection.scalar(query) or 0


def list_certificates(connection: Connection, view: View = EVERYTHING) -> list[StationCertificate]:
    """List certificates of stations, those first that end first."""
    query = select(station_certificate).join(charge_point).where(charge_points_in(view)).order_by(_S.ends_at, _S.serial)
    return [StationCertificate(*row) for row in connection.execute(query)]


def ending_before(connection: Connection, moment: datetime, now: datetime) -> list[StationCertificate]:
    """List the newest certificate of each station, where it ends soon, has not ended and was not revoked."""
    newest = select(_S.charge_point_id, func.max(_S.issued_at).label("at")).group_by(_S.charge_point_id).subquery()
    query = (
        select(station_certificate)
        .join(newest, (newest.c.charge_point_id == _S.charge_point_id) & (newest.c.at == _S.issued_at))
        .where(_S.ends_at < moment, _S.ends_at > now, _S.revoked_at.is_(None))
        .order_by(_S.ends_at)
    )
    return [StationCertificate(*row) for row in connection.execute(query)]


def revoke(connection: Connection, serial: str, by: str, now: datetime, view: View = EVERYTHING) -> bool:
    """Revoke a certificate; False if there is none in the view that counts."""
    seen = select(charge_point.c.id).where(charge_points_in(view))
    query = update(station_certificate).where(
        _S.serial == serial, _S.revoked_at.is_(None), _S.charge_point_id.in_(seen)
    )
    return connection.execute(query.values(revoked_at=now, revoked_by=by)).rowcount == 1


def is_revoked(connection: Connection, serial: str) -> bool:
    """Tell whether a certificate stands on our revocation list."""
    query = select(_S.serial).where(_S.serial == serial, _S.revoked_at.is_not(None))
    return connection.execute(query).first() is not None


def note_use(connection: Connection, serial: str, now: datetime) -> None:
    """Keep when a station first came by a certificate of ours."""
    query = update(station_certificate).where(_S.serial == serial, _S.used_at.is_(None))
    connection.execute(query.values(used_at=now))


def note_refusal(
    connection: Connection, charge_point_id: ChargePointId, reason: str, address: str, now: datetime
) -> None:
    """Count a refused connection of a known station."""
    values: dict[str, object] = {
        "charge_point_id": charge_point_id,
        "reason": reason[:80],
        "address": address,
        "first_at": now,
        "last_at": now,
        "count": 1,
    }
    again = {"address": address, "last_at": now, "count": _R["count"] + 1}
    connection.execute(
        insert(connection_refusal)
        .values(values)
        .on_conflict_do_update(index_elements=["charge_point_id", "reason"], set_=again)
    )


def list_refusals(connection: Connection, view: View = EVERYTHING) -> list[Refusal]:
    """List refused connections, the latest first."""
    query = select(connection_refusal).join(charge_point).where(charge_points_in(view)).order_by(_R.last_at.desc())
    return [Refusal(*row) for row in connection.execute(query)]
