"""The device model of OCPP 2.0.1 (part 1): components with variables, found by name, read, judged and reported. Pure.

What there is stands in the table of station.ocpp201.variables. A variable is a configuration key under another name, a
fact that is looked up when it is asked for, or fixed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from shared.ocpp.session import Payload
from station.core.configuration import KEYS, Configuration
from station.ocpp201.dialect import CONNECTOR

REPORT_ROWS = 20
"""Variables in one NotifyReport."""


class DataType(StrEnum):
    """DataEnumType, values as on the wire."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION = "OptionList"
    SEQUENCE = "SequenceList"
    MEMBERS = "MemberList"


class Mutability(StrEnum):
    """MutabilityEnumType, values as on the wire."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class Scope(Enum):
    """Of what there is one component."""

    STATION = "station"
    EVSE = "EVSE"
    CONNECTOR = "connector"


class Lookup(StrEnum):
    """What looking for a variable comes to (words of GetVariableStatusEnumType)."""

    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of one component.

    Args:
        component: its name.
        name: of the variable.
        instance: of the variable, empty = it has none.
        kind: of its value.
        key: configuration key that it is; empty = it is none.
        fact: name of the fact that it tells; empty = it tells none.
        fixed: its value, if it is neither.
        unit: of a number.
        scope: of what there is one.
        access: who may do what; None = as the key allows, read-only without one.
        values: those of a list.
        most: the largest number as a fact or fixed; empty = that of the key, or none.
        in_summary: whether the summary tells it.
    """

    component: str
    name: str
    instance: str = ""
    kind: DataType = DataType.STRING
    key: str = ""
    fact: str = ""
    fixed: str = ""
    unit: str = ""
    scope: Scope = Scope.STATION
    access: Mutability | None = None
    values: tuple[str, ...] = ()
    most: str = ""
    in_summary: bool = False


Facts = Mapping[tuple[str, int], str]
"""What is true now, by name and EVSE, 0 standing for the station."""

Found = tuple[Variable, int]
"""A variable and the EVSE that it is of."""


class DeviceModel:
    """The variables of one station.

    Args:
        table: all of them.
        evse_ids: numbers of the EVSEs.
        configuration: the keys in force.
    """

    def __init__(self, table: Sequence[Variable], evse_ids: Sequence[int], configuration: Configuration) -> None:
        self._table, self._evse_ids, self._configuration = table, evse_ids, configuration
        self._keys = {key.name: key for key in KEYS}

    def find(self, component: Payload, variable: Payload) -> Found | Lookup:
        """Find a variable; names are compared without regard to case.

        Args:
            component: ComponentType.
            variable: VariableType.
        """
        of_component = [found for found in self.all() if _names(component, found)]
        if not of_component:
            return Lookup.UNKNOWN_COMPONENT
        name, instance = str(variable["name"]).lower(), str(variable.get("instance", "")).lower()
        for one, evse_id in of_component:
            if (one.name.lower(), one.instance.lower()) == (name, instance):
                return one, evse_id
        return Lookup.UNKNOWN_VARIABLE

    def all(self) -> Iterator[Found]:
        """Give every variable, those of EVSEs for each."""
        for variable in self._table:
            for evse_id in (0,) if variable.scope is Scope.STATION else self._evse_ids:
                yield variable, evse_id

    def mutability(self, variable: Variable) -> Mutability:
        """Tell who may read and write it."""
        if variable.access:
            return variable.access
        is_fixed = not variable.key or self._configuration.is_read_only(variable.key)
        return Mutability.READ_ONLY if is_fixed else Mutability.READ_WRITE

    def value(self, found: Found, facts: Facts) -> str:
        """Give its value as on the wire."""
        variable, evse_id = found
        if variable.key:
            return self._configuration.text(variable.key) or ""
        return facts.get((variable.fact, evse_id), "") if variable.fact else variable.fixed

    def row(self, found: Found, facts: Facts) -> Payload:
        """Give ReportDataType."""
        variable, _ = found
        mutability = self.mutability(variable)
        attribute: dict[str, object] = {"type": "Actual", "mutability": mutability, "persistent": True}
        attribute["constant"] = mutability is Mutability.READ_ONLY and not variable.fact
        if mutability is not Mutability.WRITE_ONLY:
            attribute["value"] = self.value(found, facts)
        return {
            **names(found),
            "variableAttribute": [attribute],
            "variableCharacteristics": self._characteristics(found, facts),
        }

    def _characteristics(self, found: Found, facts: Facts) -> Payload:
        variable, evse_id = found
        told: dict[str, object] = {"dataType": variable.kind, "supportsMonitoring": supports_monitoring(variable)}
        if variable.unit:
            told["unit"] = variable.unit
        if variable.values:
            told["valuesList"] = ",".join(variable.values)
        key = self._keys.get(variable.key)
        most = facts.get((variable.most, evse_id), variable.most)
        if variable.kind is DataType.INTEGER and key and key.access != "ro":
            told |= {"minLimit": key.low, "maxLimit": key.high}
        elif most:
            told["maxLimit"] = int(most)
        return told


def supports_monitoring(variable: Variable) -> bool:
    """Tell whether it may be monitored: it changes by itself, and not with every second."""
    return bool(variable.fact) and variable.kind is not DataType.DATE_TIME


def names(found: Found) -> Payload:
    """Give component and variable as they are named on the wire."""
    variable, evse_id = found
    component: dict[str, object] = {"name": variable.component}
    if variable.scope is Scope.EVSE:
        component["evse"] = {"id": evse_id}
    elif variable.scope is Scope.CONNECTOR:
        component["evse"] = {"id": evse_id, "connectorId": CONNECTOR}
    return {
        "component": component,
        "variable": {"name": variable.name, **({"instance": variable.instance} if variable.instance else {})},
    }


def _names(component: Payload, found: Found) -> bool:
    """Tell whether a ComponentType names the component of a variable."""
    variable, evse_id = found
    if str(component["name"]).lower() != variable.component.lower() or component.get("instance"):
        return False
    evse = component.get("evse")
    if not isinstance(evse, dict):
        return variable.scope is Scope.STATION
    wanted = CONNECTOR if variable.scope is Scope.CONNECTOR else None
    return variable.scope is not Scope.STATION and (evse["id"], evse.get("connectorId")) == (evse_id, wanted)


def is_named(criterion: Payload, found: Found) -> bool:
    """Tell whether an entry of GetReportRequest.componentVariable means a variable.

    Without an EVSE it means those of all EVSEs, without a variable all of the component (part 2, B08).
    """
    component, wanted = criterion["component"], criterion.get("variable")
    assert isinstance(component, dict)  # noqa: S101  the schema says so
    variable, evse_id = found
    if str(component["name"]).lower() != variable.component.lower() or component.get("instance"):
        return False
    evse = component.get("evse")
    if isinstance(evse, dict):
        if variable.scope is Scope.STATION or evse["id"] != evse_id:
            return False
        if "connectorId" in evse and (variable.scope is not Scope.CONNECTOR or evse["connectorId"] != CONNECTOR):
            return False
    if not isinstance(wanted, dict):
        return True
    is_instance = "instance" not in wanted or str(wanted["instance"]).lower() == variable.instance.lower()
    return str(wanted["name"]).lower() == variable.name.lower() and is_instance


def reports(rows: Sequence[Payload], request_id: int, at: str) -> Iterator[Payload]:
    """Cut rows into NotifyReportRequests (part 2, B07)."""
    yield from _parts("reportData", rows, request_id, at)


def monitor_reports(rows: Sequence[Payload], request_id: int, at: str) -> Iterator[Payload]:
    """Cut rows into NotifyMonitoringReportRequests (part 2, N02)."""
    yield from _parts("monitor", rows, request_id, at)


def _parts(name: str, rows: Sequence[Payload], request_id: int, at: str) -> Iterator[Payload]:
    for seq_no, first in enumerate(range(0, len(rows), REPORT_ROWS)):
        yield {
            "requestId": request_id,
            "generatedAt": at,
            "seqNo": seq_no,
            "tbc": first + REPORT_ROWS < len(rows),
            name: rows[first : first + REPORT_ROWS],
        }
