"""SetNetworkProfile of OCPP 2.0.1 (part 2, B09): a further way to the central system. It counts from the next start."""

from typing import cast
from urllib.parse import urlsplit

from shared.log import Log
from shared.ocpp.session import Payload
from station.core.routes import Route
from station.csms_requests import Handler
from station.ocpp201.fields import answer, number
from station.operations import Operations

_LOG = Log("station.csms")
_MOST_SLOT = 99
_VERSION = "OCPP20"
"""OCPPVersionEnumType: 2.0.1 has no word of its own."""


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    return {"SetNetworkProfile": _Requests(operations).set_network_profile}


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def set_network_profile(self, payload: Payload) -> Payload:
        told, slot = cast(Payload, payload["connectionData"]), number(payload, "configurationSlot")
        profile = number(told, "securityProfile")
        why = "" if 0 <= slot <= _MOST_SLOT else f"slots are numbered from 0 to {_MOST_SLOT}"
        why = why or _objection(told, profile) or self._operations.security.objection_to_profile(profile)
        if why:
            _LOG.warning("network_profile_rejected", slot=slot, reason=why)
            return answer("Rejected", why)
        route = Route(slot, str(told["ocppCsmsUrl"]), profile, max(number(told, "messageTimeout"), 0))
        await self._operations.keep_route(route)
        return answer("Accepted")


def _objection(told: Payload, profile: int) -> str:
    """Say why a way can't be used; empty if it can."""
    if (told["ocppTransport"], told["ocppVersion"]) != ("JSON", _VERSION):
        return "the station speaks OCPP 2.0.1 with JSON only, as it is configured"
    if "vpn" in told or "apn" in told:
        return "VPN and access point are settings of the station"
    url = urlsplit(str(told["ocppCsmsUrl"]))
    if url.scheme not in ("ws", "wss") or not url.hostname:
        return "the URL is none of a WebSocket"
    if (profile >= 2) != (url.scheme == "wss"):
        return "security profiles 2 and 3 need wss, the others ws"
    return ""
