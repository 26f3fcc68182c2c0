"""What the station says in OCPP 2.0.1, and what the answers mean. See station.core.dialect."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from hardware.faults import WORDS, Fault, Words
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterValue
from shared.ocpp.session import Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp, timestamp
from shared.ocpp.v201 import id_token, transaction_event
from shared.ocpp.validation import Version
from shared.transaction import Ended, Started, Updated
from station.core.authorize import TokenInfo
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.delivery import Acknowledge, Entry, Message, Park, Retry, Rules, judge_refusal
from station.core.dialect import BootReason, CertificateUse, Identity, Problem
from station.core.evse_condition import METER_FAILURE
from station.core.status_reports import Report

TOKEN_LENGTH = 36
"""IdTokenType.idToken."""

CONNECTOR = 1
"""Each EVSE has one connector."""

_EVENT_DETAIL_LENGTH = 255
_LIMIT_SOURCE = "EMS"
_TECH_CODE_LENGTH = 50
_OTHER_WORDS = {METER_FAILURE: Words(METER_FAILURE, "FiscalMetering")}
"""What is no fault of the board."""

_STATUSES = {"Available": "Available", "Reserved": "Reserved", "Unavailable": "Unavailable", "Faulted": "Faulted"}
"""ConnectorStatusEnumType; all other states of a connector are Occupied."""

_EVENTS = {
    "FailedToAuthenticateAtCentralSystem": "FailedToAuthenticateAtCsms",
    "InvalidCentralSystemCertificate": "InvalidCsmsCertificate",
    "InvalidChargePointCertificate": "InvalidChargingStationCertificate",
}
"""Security events that have another name here than in the white paper for OCPP 1.6 (part 2, appendix 1)."""


class Ocpp201:
    """See the module; a station.core.dialect.Dialect."""

    version = Version.V201
    token_length = TOKEN_LENGTH
    tells_states = True

    def boot(self, about: Identity, reason: BootReason) -> Message:
        """Encode BootNotificationRequest (part 2, 1.8)."""
        told = {
            "vendorName": about.vendor,
            "model": about.model,
            "serialNumber": about.serial,
            "firmwareVersion": about.firmware,
        }
        station: dict[str, object] = {name: text for name, text in told.items() if text}
        sim = {"iccid": about.iccid[:20], "imsi": about.imsi[:20]}
        if modem := {name: text for name, text in sim.items() if text}:
            station["modem"] = modem
        return Message("BootNotification", {"reason": reason, "chargingStation": station})

    def status(self, report: Report) -> Message:
        """Encode StatusNotificationRequest (part 2, 1.58)."""
        return Message(
            "StatusNotification",
            {
                "timestamp": timestamp(report.at),
                "connectorStatus": connector_status(report.status, is_plugged=report.is_plugged),
                "evseId": report.evse_id,
                "connectorId": CONNECTOR,
            },
        )

    def status_words(self, report: Report) -> str | None:
        """Give the state; that of the whole station is no connector's."""
        return connector_status(report.status, is_plugged=report.is_plugged) if report.evse_id else None

    def problem(self, problem: Problem, number: int) -> Message | None:
        """Encode NotifyEventRequest about a fault that came or went (part 2, 1.44; G05)."""
        words = WORDS.get(Fault(problem.fault)) if problem.fault in set(Fault) else _OTHER_WORDS.get(problem.fault)
        component, variable = (words.component, words.variable) if words else ("EVSE", "Problem")
        evse: dict[str, object] = {"id": problem.evse_id}
        if component == "Connector":
            evse["connectorId"] = CONNECTOR
        event: dict[str, object] = {
            "eventId": number,
            "timestamp": timestamp(problem.at),
            "trigger": "Alerting",
            "actualValue": "true" if problem.is_there else "false",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": component, "evse": evse},
            "variable": {"name": variable},
        }
        if problem.is_there:
            event |= {"techCode": problem.fault[:_TECH_CODE_LENGTH], "techInfo": problem.info or problem.fault}
        else:
            event["cleared"] = True
        return Message("NotifyEvent", {"generatedAt": timestamp(problem.at), "seqNo": 0, "eventData": [event]})

    def list_conflict(self, report: Report) -> Message | None:  # noqa: ARG002  as the seam has it
        """Say nothing: 2.0.1 has no word for it, the central system reads it from its own answer."""
        return None

    def reservation_expired(self, number: int, *, is_removed: bool = False) -> Message | None:
        """Encode ReservationStatusUpdateRequest (part 2, H01, H04)."""
        status = "Removed" if is_removed else "Expired"
        return Message("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": status})

    def offline_threshold_s(self, configuration: Configuration) -> float:
        """Give OfflineThreshold (B04)."""
        return configuration.number("OfflineThreshold")

    def authorize(self, token: IdToken) -> Message:
        """Encode AuthorizeRequest (part 2, 1.6)."""
        return Message("Authorize", {"idToken": id_token(token)})

    def token_info(self, payload: Payload) -> TokenInfo | None:
        """Read idTokenInfo of an answer."""
        return token_info(payload.get("idTokenInfo"))

    def meter_values(self, evse_id: EvseId, values: Sequence[MeterValue], transaction_id: int | None = None) -> Message:  # noqa: ARG002  1.6 numbers transactions
        """Encode MeterValuesRequest (part 2, 1.40)."""
        told = transaction_event(Updated(TransactionKey(""), 0, evse_id, tuple(values)))
        return Message("MeterValues", {"evseId": evse_id, "meterValue": told["meterValue"]})

    def security_event(self, kind: str, at: datetime, info: str) -> Message:
        """Encode SecurityEventNotificationRequest (part 2, 1.55)."""
        payload: dict[str, object] = {"type": _EVENTS.get(kind, kind), "timestamp": timestamp(at)}
        if info:
            payload["techInfo"] = info[:_EVENT_DETAIL_LENGTH]
        return Message("SecurityEventNotification", payload)

    def firmware_status(
        self,
        status: str,
        request_id: int | None = None,
        *,
        numbered: bool = False,  # noqa: ARG002  one message for all
    ) -> Message:
        """Encode FirmwareStatusNotificationRequest (part 2, 1.24)."""
        return Message("FirmwareStatusNotification", _about(status, request_id))

    def log_status(
        self,
        status: str,
        request_id: int | None = None,
        *,
        numbered: bool = False,  # noqa: ARG002  one message for all
    ) -> Message:
        """Encode LogStatusNotificationRequest (part 2, 1.39)."""
        return Message("LogStatusNotification", _about(status, request_id))

    def log_replaced(self, request_id: int | None) -> Message | None:
        """Encode LogStatusNotificationRequest for the order that gives way (part 2, N01)."""
        return Message("LogStatusNotification", _about("AcceptedCanceled", request_id))

    def sign_certificate(self, csr: str, use: CertificateUse) -> Message:
        """Encode SignCertificateRequest (part 2, 1.57)."""
        return Message("SignCertificate", {"csr": csr, "certificateType": use})

    def charging_limit(self, limit: Limit | None) -> Message:
        """Encode NotifyChargingLimitRequest (K12), or ClearedChargingLimitRequest (K13); an energy manager limits."""
        if limit is None:
            return Message("ClearedChargingLimit", {"chargingLimitSource": _LIMIT_SOURCE})
        in_watts = limit.power_w is not None
        value = float(limit.power_w or 0) if in_watts else (limit.current_ma or 0) / 1000
        schedule = {
            "id": 0,
            "chargingRateUnit": "W" if in_watts else "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": value}],
        }
        about = {"chargingLimitSource": _LIMIT_SOURCE, "isGridCritical": False}
        return Message("NotifyChargingLimit", {"chargingLimit": about, "chargingSchedule": [schedule]})

    def data_transfer(self, vendor: str, name: str, data: str) -> Message:
        """Encode DataTransferRequest (part 2, 1.19)."""
        return Message("DataTransfer", {"vendorId": vendor, "messageId": name, "data": data})

    def outgoing(self, entry: Entry, rules: Rules) -> Message | Park:  # noqa: ARG002  nothing waits for a number here
        """Encode TransactionEventRequest; the station names the transaction, so each stands for itself."""
        return Message("TransactionEvent", transaction_event(entry.event, offline=entry.offline))

    def judge_result(self, entry: Entry, payload: Payload, rules: Rules) -> Acknowledge | Retry | Park:  # noqa: ARG002  nothing in it can be missed
        """Acknowledge. What is said of the card counts with any event, and so does the cost."""
        event, info = entry.event, self.token_info(payload)
        token = event.id_token if isinstance(event, (Started, Ended)) and info else None
        return Acknowledge(None, token, info, _cost(payload), _message(payload))

    def judge_refusal(self, entry: Entry, reason: str, rules: Rules) -> Retry | Park:
        """Judge a refusal (E13); numbered events without one between them would leave a gap."""
        return judge_refusal(entry, reason, rules)


def connector_status(status: str, *, is_plugged: bool) -> str:
    """Give ConnectorStatusEnumType for a state in the words of OCPP 1.6: a card alone occupies no connector."""
    if status == "Preparing" and not is_plugged:
        return "Available"
    return _STATUSES.get(status, "Occupied")


def token_info(info: object) -> TokenInfo | None:
    """Read IdTokenInfoType. None if it can't be understood; an expiry that is no time counts as none."""
    if not isinstance(info, dict) or not isinstance(info.get("status"), str):
        return None
    try:
        expires = parse_timestamp(info["cacheExpiryDateTime"]) if "cacheExpiryDateTime" in info else None
    except PayloadError:
        expires = None
    group = info.get("groupIdToken")
    return TokenInfo(info["status"], expires, str(group.get("idToken", "")) if isinstance(group, dict) else "")


def _about(status: str, request_id: int | None) -> Payload:
    return {"status": status} if request_id is None else {"status": status, "requestId": request_id}


def _cost(payload: Payload) -> Decimal | None:
    cost = payload.get("totalCost")
    is_number = isinstance(cost, (int, Decimal)) and not isinstance(cost, bool)
    return Decimal(cost) if is_number and isinstance(cost, (int, Decimal)) else None


def _message(payload: Payload) -> str:
    told = payload.get("updatedPersonalMessage")
    return str(told.get("content", "")) if isinstance(told, dict) else ""
