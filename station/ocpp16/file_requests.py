"""What the central system may ask about firmware and logs in OCPP 1.6 (§5.7, §5.19, white paper): one handler each."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp
from station.core.firmware import FirmwareOrder, UpdateOutcome
from station.core.log_orders import LogKind, LogOrder
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.operations import Operations


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        "GetDiagnostics": requests.get_diagnostics,
        "GetLog": requests.get_log,
        "SignedUpdateFirmware": requests.signed_update_firmware,
        "UpdateFirmware": requests.update_firmware,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def update_firmware(self, payload: Payload) -> Payload:
        firmware = self._operations.firmware
        if not firmware.takes_plain:
            raise CallRefused(ErrorCode.NOT_SUPPORTED, "only SignedUpdateFirmware is accepted here")
        tries, interval_s = self._repeats(payload)
        order = FirmwareOrder(str(payload["location"]), _time(payload, "retrieveDate"), tries, interval_s)
        outcome = await firmware.order(order)
        if outcome is UpdateOutcome.REJECTED and firmware.is_exchanging:
            raise CallRefused(ErrorCode.GENERIC_ERROR, "another update is being installed")
        return {}

    async def signed_update_firmware(self, payload: Payload) -> Payload:
        told = payload["firmware"]
        assert isinstance(told, Mapping)  # noqa: S101  the schema says so
        tries, interval_s = self._repeats(payload)
        order = FirmwareOrder(
            str(told["location"]),
            _time(told, "retrieveDateTime"),
            tries,
            interval_s,
            _number(payload["requestId"]),
            _time(told, "installDateTime") if "installDateTime" in told else None,
            str(told["signature"]),
            str(told["signingCertificate"]),
        )
        return {"status": await self._operations.firmware.order(order)}

    async def get_diagnostics(self, payload: Payload) -> Payload:
        tries, interval_s = self._repeats(payload)
        order = LogOrder(
            LogKind.DIAGNOSTICS,
            str(payload["location"]),
            tries,
            interval_s,
            None,
            _time(payload, "startTime") if "startTime" in payload else None,
            _time(payload, "stopTime") if "stopTime" in payload else None,
        )
        _, name = await self._operations.logs.order(order)
        return {"fileName": name} if name else {}

    async def get_log(self, payload: Payload) -> Payload:
        told = payload["log"]
        assert isinstance(told, Mapping)  # noqa: S101  the schema says so
        tries, interval_s = self._repeats(payload)
        order = LogOrder(
            LogKind(str(payload["logType"])),
            str(told["remoteLocation"]),
            tries,
            interval_s,
            _number(payload["requestId"]),
            _time(told, "oldestTimestamp") if "oldestTimestamp" in told else None,
            _time(told, "latestTimestamp") if "latestTimestamp" in told else None,
        )
        outcome, name = await self._operations.logs.order(order)
        return {"status": outcome, "filename": name} if name else {"status": outcome}

    def _repeats(self, payload: Payload) -> tuple[int, int]:
        """Give how often to try (`retries` counts all tries in 1.6, §6.19) and the seconds between."""
        usual = self._operations.transfer
        tries = _number(payload.get("retries", usual.tries))
        return max(tries, 1), max(_number(payload.get("retryInterval", usual.interval_s)), 0)


def _number(value: object) -> int:
    assert isinstance(value, (int, Decimal))  # noqa: S101  the schema says so, and takes 3.0 for one, too
    return int(value)


def _time(payload: Mapping[str, object], name: str) -> datetime:
    try:
        return parse_timestamp(payload[name])
    except PayloadError as error:
        raise CallRefused(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{name}: {error}") from error
