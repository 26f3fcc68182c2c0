"""What a webhook is sent: a JSON body and a signature that its receiver can check. Pure.

The header `Emops-Signature` is `t=<seconds since 1970>,v1=<hex>`, where the hex is the HMAC-SHA256 of `<t>.<body>` with
the secret that both know. A receiver refuses old times, so that nobody can send a notice again.
"""

import hmac
import ipaddress
from hashlib import sha256
from urllib.parse import urlsplit

from shared.ids import Secret

SIGNATURE = "Emops-Signature"
DELIVERY = "Emops-Delivery"
"""Header that names a notice: the same at every try."""


def signature(secret: Secret, body: bytes, at_s: int) -> str:
    """Sign a body at a time, s since 1970."""
    digest = hmac.new(secret.value.encode(), f"{at_s}.".encode() + body, sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def problem_of(url: str) -> str:
    """Tell what is wrong with an address to post to, in a word; empty if nothing is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "no_url"
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        return "no_url"
    return "with_password" if parts.username or parts.password else ""


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, so that a webhook can't reach what is behind us."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_global and not ip.is_multicast)
