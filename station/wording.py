"""Words for states, faults and figures in both languages, with what to do about them."""

from collections.abc import Collection

from station.field.text import Text
from station.german import said

FAULTS = {
    "BoardUpdating": Text(
        "the board takes a new firmware: wait a few minutes",
        "die Ladesteuerung spielt neue Firmware ein: ein paar Minuten warten",
    ),
    "CableRejected": Text(
        "the cable carries too little, or its coding can't be read: take another cable",
        "das Kabel trägt zu wenig Strom oder seine Kodierung ist nicht lesbar: anderes Kabel nehmen",
    ),
    "ContactorStaysOpen": Text(
        "the contactor does not close: unplug and try again; if it stays so, check coil, fuse and wiring",
        "das Schütz schließt nicht: abstecken und neu versuchen; bleibt es so, Spule, Sicherung und Drähte prüfen",
    ),
    "ConnectorLockFailure": Text(
        "the plug lock does not move: look for dirt in the socket, press the plug in fully",
        "die Steckerverriegelung bewegt sich nicht: Buchse auf Schmutz prüfen, Stecker ganz einstecken",
    ),
    "DiodeFault": Text(
        "the vehicle side has no diode: unplug it, try another cable and another vehicle",
        "auf der Fahrzeugseite fehlt die Diode: abstecken, anderes Kabel und anderes Fahrzeug versuchen",
    ),
    "EnclosureOpen": Text(
        "the enclosure is open: close it, then switch the supply on again",
        "das Gehäuse ist offen: schließen, dann wieder einschalten",
    ),
    "EVCommunicationError": Text(
        "the control pilot (signal line to the vehicle) is wrong: check cable and plug, try another vehicle",
        "das Steuersignal zum Fahrzeug (Control Pilot) stimmt nicht: Kabel prüfen, anderes Fahrzeug versuchen",
    ),
    "GroundFailure": Text(
        "residual current or no earth: the RCD has tripped. Look for moisture and a damaged cable before resetting it",
        "Fehlerstrom oder fehlender Schutzleiter: der RCD hat ausgelöst. Vor dem Rücksetzen Feuchte und Kabel prüfen",
    ),
    "HighTemperature": Text(
        "too hot inside: let it cool down, check ventilation and terminals",
        "zu heiß im Gerät: abkühlen lassen, Lüftung und Klemmen prüfen",
    ),
    "InternalError": Text(
        "the board reports a fault of its own: switch its supply off and on once, then replace it",
        "die Ladesteuerung meldet einen eigenen Fehler: einmal aus- und einschalten, sonst tauschen",
    ),
    "KeySwitch": Text("locked by its key switch: unlock it", "mit dem Schlüsselschalter gesperrt: aufschließen"),
    "OtherError": Text(
        "the board reports a fault without a name: look at its own display or lights",
        "die Ladesteuerung meldet eine Störung ohne Namen: ihre eigene Anzeige ansehen",
    ),
    "OverCurrentFailure": Text(
        "the vehicle draws more than it may: unplug it and try again",
        "das Fahrzeug zieht zu viel Strom: abstecken und neu versuchen",
    ),
    "OverVoltage": Text(
        "the mains voltage is too high: call the grid operator or an electrician",
        "die Netzspannung ist zu hoch: Netzbetreiber oder Elektriker rufen",
    ),
    "PermanentFault": Text(
        "the board is broken for good: replace it",
        "die Ladesteuerung ist dauerhaft defekt: tauschen",
    ),
    "PhaseSequence": Text(
        "the phases are in the wrong order: let an electrician correct it",
        "die Phasenfolge stimmt nicht: vom Elektriker berichtigen lassen",
    ),
    "PilotFault": Text(
        "the control pilot (signal line to the vehicle) is shorted: unplug, check cable and plug",
        "das Steuersignal zum Fahrzeug (Control Pilot) hat einen Kurzschluss: abstecken, Kabel und Stecker prüfen",
    ),
    "PowerMeterFailure": Text(
        "the meter does not answer: check its address and wiring",
        "der Zähler antwortet nicht: Adresse und Verdrahtung prüfen",
    ),
    "PowerSwitchFailure": Text(
        "the contactor (main switch) is stuck: DISCONNECT THE SUPPLY and replace it",
        "das Schütz (Hauptschalter) klebt: VERSORGUNG TRENNEN und Schütz tauschen",
    ),
    "RestartNeeded": Text(
        "the board wants to be switched off and on", "die Ladesteuerung will aus- und eingeschaltet werden"
    ),
    "Tilt": Text(
        "the station leans: it may have been hit. Have its footing and its wires checked",
        "die Station steht schief, vielleicht angefahren: Standfestigkeit und Leitungen prüfen lassen",
    ),
    "UnderVoltage": Text(
        "the mains voltage is too low: check the supply and its fuses",
        "die Netzspannung ist zu niedrig: Zuleitung und Sicherungen prüfen",
    ),
    "VentilationNotAvailable": Text(
        "the vehicle asks for ventilation, which this site does not have: it can't charge here",
        "das Fahrzeug verlangt Lüftung, die es hier nicht gibt: es kann hier nicht laden",
    ),
    "WaterIngress": Text(
        "water in the enclosure: DISCONNECT THE SUPPLY, dry it, find the leak",
        "Wasser im Gehäuse: VERSORGUNG TRENNEN, trocknen, undichte Stelle suchen",
    ),
}

STATUS = {
    "Available": Text("free", "frei"),
    "Preparing": Text("vehicle or card is here, not charging yet", "Fahrzeug oder Karte da, lädt noch nicht"),
    "Charging": Text("CHARGING", "LÄDT"),
    "SuspendedEV": Text("vehicle pauses the charge", "Fahrzeug macht Pause"),
    "SuspendedEVSE": Text("station pauses the charge", "Station macht Pause"),
    "Finishing": Text("charge ended, vehicle still plugged in", "beendet, Fahrzeug noch angesteckt"),
    "Reserved": Text("reserved", "reserviert"),
    "Unavailable": Text("out of service", "außer Betrieb"),
    "Faulted": Text("FAULT", "STÖRUNG"),
}

PILOT = {
    "A": Text("no vehicle", "kein Fahrzeug"),
    "B": Text("vehicle plugged in, does not ask for energy", "Fahrzeug angesteckt, fordert keinen Strom an"),
    "C": Text("vehicle asks for energy", "Fahrzeug fordert Strom an"),
    "D": Text("vehicle asks for energy with ventilation", "Fahrzeug fordert Strom mit Lüftung an"),
    "E": Text("short circuit or no supply on the pilot line", "Kurzschluss oder keine Spannung auf der Steuerleitung"),
    "F": Text("the board reports a fault", "die Steuerung meldet einen Fehler"),
}

REGISTRATION = {
    "home": Text("in its home network", "im Heimnetz eingebucht"),
    "roaming": Text("in a foreign network (roaming)", "in fremdem Netz eingebucht (Roaming)"),
    "searching": Text("searches for a network", "sucht ein Netz"),
    "not searching": Text("does not search: check SIM and antenna", "sucht nicht: SIM und Antenne prüfen"),
    "denied": Text("the network refuses this SIM", "das Netz lehnt diese SIM ab"),
    "unknown": Text("not known yet", "noch nicht bekannt"),
}

TIME = {
    "unset": Text("not known yet", "noch nicht bekannt"),
    "rtc": Text("from the controller's own clock", "von der Uhr der Steuerung"),
    "network": Text("from the mobile network", "aus dem Mobilfunknetz"),
    "csms": Text("from the central system", "von der Zentrale"),
    "ntp": Text("from a time server", "von einem Zeitserver"),
    "meter": Text("from the meter", "vom Zähler"),
}

_SIGNAL = (
    (-70, Text("very good", "sehr gut")),
    (-85, Text("good", "gut")),
    (-95, Text("sufficient", "ausreichend")),
    (-105, Text("weak", "schwach")),
    (-1000, Text("too weak", "zu schwach")),
)
_NO_SIGNAL = Text("no signal", "kein Signal")


def blocked(sentence: str, faults: Collection[str], language: str) -> str:
    """Say why an EVSE can't charge: the agent's sentence, or what its board's faults mean."""
    if faults and sentence.startswith("the board reports"):
        return "; ".join(FAULTS[name].of(language) if name in FAULTS else name for name in sorted(faults))
    return said(sentence, language)


def evse_name(number: object, language: str) -> str:
    """Name an EVSE."""
    return f"Ladepunkt {number}" if language == "de" else f"EVSE {number}"


def signal(dbm: int | None) -> Text:
    """Judge a signal strength."""
    return _NO_SIGNAL if dbm is None else next(text for least, text in _SIGNAL if dbm >= least)


def named(table: dict[str, Text], name: str, language: str) -> str:
    """Give the words of a table, or the name where it has none."""
    return table[name].of(language) if name in table else name
