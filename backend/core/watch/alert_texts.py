"""Alerts in words, German and English. Pure."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from backend.core.watch.alert import AlertKind, Phase
from backend.core.watch.fault import cause

_TITLES: Mapping[AlertKind, tuple[str, str]] = {
    AlertKind.OFFLINE: ("Station nicht verbunden", "station not connected"),
    AlertKind.FAULT: ("Störung", "fault"),
    AlertKind.IDLE: ("lange keine Ladung", "no session for long"),
    AlertKind.CERTIFICATE: ("Zertifikat läuft ab", "certificate expires"),
    AlertKind.CLOCK: ("Uhr geht falsch", "clock is wrong"),
    AlertKind.PARKED: ("Ladedaten stecken fest", "charging data are held back"),
}
_OVER = ("behoben: ", "over: ")


def alert_title(kind: AlertKind, language: str, phase: Phase = Phase.RAISED) -> str:
    """Name an alert in a few words."""
    place = 0 if language == "de" else 1
    title = _TITLES[kind][place]
    return f"{_OVER[place]}{title}" if phase is Phase.RECOVERED else title


def alert_text(kind: AlertKind, values: Mapping[str, str], since: datetime, zone: ZoneInfo, language: str) -> str:
    """Say in a sentence what an alert is about.

    Args:
        kind: of alert.
        values: of its condition.
        since: when it began.
        zone: whose wall clock is written.
        language: `de`, else English.
    """
    german = language == "de"
    at = _moment(since, zone, german)
    match kind:
        case AlertKind.OFFLINE:
            return f"Keine Verbindung seit {at}." if german else f"No connection since {at}."
        case AlertKind.FAULT:
            return _fault(values, at, language)
        case AlertKind.IDLE:
            return f"Die letzte Ladung begann am {at}." if german else f"The last session began on {at}."
        case AlertKind.CERTIFICATE:
            until = _moment(datetime.fromisoformat(values["until"]), zone, german)
            if german:
                return f"Das Zertifikat der Station gilt bis {until}. Danach kann sie sich nicht mehr anmelden."
            return f"The station's certificate is valid until {until}. After that it can't log in."
        case AlertKind.CLOCK:
            return _clock(int(values["seconds"]), german)
        case AlertKind.PARKED:
            if german:
                return (
                    f"{values['count']} Nachrichten wurden endgültig abgelehnt und warten in der Station auf jemanden."
                )
            return f"{values['count']} messages were refused for good and wait in the station for a person."


def _fault(values: Mapping[str, str], at: str, language: str) -> str:
    words = cause(values["code"], values["vendor"], values["info"], language)
    names = ", ".join(part for part in (values["code"], values["vendor"], values["info"]) if part)
    place = f"{'Ladepunkt' if language == 'de' else 'EVSE'} {values['evse']}: " if values["evse"] != "0" else ""
    since = f"Seit {at}" if language == "de" else f"Since {at}"
    return f"{place}{words} {since} ({names})."


def _clock(seconds: int, german: bool) -> str:
    count = abs(seconds)
    if german:
        return (
            f"Die Uhr der Station geht {count} s {'vor' if seconds > 0 else 'nach'}, Zeiten von Ladungen sind unsicher."
        )
    return (
        f"The station's clock is {count} s {'ahead' if seconds > 0 else 'behind'}: times of its sessions are uncertain."
    )


def _moment(at: datetime, zone: ZoneInfo, german: bool) -> str:
    return f"{at.astimezone(zone):{'%d.%m.%Y, %H:%M' if german else '%Y-%m-%d, %H:%M'}}"
