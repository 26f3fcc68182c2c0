"""What is wrong with a station, in words that people understand. Pure.

OCPP 1.6 has an error code in each status (§7.6); OCPP 2.x tells a component and one of its variables as true
(part 2, G05 and appendix 3). Stations of this project add their own word, which says most.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

NO_ERROR = ("", "NoError")
FAULTED = "Faulted"
"""Code of a fault of which only the status is told, as by OCPP 2.x."""

ALARMS = ("Problem", "Tripped")
"""Variables whose truth is a fault, whatever the component (2.0.1 part 2, appendix 3)."""

_SENSORS = ("CaseAccessSensor", "FloodSensor", "LocalAvailabilitySensor", "TiltSensor")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was or is wrong.

    Args:
        id: of its row.
        charge_point_id: where.
        evse_id: where; 0 is the station itself.
        connector_id: where; 0 is all of the EVSE.
        code: errorCode of 1.6, `Component.Variable` of 2.x.
        vendor_code: vendorErrorCode of 1.6, techCode of 2.x.
        info: what the station says about it.
        began_at: since when.
        ended_at: until when; None = still.
    """

    id: int
    charge_point_id: str
    evse_id: int
    connector_id: int
    code: str
    vendor_code: str
    info: str
    began_at: datetime
    ended_at: datetime | None

    def cause(self, language: str) -> str:
        """Say in plain words what is wrong and what to do."""
        return cause(self.code, self.vendor_code, self.info, language)


def is_alarm(component: str, variable: str) -> bool:
    """Tell whether a variable of the device model tells a fault while it is true."""
    return variable in ALARMS or (variable == "Active" and component in _SENSORS)


def telling(faults: Iterable[Fault]) -> list[Fault]:
    """Leave out those that only say that there is a fault, where another one of the same EVSE says which."""
    known = list(faults)
    named = {(one.charge_point_id, one.evse_id) for one in known if one.code != FAULTED}
    return [one for one in known if one.code != FAULTED or (one.charge_point_id, one.evse_id) not in named]


def cause(code: str, vendor_code: str, info: str, language: str) -> str:
    """Say in plain words what is wrong: by the station's own word if it is known, else by the code."""
    first = info.split(":", maxsplit=1)[0].split(" ", maxsplit=1)[0].split(",", maxsplit=1)[0]
    words = next((_CAUSES[name] for name in (vendor_code, first, code) if name in _CAUSES), None)
    if words is None:
        words = _COMPONENTS.get(code.partition(".")[0], _CAUSES["OtherError"])
    return words[0] if language == "de" else words[1]


_CAUSES: Mapping[str, tuple[str, str]] = {
    "BoardUpdating": (
        "Die Steuerplatine lädt gerade eine neue Firmware. Danach geht es von selbst weiter.",
        "The control board is loading new firmware. It goes on by itself afterwards.",
    ),
    "CableRejected": (
        "Das Ladekabel passt nicht zur Station oder seine Kodierung ist nicht lesbar. Anderes Kabel probieren.",
        "The charging cable does not suit the station or its coding can't be read. Try another cable.",
    ),
    "ConnectorLockFailure": (
        "Der Stecker lässt sich nicht ver- oder entriegeln. Stecker fest einschieben, Verriegelung prüfen.",
        "The plug can't be locked or released. Push it in firmly, check the lock.",
    ),
    "ContactorStaysOpen": (
        "Das Schütz schließt nicht, es fließt kein Strom. Schütz und Ansteuerung prüfen lassen.",
        "The contactor does not close, no current flows. Have contactor and drive checked.",
    ),
    "DiodeFault": (
        "Am Fahrzeug oder Kabel fehlt die Diode des Pilotsignals. Anderes Kabel oder Fahrzeug probieren.",
        "The diode of the pilot signal is missing in vehicle or cable. Try another cable or vehicle.",
    ),
    "EVCommunicationError": (
        "Station und Fahrzeug verstehen sich nicht. Kabel neu stecken, anderes Fahrzeug probieren.",
        "Station and vehicle do not understand each other. Plug in again, try another vehicle.",
    ),
    "EnclosureOpen": (
        "Das Gehäuse steht offen. Vor Ort schließen und nach Schäden sehen.",
        "The enclosure is open. Close it on site and look for damage.",
    ),
    "Faulted": (
        "Die Station meldet eine Störung und sagt nicht, welche. Diagnose anfordern oder vor Ort nachsehen.",
        "The station reports a fault and does not say which. Ask for diagnostics or look on site.",
    ),
    "GroundFailure": (
        "Fehlerstrom erkannt: Die Schutzeinrichtung hat ausgelöst. Fahrzeug, Kabel und Anlage prüfen lassen.",
        "Residual current: the protective device has tripped. Have vehicle, cable and installation checked.",
    ),
    "HighTemperature": (
        "Die Station ist zu heiß. Sie lädt weniger oder gar nicht, bis sie abgekühlt ist; Lüftung prüfen.",
        "The station is too hot. It charges less or not at all until it has cooled; check its ventilation.",
    ),
    "InternalError": (
        "Fehler in der Steuerung der Station. Neustart versuchen; kommt er wieder, Elektronik tauschen.",
        "An error of the station's controller. Try a restart; if it comes back, exchange the electronics.",
    ),
    "KeySwitch": (
        "Der Schlüsselschalter sperrt die Station. Vor Ort umschalten.",
        "The key switch locks the station. Turn it on site.",
    ),
    "LocalListConflict": (
        "Die Liste der Karten in der Station widerspricht der Antwort der Zentrale. Liste neu senden.",
        "The list of cards in the station contradicts the central system. Send the list again.",
    ),
    "OtherError": (
        "Störung, für die OCPP kein Wort hat; mehr sagt der Text der Station.",
        "A fault that OCPP has no word for; the station's own text says more.",
    ),
    "OverCurrentFailure": (
        "Überstrom: Das Fahrzeug hat mehr gezogen als erlaubt, oder die Sicherung hat ausgelöst.",
        "Over-current: the vehicle drew more than allowed, or the breaker has tripped.",
    ),
    "OverVoltage": (
        "Netzspannung zu hoch. Netzanschluss prüfen lassen, wenn es wiederkommt.",
        "Mains voltage is too high. Have the grid connection checked if it comes back.",
    ),
    "PermanentFault": (
        "Die Ladeelektronik hat sich dauerhaft gesperrt. Sie muss vor Ort geprüft werden.",
        "The charging electronics have locked for good. They must be checked on site.",
    ),
    "PhaseSequence": (
        "Phasen fehlen oder sind vertauscht. Anschluss von einer Elektrofachkraft prüfen lassen.",
        "Phases are missing or in the wrong order. Have the connection checked by an electrician.",
    ),
    "PilotFault": (
        "Das Pilotsignal zum Fahrzeug ist gestört. Kabel und Ladedose prüfen.",
        "The pilot signal to the vehicle is disturbed. Check cable and inlet.",
    ),
    "PowerMeterFailure": (
        "Der Zähler antwortet nicht. Ohne ihn beginnt keine Ladung; Verdrahtung und Zähler prüfen.",
        "The meter does not answer. Nothing starts without it; check wiring and meter.",
    ),
    "PowerSwitchFailure": (
        "Das Schütz schaltet nicht richtig, womöglich ist es verschweißt. Station nicht benutzen, tauschen lassen.",
        "The contactor does not switch properly, it may be welded. Don't use the station, have it exchanged.",
    ),
    "ReaderFailure": (
        "Der Kartenleser antwortet nicht. Starten von fern geht weiter; Leser prüfen.",
        "The card reader does not answer. Starting from afar still works; check the reader.",
    ),
    "ResetFailure": (
        "Die Station konnte nicht neu starten. Vor Ort aus- und einschalten.",
        "The station could not restart. Switch it off and on on site.",
    ),
    "RestartNeeded": (
        "Die Steuerung braucht einen Neustart. Reset senden.",
        "The controller needs a restart. Send a reset.",
    ),
    "Tilt": (
        "Die Station steht schief, vielleicht nach einem Anprall. Vor Ort ansehen, vorher sperren.",
        "The station is tilted, perhaps after a collision. Block it and look on site.",
    ),
    "UnderVoltage": (
        "Netzspannung zu niedrig. Netzanschluss prüfen lassen, wenn es wiederkommt.",
        "Mains voltage is too low. Have the grid connection checked if it comes back.",
    ),
    "VentilationNotAvailable": (
        "Das Fahrzeug verlangt Belüftung, die es hier nicht gibt. Es kann an diesem Platz nicht laden.",
        "The vehicle asks for ventilation that is not there. It can't charge at this place.",
    ),
    "WaterIngress": (
        "Wasser in der Station. Sofort sperren und spannungsfrei schalten lassen.",
        "Water in the station. Block it at once and have it disconnected.",
    ),
    "WeakSignal": (
        "Das Mobilfunksignal ist schwach. Antenne und Standort prüfen.",
        "The mobile signal is weak. Check antenna and place.",
    ),
}
"""By the word of the station or of OCPP 1.6: German, English."""

_COMPONENTS: Mapping[str, tuple[str, str]] = {
    "AreaVentilation": _CAUSES["VentilationNotAvailable"],
    "CPPWMController": _CAUSES["PilotFault"],
    "CaseAccessSensor": _CAUSES["EnclosureOpen"],
    "Connector": _CAUSES["CableRejected"],
    "ConnectedEV": _CAUSES["EVCommunicationError"],
    "ConnectorPlugRetentionLock": _CAUSES["ConnectorLockFailure"],
    "Controller": _CAUSES["InternalError"],
    "ElectricalFeed": (
        "Die Netzspannung stimmt nicht. Anschluss von einer Elektrofachkraft prüfen lassen.",
        "The mains voltage is not right. Have the connection checked by an electrician.",
    ),
    "FiscalMetering": _CAUSES["PowerMeterFailure"],
    "FloodSensor": _CAUSES["WaterIngress"],
    "LocalAvailabilitySensor": _CAUSES["KeySwitch"],
    "OverCurrentProtection": _CAUSES["OverCurrentFailure"],
    "PowerContactor": _CAUSES["PowerSwitchFailure"],
    "RCD": _CAUSES["GroundFailure"],
    "TemperatureSensor": _CAUSES["HighTemperature"],
    "TiltSensor": _CAUSES["Tilt"],
    "TokenReader": _CAUSES["ReaderFailure"],
}
"""By component of the device model of OCPP 2.x."""
