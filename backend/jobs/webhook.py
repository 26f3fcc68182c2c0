"""Posting to an address of the operator's: only where it may go, with a time-out, following nobody elsewhere."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from backend.core.watch.webhook import is_public, problem_of
from backend.errors import DeliveryError

TIMEOUT_S = 10.0
"""For each step of a delivery, link time."""

_MOST_ANSWER = 4096


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> None:
    """Post a body. It blocks for some time-outs at most: run it in a thread.

    The name is looked up once and that address is used, so that it can't be another one after the check.

    Raises:
        DeliveryError: it can't go there, or was not taken; the text says why.
    """
    if problem_of(url):
        raise DeliveryError("that is no address to post to: https://host/path")
    parts = urlsplit(url)
    host, is_tls = str(parts.hostname), parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        line = socket.create_connection((_address(host, port, allow_private=allow_private), port), TIMEOUT_S)
        connection.sock = line
        if is_tls:
            connection.sock = ssl.create_default_context().wrap_socket(line, server_hostname=host)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body, {"Content-Type": "application/json", "Host": parts.netloc, **headers})
        answer = connection.getresponse()
        answer.read(_MOST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DeliveryError(f"{host} can't be reached: {error}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise DeliveryError(f"{host} answered {answer.status}")


def _address(host: str, port: int, *, allow_private: bool) -> str:
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(is_public(one) for one in found):
        raise DeliveryError(f"{host} is no public address: alerts.allow_private lets alerts go there")
    return found[0]
