"""What the central system asks: a table of handlers, made by the version of OCPP that is spoken."""

from collections.abc import Awaitable, Callable, Mapping

from shared.log import Log
from shared.ocpp.session import ErrorCode, Payload
from station.csms_connection import CallRefused

Handler = Callable[[Payload], Awaitable[Payload]]
"""Does what one action asks, with a payload that passed its schema, and gives the answer. It never calls out."""

_LOG = Log("station.csms")


class CsmsRequests:
    """Answers by the table. `answer` fits station.csms_connection.Answer."""

    def __init__(self, table: Mapping[str, Handler]) -> None:
        self._table = table

    async def answer(self, action: str, payload: Payload) -> Payload:
        """Do what is asked.

        Args:
            action: one of the version spoken.
            payload: that passed its schema.

        Raises:
            CallRefused: the action is not supported.
        """
        handle = self._table.get(action)
        if handle is None:
            raise CallRefused(ErrorCode.NOT_SUPPORTED, f"{action} is not supported by this charge point")
        answer = await handle(payload)
        _LOG.info("csms_asked", action=action, status=answer.get("status", "answered"))
        return answer
