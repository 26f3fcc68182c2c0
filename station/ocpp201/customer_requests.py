"""What the central system may ask about what the station keeps of a customer (OCPP 2.0.1 part 2, N09 and N10).

That is what it knows of a card. Transactions are records that bills stand on: they are kept, and say so.
"""

from collections.abc import Iterator

from shared.ids import IdToken
from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp
from station.core.authorize import TokenInfo
from station.core.delivery import Message
from station.csms_requests import Handler
from station.ocpp201.fields import answer, number, token
from station.operations import Operations

_LONGEST_DATA = 512
_KEPT = "Transactions are records that bills stand on, and are kept."


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    return {"CustomerInformation": _Requests(operations).customer_information}


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def customer_information(self, payload: Payload) -> Payload:
        named = [name for name in ("customerIdentifier", "idToken", "customerCertificate") if name in payload]
        if len(named) != 1 or not (payload["report"] or payload["clear"]):
            return answer("Invalid", "one customer, and report or clear, must be named")
        who = token(payload.get("idToken"))
        lines = [*await self._known(who)] if who else []
        if payload["clear"]:
            lines.append(_KEPT)
            if who:
                await self._operations.station.journal.tokens.forget(who)
        if payload["report"]:
            self._report(" ".join(lines) or "Nothing is kept.", number(payload, "requestId"))
        return answer("Accepted")

    async def _known(self, who: IdToken) -> list[str]:
        known = await self._operations.station.journal.tokens.known(who)
        found = (("local list", known.in_list), ("authorization cache", known.in_cache))
        return [_line(place, info) for place, info in found if info] + [_KEPT]

    def _report(self, text: str, request_id: int) -> None:
        at = timestamp(self._operations.station.timekeeper.now().utc)
        parts = list(_cut(text))
        for seq_no, part in enumerate(parts):
            told = {"data": part, "seqNo": seq_no, "generatedAt": at, "requestId": request_id}
            is_last = seq_no == len(parts) - 1
            self._operations.post(Message("NotifyCustomerInformation", {**told, "tbc": not is_last}))


def _line(place: str, info: TokenInfo) -> str:
    expires = f", until {timestamp(info.expires)}" if info.expires else ""
    group = f", group {info.parent}" if info.parent else ""
    return f"In the {place}: {info.status}{expires}{group}."


def _cut(text: str) -> Iterator[str]:
    for first in range(0, len(text), _LONGEST_DATA):
        yield text[first : first + _LONGEST_DATA]
