"""Starting and stopping a charge from afar, in the words of each version. Pure."""

from shared.ids import EvseId, IdToken
from shared.ocpp import v16, v201
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version

Command = tuple[str, Payload]
"""An action and its payload."""

LARGEST_START_ID = 2**31 - 1
"""remoteStartId is an integer, for which OCPP promises 32 bits (2.x part 2 §2.1)."""


def longest_token(version: Version) -> int:
    """Tell how many characters of a token a version can carry to a station."""
    return {Version.V16: v16.ID_TAG_LENGTH, Version.V201: 36, Version.V21: v201.LONGEST_TOKEN}[version]


def start_charge(version: Version, evse_id: EvseId, id_token: IdToken, start_id: int) -> Command:
    """Make RemoteStartTransaction (OCPP 1.6 §5.11) or RequestStartTransaction (2.x part 2, F01).

    Args:
        version: that the station speaks.
        evse_id: where.
        id_token: who pays.
        start_id: names the request; 0 to LARGEST_START_ID, another one each time. OCPP 1.6 has no place for it.
    """
    if version is Version.V16:
        return "RemoteStartTransaction", {"connectorId": evse_id, "idTag": id_token.value}
    payload = {"evseId": evse_id, "remoteStartId": start_id, "idToken": v201.id_token(id_token)}
    return "RequestStartTransaction", payload


def stop_charge(number: int, station_key: str) -> Command:
    """Make RemoteStopTransaction (OCPP 1.6 §5.12) or RequestStopTransaction (2.x part 2, F03).

    Args:
        number: of the transaction here.
        station_key: the name that an OCPP 2.x station gave it, empty for OCPP 1.6.
    """
    if station_key:
        return "RequestStopTransaction", {"transactionId": station_key}
    return "RemoteStopTransaction", {"transactionId": number}
