"""The state of the agent for people: from its status file and its journal, beside the running agent."""

from typing import Any

from station.ledger_view import read_rows
from station.settings import StationSettings
from station.status_file import read_status, status_path

Status = dict[str, Any]
"""Any: what the status file holds (station.app) and the counts of the journal, for printing."""


def status_of(settings: StationSettings) -> Status:
    """Collect the state.

    Raises:
        JournalError: the agent has never run with this configuration.
    """
    path = settings.journal.path
    rows = read_rows(path, "SELECT state, count(*) FROM ledger GROUP BY state")
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    state = read_status(status_path(path, settings.journal.status_path))
    return {**state, "pending": counts.get("pending", 0), "parked": counts.get("parked", 0)}


def reasons(status: Status) -> list[str]:
    """Say what keeps the station from charging or delivering, one sentence per line."""
    if not status["running"]:
        return ["The agent does not run. Start it with emops-station run."]
    lines = [f"EVSE {evse['id']}: {evse['blocked_by']}." for evse in status["evses"] if evse["blocked_by"]]
    if status["csms"] != "connected":
        lines.append(f"The central system: {status['csms']}.")
    if status["modem"] not in ("", "home", "roaming"):
        lines.append(f"The modem: {status['modem']}.")
    if status["time"] == "unset":
        lines.append("The time is not known yet; what is recorded now is corrected when it is.")
    if status["pending"]:
        lines.append(f"{status['pending']} transaction messages wait for delivery.")
    if status["parked"]:
        lines.append(f"{status['parked']} transaction messages were refused for good: see emops-station ledger show.")
    return lines or ["Nothing stands in the way: it can charge, and everything is delivered."]
