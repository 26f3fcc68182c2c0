"""Commands to stations: any action of the version that a station speaks, with any payload."""

import asyncio

from backend.csms.connections import Connections, OutgoingCall
from backend.errors import InvalidCommandError, NotConnectedError
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from shared.ocpp.validation import violation


class Commands:
    """Sends calls to connected stations, one in flight for each; more of them wait in line."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def send(
        self, charge_point_id: ChargePointId, action: str, payload: Payload, *, checked: bool = True
    ) -> Payload:
        """Send a call and give its answer's payload. It takes at most the queue's calls times their time-out.

        Cancelling gives up the answer; the station may get the call all the same.

        Args:
            charge_point_id: the station.
            action: name of the call, for instance `RemoteStartTransaction`.
            payload: its payload.
            checked: refuse what the version that the station speaks has no such action or payload for; False sends
                anything, for tests and for what vendors add.

        Raises:
            InvalidCommandError: the action is unknown or the payload breaks its schema; nothing was sent.
            NotConnectedError: the station is not connected, too many calls wait, or the connection broke.
            CommandTimeoutError: no answer in time.
            CommandRefusedError: the station answered with an error.
        """
        connection = self._connections.find(charge_point_id)
        if connection is None:
            raise NotConnectedError(f"{charge_point_id} is not connected")
        if checked and (wrong := violation(connection.version, action, payload)):
            raise InvalidCommandError(f"{action}: {wrong}")
        call = OutgoingCall(action, payload, asyncio.get_running_loop().create_future(), checked)
        try:
            connection.calls.put_nowait(call)
        except asyncio.QueueFull as error:
            raise NotConnectedError(f"{charge_point_id} is busy: too many calls wait for it already") from error
        return await call.answer
