"""Facts of the agent as lines to read: big words first, figures behind them. Pure."""

import re
from collections.abc import Sequence

from station.console.screen import age, table
from station.data_view import used_words
from station.field.text import Text
from station.german import said
from station.ledger_view import LedgerRow
from station.report import Status, alarms, reasons
from station.service_client import Facts
from station.wear_words import wear_line
from station.wording import FAULTS, PILOT, REGISTRATION, STATUS, TIME, blocked, evse_name, named


def kwh(energy_wh: int | None) -> str:
    """Write an energy."""
    return "-" if energy_wh is None else f"{energy_wh / 1000:.3f} kWh"


def status_lines(status: Status, language: str) -> list[str]:
    """Tell how the station stands."""

    def say(en: str, de: str) -> str:
        return Text(en, de).of(language)

    rows = [
        (say("Station program", "Stationsprogramm"), _RUNS.of(language) if status["running"] else _DOWN.of(language)),
        (say("Central system", "Zentrale"), said(status["csms"], language)),
    ]
    if status["modem"]:
        network = named(REGISTRATION, status["modem"], language)
        rows.append((say("Mobile network", "Mobilfunk"), f"{network}  {status['operator']}".rstrip()))
    at = f" ({status['utc']})" if "utc" in status else ""
    rows.append((say("Time", "Uhrzeit"), named(TIME, status["time"], language) + at))
    if used := used_words(status.get("data", {}), language):
        rows.append((say("Data this month", "Daten im Monat"), used))
    waiting = say("messages wait", "Meldungen warten")
    refused = say("refused", "abgelehnt")
    rows.append((say("Delivery", "Zustellung"), f"{status['pending']} {waiting}, {status['parked']} {refused}"))
    if wear := wear_line(status.get("wear", {}), language):
        rows.append((say("Storage card", "Speicherkarte"), wear))
    for evse in status["evses"]:
        why = blocked(evse["blocked_by"], evse.get("faults", ()), language)
        text = named(STATUS, evse["status"], language)
        cost = say("  cost so far ", "  Kosten bisher ") + evse["cost"] if evse["cost"] else ""
        why = why or said(evse.get("limit", ""), language)
        rows.append((evse_name(evse["id"], language), f"{text}{cost}" + (f": {why}" if why else "")))
    return [*(f"!  {line}" for line in alarms(status, language)), *table(rows)]


def why_lines(status: Status, language: str) -> list[str]:
    """Say in plain sentences what stands in the way; the first is the most important."""
    return [f"-  {line}" for line in reasons(status, language)]


def meter_lines(facts: Facts, language: str) -> list[str]:
    """Show what each meter said last, and how long ago."""
    no_answer = Text("NO ANSWER - check supply, A/B wires, address", "KEINE ANTWORT - Versorgung, A/B, Adresse prüfen")
    rows: list[tuple[str, ...]] = []
    for meter in facts["meters"]:
        if meter["energy_wh"] is None:
            rows.append((evse_name(meter["evse"], language), no_answer.of(language)))
            continue
        power = "-" if meter["power_w"] is None else f"{meter['power_w'] / 1000:.2f} kW"
        old = Text("ago", "alt").of(language)
        rows.append(
            (
                evse_name(meter["evse"], language),
                kwh(meter["energy_wh"]),
                power,
                " ".join(f"{value / 1000:.1f}" for value in meter["currents_ma"]) + " A",
                " ".join(f"{value / 1000:.0f}" for value in meter["voltages_mv"]) + " V",
                f"{age(meter['age_s'], language)} {old}",
            )
        )
    return table(rows)


def bus_lines(facts: Facts, language: str) -> list[str]:
    """Show how well the devices on the Modbus lines answer."""
    lost = Text("lost", "verloren").of(language)
    questions = Text("questions", "Fragen").of(language)
    return table(
        (
            f"{bus['bus']} {Text('address', 'Adresse').of(language)} {bus['address']}",
            f"{bus['requests']} {questions}",
            f"{bus['requests'] - bus['answers']} {lost}",
        )
        for bus in facts["buses"]
    )


def evse_lines(facts: Facts, language: str) -> list[str]:
    """Show state, pilot, current and faults of each EVSE, with what they mean."""
    lines = []
    for evse in facts["evses"]:
        lines.append(f"{evse_name(evse['id'], language)}: {named(STATUS, evse['status'], language)}")
        board = evse["board"]
        if board is None:
            lines.append(f"  {blocked(evse['blocked_by'], (), language)}")
            continue
        closed = Text("CLOSED (live)", "GESCHLOSSEN (unter Spannung)") if board["contactor_closed"] else _OPEN
        rows = [
            (_CAR.of(language), f"{board['pilot']} = {named(PILOT, board['pilot'], language)}"),
            (_CONTACTOR.of(language), closed.of(language)),
            (_OFFERED.of(language), f"{board['offered_current_a']} A"),
        ]
        if board["cable_current_a"] is not None:
            rows.append((_CABLE.of(language), f"{board['cable_current_a']} A"))
        if board["temperature_c"] is not None:
            rows.append((_TEMPERATURE.of(language), f"{board['temperature_c']:.0f} °C"))
        if evse["transaction"]:
            rows.append((_CHARGED.of(language), kwh(evse["charged_wh"])))
        rows += [(_FAULT.of(language), named(FAULTS, fault, language)) for fault in evse["faults"]]
        lines += table(rows)
        if evse["limit"]:
            lines.append(f"  {said(evse['limit'], language)}")
        if evse["blocked_by"] and not evse["faults"]:
            lines.append(f"  {blocked(evse['blocked_by'], (), language)}")
    return lines


_RUNS = Text("runs", "läuft")
_DOWN = Text("DOWN", "LÄUFT NICHT")
_OPEN = Text("open (safe)", "offen (sicher)")
_CAR = Text("Vehicle", "Fahrzeug")
_CONTACTOR = Text("Contactor (main switch)", "Schütz (Hauptschalter)")
_OFFERED = Text("Current offered", "Angebotener Strom")
_CABLE = Text("Cable carries", "Kabel trägt")
_TEMPERATURE = Text("Board temperature", "Temperatur")
_CHARGED = Text("Charged so far", "Bisher geladen")
_FAULT = Text("FAULT", "STÖRUNG")


def ledger_lines(rows: Sequence[LedgerRow], language: str) -> list[str]:
    """Show messages of transactions, one a line, with the reason below what was refused."""
    lines = []
    for row in rows:
        state = named(_STATES, row.state, language)
        lines.append(
            f"  {row.at:%d.%m. %H:%M}  {row.transaction[:8]}  {row.kind:<7}  {kwh(row.register_wh):>14}  {state}"
        )
        if row.reason:
            lines.append(f"      {said(row.reason, language)}")
    return lines


_STATES = {
    "pending": Text("waits", "wartet"),
    "acknowledged": Text("delivered", "zugestellt"),
    "parked": Text("REFUSED", "ABGELEHNT"),
}


def log_line(line: str) -> str:
    """Shorten a line of the log: day and time, a mark where somebody should look, the fact."""
    found = _LOG_LINE.fullmatch(line)
    if not found:
        return line
    mark = "!" if found["level"] in ("WARNING", "ERROR", "CRITICAL") else " "
    return f"{found['day']}. {found['time']} {mark}  {found['fact']}"


_LOG_LINE = re.compile(r"\d{4}-\d\d-(?P<day>\d\d)T(?P<time>[\d:]{8})Z (?P<level>[A-Z]+) +\S+ (?P<fact>.*)")


def contactor_lines(result: Facts, language: str) -> list[str]:
    """Tell the result of the contactor test."""
    closed, opened = result["closed_s"], result["opened_s"]
    how_closed = _NOT_CLOSED if closed is None else Text(f"closed after {closed} s", f"schloss nach {closed} s")
    how_opened = _STUCK if opened is None else Text(f"opened after {opened} s", f"öffnete nach {opened} s")
    texts = [_PASSED if result["passed"] else _FAILED, how_closed, how_opened]
    if not result["feedback"]:
        texts.append(_NO_FEEDBACK)
    if energy := result["energy_wh"]:
        texts.append(
            Text(
                f"{energy} Wh flowed meanwhile; they are in the log and on no bill.",
                f"{energy} Wh sind dabei geflossen; sie stehen im Protokoll und auf keiner Rechnung.",
            )
        )
    return [text.of(language) for text in texts]


_STUCK = FAULTS["PowerSwitchFailure"]
_NOT_CLOSED = Text(
    "it did NOT close: check coil, wiring and test adapter", "schloss NICHT: Spule, Verdrahtung, Prüfadapter ansehen"
)
_PASSED = Text("PASSED", "BESTANDEN")
_FAILED = Text("FAILED", "NICHT BESTANDEN")
_NO_FEEDBACK = Text(
    "This board has no feedback from the contacts: measure the outlet to be sure.",
    "Diese Steuerung hat keine Rückmeldung der Kontakte: am Ausgang nachmessen.",
)
