"""The state of the agent for people: from its status file and its journal, beside the running agent."""

from typing import Any

from station.data_view import thrift_line
from station.field.text import Text
from station.german import said
from station.journal import ALARM
from station.ledger_view import read_rows
from station.link_view import link_sentence
from station.service_client import AGENT_DOWN
from station.settings import StationSettings
from station.status_file import read_status, status_path
from station.wear_words import wear_alarm
from station.wording import REGISTRATION, blocked, evse_name, named

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
    alarm = read_rows(path, "SELECT text FROM value WHERE name = ?", ALARM)
    uncertain = read_rows(
        path,
        "SELECT count(DISTINCT e.transaction_key) FROM ledger l JOIN event e ON e.id = l.event_id WHERE l.source = 0",
    )
    charges = read_rows(
        path,
        "SELECT count(DISTINCT e.transaction_key) FROM ledger l JOIN event e ON e.id = l.event_id "
        "WHERE l.state = 'parked'",
    )
    state = read_status(status_path(path, settings.journal.status_path))
    return {**state, "pending": counts.get("pending", 0), "parked": counts.get("parked", 0)} | {
        "alarm": alarm[0][0] if alarm else "",
        "uncertain": uncertain[0][0],
        "parked_charges": charges[0][0],
    }


def reasons(status: Status, language: str = "en") -> list[str]:
    """Say of each EVSE why it is not charging, and what keeps the station from it or from delivering, line by line.

    Args:
        status: as `status_of` gives it.
        language: `de` or `en`.
    """
    if not status["running"]:
        return [_sentence(AGENT_DOWN, language)]
    evses = [
        f"{evse_name(evse['id'], language)}: {blocked(sentence, evse.get('faults', ()), language)}."
        for evse in status["evses"]
        if (sentence := evse.get("why") or evse["blocked_by"])
    ]
    evses += [
        f"{evse_name(evse['id'], language)}: {said(evse['limit'], language)}."
        for evse in status["evses"]
        if evse.get("limit") not in (None, "", evse.get("why")) and not evse["blocked_by"]
    ]
    lines = _of_station(status, language)
    is_good = not lines and not any(evse["blocked_by"] for evse in status["evses"])
    good = Text(
        "Nothing stands in the way: it can charge, and everything is delivered.",
        "Alles in Ordnung: die Station kann laden, und alles ist zugestellt.",
    )
    return [*evses, *lines, *([good.of(language)] if is_good else [])]


def _of_station(status: Status, language: str) -> list[str]:
    """Say what keeps the whole station from charging or delivering."""

    def say(en: str, de: str) -> str:
        return Text(en, de).of(language)

    lines = []
    if status["csms"] != "connected":
        lines.append(say("The central system", "Die Zentrale") + f": {said(status['csms'], language)}.")
    if status["modem"] not in ("", "home", "roaming"):
        modem = named(REGISTRATION, status["modem"], language)
        lines.append(say(f"The modem: {modem}.", f"Das Modem: {modem}."))
    if line := thrift_line(status.get("data", {}), language):
        lines.append(line)
    if status.get("uplink") and (sentence := link_sentence(status["uplink"], language)):
        lines.append(sentence)
    if status["time"] == "unset":
        lines.append(
            say(
                "The time is not known yet; what is recorded now is corrected when it is.",
                "Die Uhrzeit ist noch nicht bekannt; was jetzt aufgezeichnet wird, wird später berichtigt.",
            )
        )
    if status["pending"]:
        lines.append(
            say(
                f"{status['pending']} messages about charges wait for delivery; none is lost.",
                f"{status['pending']} Meldungen über Ladevorgänge warten auf Zustellung; sie gehen nicht verloren.",
            )
        )
    if status.get("uncertain"):
        lines.append(
            say(
                f"{status['uncertain']} charges were sent with a time that nobody had confirmed: `ledger show` marks "
                "them with ?.",
                f"{status['uncertain']} Ladevorgänge gingen mit unbestätigter Uhrzeit hinaus: `ledger show` zeigt sie "
                "mit ?.",
            )
        )
    return lines + alarms(status, language)


def alarms(status: Status, language: str = "en") -> list[str]:
    """Say what somebody must see to: messages that were refused for good, a damaged journal, a card that ends soon."""

    def say(en: str, de: str) -> str:
        return Text(en, de).of(language)

    lines = []
    if status["parked"]:
        count, charges = status["parked"], status.get("parked_charges", 0)
        lines.append(
            say(
                f"Alarm: {count} messages about charges were refused for good (charges: {charges}): `ledger replay` "
                "tells why, and sends them again once that is mended.",
                f"Alarm: {count} Meldungen hat die Zentrale endgültig abgelehnt (Ladevorgänge: {charges}): "
                "`wiederholen` sagt, warum, und sendet sie erneut, wenn das behoben ist.",
            )
        )
    if status.get("alarm"):
        alarm = status["alarm"]
        lines.append(
            say(
                f"Alarm: {alarm}. When it is kept: `ledger clear-alarm`.",
                f"Alarm: {alarm}. Wenn sie gesichert ist: `ledger clear-alarm`.",
            )
        )
    worn = wear_alarm(status.get("wear", {}), language)
    return [*lines, *([worn] if worn else [])]


def _sentence(text: str, language: str) -> str:
    text = said(text, language)
    return f"{text[:1].upper()}{text[1:]}."
