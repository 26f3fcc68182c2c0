"""Certificates for stations: sign what they ask for, send it as an order, have it renewed before it ends.

Signing, storing and ordering are one unit of work: a station that was told Accepted gets its certificate, also if the
program ends in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import Connection

from backend.core.order import NewOrder
from backend.csms.certificates import RequestError, request_digest, sign_request
from backend.csms.connections import Connections
from backend.csms.handling import Sender
from backend.errors import BackendError
from backend.store import certificates as rows
from backend.store.charge_points import boot_serial
from backend.store.orders import give
from backend.store.writer import Store
from shared.clock import Clock
from shared.ids import Secret
from shared.log import Log
from shared.ocpp.session import Payload, dumps
from shared.ocpp.validation import Version

log = Log(__name__)

_PATIENCE = timedelta(days=7)
"""How long a signed certificate waits for its station to come back."""

_MOST_A_DAY = 10
"""Certificates for one station: more is a station that repeats itself."""

_LOOK_S = 3600.0
"""World time between two looks for certificates that end."""

_REJECTED: Payload = {"status": "Rejected"}
_ACCEPTED: Payload = {"status": "Accepted"}


@dataclass(frozen=True, slots=True)
class Signing:
    """Signs requests with our authority.

    Args:
        open_key: opens the sealed key.
        days: how long certificates are valid.
    """

    open_key: Callable[[str], Secret]
    days: int

    def on_sign_certificate(self, payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
        """Answer SignCertificate (white paper §5.9; 2.x part 2, A02). The certificate follows as an order."""
        if payload.get("certificateType", "ChargingStationCertificate") != "ChargingStationCertificate":
            return self._reject(sender, "only certificates of charging stations are signed here")
        authorities = rows.list_authorities(connection)
        if not authorities:
            return self._reject(sender, "there is no certificate authority: make one with emops-backend ca init")
        try:
            one = self._signed(connection, authorities[-1], sender.charge_point_id, str(payload["csr"]), now)
        except (RequestError, BackendError) as error:
            return self._reject(sender, str(error))
        chain: dict[str, object] = {"certificateChain": one.certificate}
        if "certificateType" in payload:
            chain["certificateType"] = payload["certificateType"]
        batch = f"certificate-{int(now.timestamp())}-{one.serial}"[:64]
        order = NewOrder(
            sender.charge_point_id, "CertificateSigned", dumps(chain), now + _PATIENCE, True, "emops", batch
        )
        give(connection, [order], now)
        log.info("certificate_signed", charge_point=sender.charge_point_id, serial=one.serial, ends_at=one.ends_at)
        return _ACCEPTED

    def _signed(
        self, connection: Connection, authority: rows.AuthorityRow, name: str, request: str, now: datetime
    ) -> rows.StationCertificate:
        """Give the certificate for a request: the one of before, if it comes again."""
        digest = request_digest(request)
        known = rows.find_signed(connection, name, digest)
        if known and known.authority_id == authority.id and known.ends_at > now:
            return known
        if rows.count_signed(connection, name, now - timedelta(days=1)) >= _MOST_A_DAY:
            raise RequestError(f"{_MOST_A_DAY} certificates were signed for it within a day")
        key = self.open_key(authority.sealed_key)
        made = sign_request(
            request,
            name,
            boot_serial(connection, name),
            authority=authority.certificate,
            key=key,
            now=now,
            days=self.days,
        )
        one = rows.StationCertificate(made.serial, name, authority.id, digest, made.pem, now, made.ends_at)
        rows.add_certificate(connection, one)
        return one

    def _reject(self, sender: Sender, reason: str) -> Payload:
        log.warning("certificate_not_signed", charge_point=sender.charge_point_id, reason=reason)
        return _REJECTED


class Renewals:
    """Asks stations for a new request when their certificate nears its end."""

    def __init__(self, store: Store, clock: Clock, connections: Connections, renew_days: int) -> None:
        self._store, self._clock, self._connections = store, clock, connections
        self._ahead = timedelta(days=renew_days)

    async def run(self) -> NoReturn:
        """Look every hour until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(_LOOK_S)

    async def look(self) -> int:
        """Ask the stations that are connected, each once a day, and tell how many were asked."""
        now = self._clock.utc()
        here = {str(one.charge_point_id): one.version for one in self._connections.all()}

        def work(connection: Connection) -> int:
            ending = rows.ending_before(connection, now + self._ahead, now)
            asked = [_renewal(one, here[one.charge_point_id], now) for one in ending if one.charge_point_id in here]
            give(connection, asked, now)
            return len(asked)

        return await self._store.write(work)


def _renewal(one: rows.StationCertificate, version: Version, now: datetime) -> NewOrder:
    if version is Version.V16:
        action, what = "ExtendedTriggerMessage", "SignChargePointCertificate"
    else:
        action, what = "TriggerMessage", "SignChargingStationCertificate"
    batch = f"renew-{now:%Y%m%d}-{one.serial}"
    patience = now + timedelta(hours=1)
    return NewOrder(one.charge_point_id, action, dumps({"requestedMessage": what}), patience, True, "emops", batch)
