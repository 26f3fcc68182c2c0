"""The versions of OCPP that the station speaks. Only the one that the settings choose is imported."""

from typing import TYPE_CHECKING

from shared.ocpp.validation import Version
from station.core.dialect import Dialect

if TYPE_CHECKING:
    from station.csms_requests import Handler
    from station.ocpp201.monitoring import Monitoring
    from station.operations import Operations


def make_dialect(version: Version) -> Dialect:
    """Give what the station says in a version."""
    match version:
        case Version.V16:
            from station.ocpp16.dialect import Ocpp16

            return Ocpp16()
        case Version.V201:
            from station.ocpp201.dialect import Ocpp201

            return Ocpp201()
        case _:
            raise ValueError(f"OCPP {version} is not spoken")


def make_handlers(version: Version, operations: "Operations") -> "dict[str, Handler]":
    """Give what the central system may ask in a version."""
    match version:
        case Version.V16:
            from station.ocpp16.requests import handlers

            return handlers(operations)
        case Version.V201:
            from station.ocpp201.requests import handlers as handlers_201

            return handlers_201(operations)
        case _:
            raise ValueError(f"OCPP {version} is not spoken")


def make_monitoring(version: Version, operations: "Operations") -> "Monitoring | None":
    """Give what watches variables for the central system; None in a version that knows none."""
    if version is not Version.V201:
        return None
    from station.ocpp201.monitoring import Monitoring

    return Monitoring(operations)
