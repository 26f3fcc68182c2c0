"""What the central system may ask about the device model in OCPP 2.0.1 (part 2, B05 to B08)."""

from collections.abc import Sequence
from typing import cast

from shared.ocpp.session import ErrorCode, Payload, dumps
from shared.ocpp.v16 import timestamp
from station.core.charging_profile import Criteria
from station.core.configuration import ChangeStatus
from station.core.delivery import Message
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.evse_task import EvseTask
from station.ocpp201.device_model import DeviceModel, Facts, Found, Lookup, Mutability, is_named, reports
from station.ocpp201.dialect import connector_status
from station.ocpp201.fields import answer, number
from station.ocpp201.variables import BYTES_PER_MESSAGE, ITEMS_PER_MESSAGE, PASSWORD, VARIABLES
from station.operations import Operations
from station.security.files import RootUse
from station.security.operations import STORE_LENGTH

_VOLTS = 230
"""Nominal, to tell the power that an EVSE can give."""

_CRITERIA = {"Available": "Available", "Enabled": "Enabled", "Problem": "Problem", "Active": "Active"}
"""ComponentCriterionEnumType, and the variable that must not be false."""

_PARTS = {"A": "Current", "W": "Power"}


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = DeviceRequests(operations)
    return {
        "GetBaseReport": requests.get_base_report,
        "GetReport": requests.get_report,
        "GetVariables": requests.get_variables,
        "SetVariables": requests.set_variables,
    }


def connector_type(evse: EvseTask) -> str:
    """Give ConnectorEnumType: a socket whose plug can be locked, or a cable."""
    return "sType2" if evse.has_lock else "cType2"


class DeviceRequests:
    """Answers them; station.ocpp201.monitoring looks at the same model."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._station = operations.station
        self.model = DeviceModel(VARIABLES, list(self._station.evses), operations.configuration)

    async def get_variables(self, payload: Payload) -> Payload:
        """Give the values of variables (B06)."""
        rows, facts = rows_of(payload, "getVariableData"), await self.facts()
        return {"getVariableResult": [self._read(row, facts) for row in rows]}

    def _read(self, row: Payload, facts: Facts) -> Payload:
        told = _echo(row)
        found = self.find(row)
        if isinstance(found, str):
            return {**told, "attributeStatus": found}
        if self.model.mutability(found[0]) is Mutability.WRITE_ONLY:
            return {**told, "attributeStatus": "Rejected"}
        return {**told, "attributeStatus": "Accepted", "attributeValue": self.model.value(found, facts)}

    def find(self, row: Payload) -> Found | str:
        """Find the variable that a row names, or say why there is none."""
        found = self.model.find(cast(Payload, row["component"]), cast(Payload, row["variable"]))
        if isinstance(found, Lookup):
            return found
        return found if row.get("attributeType", "Actual") == "Actual" else "NotSupportedAttributeType"

    async def set_variables(self, payload: Payload) -> Payload:
        """Change variables (B05)."""
        rows = rows_of(payload, "setVariableData")
        return {"setVariableResult": [await self._write(row) for row in rows]}

    async def _write(self, row: Payload) -> Payload:
        told, found = _echo(row), self.find(row)
        if isinstance(found, str):
            return {**told, "attributeStatus": found}
        status, why = await self._change(found, str(row["attributeValue"]))
        if status is ChangeStatus.REJECTED and why:
            return {
                **told,
                "attributeStatus": status,
                "attributeStatusInfo": {"reasonCode": "InvalidValue", "additionalInfo": why[:512]},
            }
        return {**told, "attributeStatus": status}

    async def _change(self, found: Found, text: str) -> tuple[ChangeStatus, str]:
        variable, _ = found
        if variable is PASSWORD:
            return await self._operations.security.change_password(text), ""
        if self.model.mutability(variable) is Mutability.READ_ONLY:
            return ChangeStatus.REJECTED, "it is read-only here"
        if variable.key == "NetworkConfigurationPriority":
            wanted = {slot.strip() for slot in text.split(",")}
            if missing := wanted - await self._operations.known_slots():
                return ChangeStatus.REJECTED, f"no way to the central system stands in slot {min(missing)}"
        why = self._operations.configuration.objection(variable.key, text)
        return await self._operations.change_key(variable.key, text), why

    async def get_base_report(self, payload: Payload) -> Payload:
        """Report what there is (B07)."""
        kind = payload["reportBase"]
        everything = list(self.model.all())
        if kind == "ConfigurationInventory":
            chosen = [found for found in everything if self.model.mutability(found[0]) is not Mutability.READ_ONLY]
        elif kind == "SummaryInventory":
            chosen = [found for found in everything if found[0].in_summary]
        else:
            chosen = everything
        return await self._report(chosen, payload)

    async def get_report(self, payload: Payload) -> Payload:
        """Report what is asked for (B08)."""
        wanted = cast("Sequence[Payload]", payload.get("componentVariable") or [])
        _limit(wanted, payload)
        facts = await self.facts()
        criteria = [str(name) for name in cast("Sequence[object]", payload.get("componentCriteria") or [])]
        chosen = [
            found
            for found in self.model.all()
            if (not wanted or any(is_named(one, found) for one in wanted))
            and (not criteria or any(self._meets(name, found, facts) for name in criteria))
        ]
        return await self._report(chosen, payload)

    def _meets(self, criterion: str, found: Found, facts: Facts) -> bool:
        """Tell whether the component of a variable meets a criterion (B08: Active, Available, Enabled, Problem).

        A component without such a variable meets it, except that it has no problem.
        """
        variable, evse_id = found
        for one in self.model.all():
            if (one[0].component, one[0].name, one[1]) == (variable.component, _CRITERIA[criterion], evse_id):
                return self.model.value(one, facts) == "true"
        return criterion != "Problem"

    async def _report(self, chosen: Sequence[Found], payload: Payload) -> Payload:
        if not chosen:
            return answer("EmptyResultSet")
        facts, at = await self.facts(), timestamp(self._station.timekeeper.now().utc)
        rows = [self.model.row(found, facts) for found in chosen]
        for part in reports(rows, number(payload, "requestId"), at):
            self._operations.post(Message("NotifyReport", part))
        return answer("Accepted")

    async def facts(self) -> Facts:
        """Look up what is true now."""
        about, configuration = self._station.about(), self._operations.configuration
        evses, tokens = self._station.evses.values(), self._station.journal.tokens
        units = configuration.texts("ChargingScheduleAllowedChargingRateUnit")
        whole = self._station.statuses.present(0)
        facts = {
            ("AvailabilityState", 0): connector_status(whole.status, is_plugged=True) if whole else "Unavailable",
            ("Problem", 0): _bool(any(evse.charging.faults for evse in evses)),
            ("DateTime", 0): timestamp(self._station.timekeeper.now().utc),
            ("Model", 0): about.model,
            ("VendorName", 0): about.vendor,
            ("SerialNumber", 0): about.serial,
            ("FirmwareVersion", 0): about.firmware,
            ("Identity", 0): self._station.identity,
            ("ActiveNetworkProfile", 0): str(self._station.routes.current.slot),
            ("SupplyPhases", 0): str(max((evse.phases for evse in evses), default=0)),
            ("ListEntries", 0): str(await tokens.list_length()),
            ("MostListEntries", 0): configuration.text("LocalAuthListMaxLength") or "",
            ("CertificateEntries", 0): str(len(self._operations.security.installed(RootUse))),
            ("MostCertificates", 0): str(STORE_LENGTH),
            ("SignReadings", 0): _bool(any(evse.signs for evse in evses)),
            ("ProfilesAvailable", 0): _bool(configuration.number("MaxChargingProfilesInstalled") > 0),
            ("MostProfiles", 0): configuration.text("MaxChargingProfilesInstalled") or "",
            ("ProfileEntries", 0): str(len(self._operations.charging.profiles(Criteria()))),
            ("RateUnit", 0): ",".join(unit for unit, part in _PARTS.items() if part in units),
        }
        for evse in evses:
            facts |= {(name, evse.charging.evse_id): text for name, text in self._facts_of(evse).items()}
        return facts

    def _facts_of(self, evse: EvseTask) -> dict[str, str]:
        charging = evse.charging
        reading, phases = charging.reading, evse.phases
        return {
            "AvailabilityState": connector_status(charging.status, is_plugged=charging.is_plugged),
            "Problem": _bool(bool(charging.faults)),
            "ConnectorType": connector_type(evse),
            "SupplyPhases": str(phases),
            "Power": str(reading.power if reading and reading.power is not None else 0),
            "MostPower": str(charging.maximum_a * phases * _VOLTS),
        }


def rows_of(payload: Payload, name: str) -> Sequence[Payload]:
    """Give the rows of a request, unless they are too many."""
    rows = cast("Sequence[Payload]", payload[name])
    _limit(rows, payload)
    return rows


def _limit(rows: Sequence[object], payload: Payload) -> None:
    """Refuse what is longer than ItemsPerMessage and BytesPerMessage allow (B05.FR.11, B06.FR.16 and .17)."""
    if len(rows) > ITEMS_PER_MESSAGE:
        raise CallRefused(
            ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION, f"{len(rows)} items, at most {ITEMS_PER_MESSAGE} are taken"
        )
    if len(dumps(payload)) > BYTES_PER_MESSAGE:
        raise CallRefused(ErrorCode.FORMATION_VIOLATION, f"more than {BYTES_PER_MESSAGE} bytes")


def _echo(row: Payload) -> dict[str, object]:
    """Give what an answer repeats of its question."""
    return {name: row[name] for name in ("component", "variable", "attributeType") if name in row}


def _bool(yes: bool) -> str:
    return "true" if yes else "false"
