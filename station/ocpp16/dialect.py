"""What the station says in OCPP 1.6, and what the answers mean. See station.core.dialect."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterValue
from shared.ocpp.session import Payload
from shared.ocpp.v16 import (
    ID_TAG_LENGTH,
    UNKNOWN_TRANSACTION,
    PayloadError,
    meter_values,
    parse_timestamp,
    start_transaction,
    stop_transaction,
    timestamp,
)
from shared.ocpp.validation import Version
from shared.transaction import Ended, Started, Updated
from station.core.authorize import TokenInfo
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.delivery import Acknowledge, Entry, Message, Park, Retry, Rules, judge_refusal
from station.core.dialect import BootReason, CertificateUse, Identity, Problem
from station.core.status_reports import Report

_INFO_LENGTH = 50
_EVENT_DETAIL_LENGTH = 255
_DIAGNOSTICS_STATUSES = frozenset({"Idle", "Uploading", "Uploaded"})
"""DiagnosticsStatus (§7.24) beside its one word for all failures."""


class Ocpp16:
    """See the module; a station.core.dialect.Dialect."""

    version = Version.V16
    token_length = ID_TAG_LENGTH
    tells_states = False

    def boot(self, about: Identity, reason: BootReason) -> Message:  # noqa: ARG002  1.6 has no field for it
        """Encode BootNotification.req (§6.3)."""
        fields = {
            "chargePointVendor": about.vendor,
            "chargePointModel": about.model,
            "firmwareVersion": about.firmware,
            "chargePointSerialNumber": about.serial,
            "chargeBoxSerialNumber": about.box_serial,
            "meterType": about.meter_type[:25],
            "meterSerialNumber": about.meter_serial[:25],
            "iccid": about.iccid[:20],
            "imsi": about.imsi[:20],
        }
        return Message("BootNotification", {name: text for name, text in fields.items() if text})

    def status(self, report: Report) -> Message:
        """Encode StatusNotification.req (§6.47)."""
        payload: dict[str, object] = {
            "connectorId": report.evse_id,
            "errorCode": report.error_code,
            "status": report.status,
            "timestamp": timestamp(report.at),
        }
        if report.info:
            payload["info"] = report.info[:_INFO_LENGTH]
        return Message("StatusNotification", payload)

    def status_words(self, report: Report) -> str | None:
        """Give status, error and info; connector 0 is reported too (errata 3.22)."""
        return f"{report.status} {report.error_code} {report.info}"

    def problem(self, problem: Problem, number: int) -> Message | None:  # noqa: ARG002  as the seam has it
        """Say nothing: the status has an error code."""
        return None

    def reservation_expired(
        self,
        number: int,  # noqa: ARG002  as the seam has it
        *,
        is_removed: bool = False,  # noqa: ARG002
    ) -> Message | None:
        """Say nothing: the status tells that nobody has reserved any more."""
        return None

    def list_conflict(self, report: Report) -> Message | None:
        """Report LocalListConflict beside the state, once (§7.6)."""
        return self.status(replace(report, error_code="LocalListConflict"))

    def offline_threshold_s(self, configuration: Configuration) -> float:  # noqa: ARG002  1.6 has no such rule
        """Tell only what changed, however long it took (§4.9)."""
        return math.inf

    def authorize(self, token: IdToken) -> Message:
        """Encode Authorize.req (§6.1)."""
        return Message("Authorize", {"idTag": token.value})

    def token_info(self, payload: Payload) -> TokenInfo | None:
        """Read idTagInfo of an answer."""
        return token_info(payload.get("idTagInfo"))

    def meter_values(self, evse_id: EvseId, values: Sequence[MeterValue], transaction_id: int | None = None) -> Message:
        """Encode MeterValues.req outside the ledger (§6.31)."""
        payload = meter_values(Updated(TransactionKey(""), 0, evse_id, tuple(values)), transaction_id or 0)
        if transaction_id is None:
            payload = {name: part for name, part in payload.items() if name != "transactionId"}
        return Message("MeterValues", payload)

    def security_event(self, kind: str, at: datetime, info: str) -> Message:
        """Encode SecurityEventNotification.req (white paper ed. 3 §5)."""
        payload: dict[str, object] = {"type": kind, "timestamp": timestamp(at)}
        if info:
            payload["techInfo"] = info[:_EVENT_DETAIL_LENGTH]
        return Message("SecurityEventNotification", payload)

    def firmware_status(self, status: str, request_id: int | None = None, *, numbered: bool = False) -> Message:
        """Encode FirmwareStatusNotification.req (§6.25), or with a number that of the white paper."""
        if request_id is None and not numbered:
            return Message("FirmwareStatusNotification", {"status": status})
        return Message("SignedFirmwareStatusNotification", _numbered(status, request_id))

    def log_status(self, status: str, request_id: int | None = None, *, numbered: bool = False) -> Message:
        """Encode DiagnosticsStatusNotification.req (§6.17), or with a number LogStatusNotification.req."""
        if request_id is None and not numbered:
            told = status if status in _DIAGNOSTICS_STATUSES else "UploadFailed"
            return Message("DiagnosticsStatusNotification", {"status": told})
        return Message("LogStatusNotification", _numbered(status, request_id))

    def log_replaced(self, request_id: int | None) -> Message | None:  # noqa: ARG002  as the seam has it
        """Say nothing: the white paper has no word for it."""
        return None

    def sign_certificate(self, csr: str, use: CertificateUse) -> Message:  # noqa: ARG002  1.6 has one use
        """Encode SignCertificate.req (white paper ed. 3 §5)."""
        return Message("SignCertificate", {"csr": csr})

    def charging_limit(self, limit: Limit | None) -> None:  # noqa: ARG002  1.6 has no word for it
        """Tell nothing: a connector's status says what limits it."""
        return

    def data_transfer(self, vendor: str, name: str, data: str) -> Message:
        """Encode DataTransfer.req (§6.13)."""
        return Message("DataTransfer", {"vendorId": vendor, "messageId": name, "data": data})

    def outgoing(self, entry: Entry, rules: Rules) -> Message | Park:
        """Encode a transaction message; all but the start bear the number that the start's answer gave."""
        event = entry.event
        if isinstance(event, Started):
            return Message("StartTransaction", start_transaction(event))
        number = entry.transaction_id
        if number is None:
            if not rules.send_without_start:
                return Park("the start of its transaction was refused for good", transaction=True)
            number = UNKNOWN_TRANSACTION
        if isinstance(event, Updated):
            return Message("MeterValues", meter_values(event, number))
        return Message("StopTransaction", stop_transaction(event, number, entry.begin))

    def judge_result(self, entry: Entry, payload: Payload, rules: Rules) -> Acknowledge | Retry | Park:
        """Acknowledge; a start needs its number. What is said of the card is taken along."""
        event, info, number = entry.event, self.token_info(payload), payload.get("transactionId")
        if isinstance(event, Started):
            if not isinstance(number, int):
                return self.judge_refusal(entry, "the answer has no transactionId", rules)
            return Acknowledge(number, event.id_token if info else None, info)
        if isinstance(event, Ended) and event.id_token and info:
            return Acknowledge(None, event.id_token, info)
        return Acknowledge()

    def judge_refusal(self, entry: Entry, reason: str, rules: Rules) -> Retry | Park:
        """Judge a refusal; the end goes out without a sample, and without the start if that is wanted."""
        event = entry.event
        whole = not (isinstance(event, Updated) or (isinstance(event, Started) and rules.send_without_start))
        return judge_refusal(entry, reason, rules, whole=whole)


def _numbered(status: str, request_id: int | None) -> dict[str, object]:
    return {"status": status} if request_id is None else {"status": status, "requestId": request_id}


def token_info(info: object) -> TokenInfo | None:
    """Read an idTagInfo. None if it can't be understood; an expiry that is no time counts as none."""
    if not isinstance(info, dict) or not isinstance(info.get("status"), str):
        return None
    try:
        expires = parse_timestamp(info["expiryDate"]) if "expiryDate" in info else None
    except PayloadError:
        expires = None
    return TokenInfo(info["status"], expires, str(info.get("parentIdTag", "")))
