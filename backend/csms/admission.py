"""Who is at the door: the peer behind a socket or a trusted proxy, and the security profile that it comes by. Pure.

Profiles (OCPP security white paper for 1.6, §2; 2.x part 2, A00): 0 nothing, 1 password over a plain connection,
2 password over TLS, 3 a client certificate over TLS.
"""

import ipaddress
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.ids import ChargePointId

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_COMMON_NAME = re.compile(r"(?:^|[,/])\s*CN\s*=\s*((?:\\.|[^,/\\])+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate whose chain was verified, by us or by a trusted proxy.

    Args:
        names: common name and alternative names of its subject.
        serial: hexadecimal, upper case, without leading zeros.
        ends_at: None where the proxy alone knows.
    """

    names: frozenset[str]
    serial: str
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end. `address` is for people."""

    address: str
    is_tls: bool
    certificate: ClientCertificate | None = None

    def profile(self, *, has_password: bool) -> int:
        """Give the security profile of this connection, once its secrets were found right."""
        if self.is_tls and self.certificate:
            return 3
        return (2 if self.is_tls else 1) if has_password else 0


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks.

    Raises:
        ValueError: one is neither.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


# Any: as ssl declares it.
def certificate_of(told: Mapping[str, Any] | None) -> ClientCertificate | None:
    """Read what `getpeercert` tells; None if there is no certificate."""
    if not told:
        return None
    subject = [value for part in told.get("subject", ()) for key, value in part if key == "commonName"]
    other = [value for kind, value in told.get("subjectAltName", ()) if kind in ("DNS", "URI")]
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    return ClientCertificate(frozenset((*subject, *other)), _serial(told["serialNumber"]), ends_at)


def is_trusted(host: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address is one of a trusted proxy's."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def behind_proxy(address: str, header: Callable[[str], str]) -> Peer:
    """Give the peer that a trusted proxy tells of.

    Args:
        address: of the proxy, if it tells no other.
        header: gives the value of a header that comes exactly once, else "".
    """
    # The last one is the one that our proxy saw; those before it are what the peer claimed.
    seen = header("X-Forwarded-For").rpartition(",")[2].strip() or address
    is_tls = header("X-Forwarded-Proto").lower() in ("https", "wss")
    found = _COMMON_NAME.search(header("X-Client-Subject"))
    serial = _serial(header("X-Client-Serial"))
    if not is_tls or header("X-Client-Verify") != "SUCCESS" or not found or not serial:
        return Peer(seen, is_tls)
    name = re.sub(r"\\(.)", r"\1", found[1]).strip()
    return Peer(seen, is_tls, ClientCertificate(frozenset({name}), serial))


def certificate_problem(
    certificate: ClientCertificate, charge_point_id: ChargePointId, now: datetime, *, is_revoked: bool
) -> str:
    """Tell why a certificate does not open this charge point's door; "" if it does."""
    if charge_point_id not in certificate.names:
        return "the certificate is of another charge point"
    # A session that is resumed is not verified again, and may be older than the end of its certificate.
    if certificate.ends_at and certificate.ends_at <= now:
        return "the certificate has expired"
    return "the certificate was revoked" if is_revoked else ""


def _serial(text: str) -> str:
    return text.replace(":", "").strip().upper().lstrip("0")
