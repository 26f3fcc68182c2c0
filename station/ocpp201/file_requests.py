"""What the central system may ask about firmware and logs in OCPP 2.0.1 (part 2, blocks L and N)."""

from collections.abc import Mapping
from datetime import datetime

from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp
from station.core.firmware import FirmwareOrder
from station.core.log_orders import LogKind, LogOrder
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.ocpp201.fields import answer, number
from station.operations import Operations


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {"GetLog": requests.get_log, "UpdateFirmware": requests.update_firmware}


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def update_firmware(self, payload: Payload) -> Payload:
        told = payload["firmware"]
        assert isinstance(told, Mapping)  # noqa: S101  the schema says so
        tries, interval_s = self._repeats(payload)
        order = FirmwareOrder(
            str(told["location"]),
            _time(told, "retrieveDateTime"),
            tries,
            interval_s,
            number(payload, "requestId"),
            _time(told, "installDateTime") if "installDateTime" in told else None,
            str(told.get("signature", "")),
            str(told.get("signingCertificate", "")),
        )
        return answer(await self._operations.firmware.order(order))

    async def get_log(self, payload: Payload) -> Payload:
        told = payload["log"]
        assert isinstance(told, Mapping)  # noqa: S101  the schema says so
        tries, interval_s = self._repeats(payload)
        order = LogOrder(
            LogKind(str(payload["logType"])),
            str(told["remoteLocation"]),
            tries,
            interval_s,
            number(payload, "requestId"),
            _time(told, "oldestTimestamp") if "oldestTimestamp" in told else None,
            _time(told, "latestTimestamp") if "latestTimestamp" in told else None,
        )
        outcome, name = await self._operations.logs.order(order)
        return {**answer(outcome), "filename": name} if name else answer(outcome)

    def _repeats(self, payload: Payload) -> tuple[int, int]:
        """Give how often to try (`retries` come after the first try, L01.FR.23) and the seconds between."""
        usual = self._operations.transfer
        tries = number(payload, "retries") + 1 if "retries" in payload else usual.tries
        interval_s = number(payload, "retryInterval") if "retryInterval" in payload else usual.interval_s
        return max(tries, 1), max(interval_s, 0)


def _time(payload: Mapping[str, object], name: str) -> datetime:
    try:
        return parse_timestamp(payload[name])
    except PayloadError as error:
        raise CallRefused(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{name}: {error}") from error
