"""`selftest`: every part that a charge needs, one after the other, with what to do about each fault.

While the agent runs it is asked about the devices that it has; else they are asked directly.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hardware.api import Modem
from hardware.errors import HardwareError
from hardware.evse.self_test import self_test
from station.devices import build_hardware
from station.errors import FieldError, JournalError, ServiceError
from station.field.alone import alone
from station.field.dialog import Dialog
from station.field.finding import Finding, tally
from station.field.meter_tools import facts_of
from station.field.text import NOTHING, Text
from station.german import both, german
from station.ledger_view import read_rows
from station.service_client import Service
from station.settings import StationSettings
from station.wording import REGISTRATION, TIME, signal

FREE_BYTES = 50 << 20
"""The journal grows by some 100 kB a day; below this nothing else may be stored either."""
MODEM_S = 120.0
BOARD_S = 60.0
NETWORK_S = 10.0
WEAK_DBM = -105
_VOLTS_MV = (196_000, 264_000)

MAY_TRIP = Text(
    "Nobody may charge meanwhile, and the RCD (residual current device) may trip once. Begin?",
    "Solange darf niemand laden, und der RCD (Fehlerstromschutz) kann einmal auslösen. Beginnen?",
)

Status = dict[str, Any] | None
"""Any: see service_operations. None = the agent does not run."""


async def run(dialog: Dialog, service: Service, settings: StationSettings) -> bool:
    """Test everything, tell each finding as it comes, and tell whether all is good.

    Args:
        dialog: the person.
        service: the agent, if it runs.
        settings: of the station.
    """
    found = []
    async for finding in findings(service, settings):
        found.append(finding)
        await dialog.say("\n".join(finding.lines(len(found), dialog.language)))
    await dialog.say(tally(found).of(dialog.language))
    return not any(finding.passed is False for finding in found)


async def findings(service: Service, settings: StationSettings) -> AsyncIterator[Finding]:
    """Test everything, in the order in which faults cause each other."""
    count = len(settings.evse)
    yield Finding(
        Text("Configuration", "Konfiguration"),
        True,
        Text(f"valid, {count} EVSE (charging places)", f"gültig, Ladepunkte: {count}"),
    )
    yield await asyncio.to_thread(_journal, settings.journal.path)
    yield await asyncio.to_thread(_disk, settings.journal.path)
    try:
        status: Status = await service.call("status")
    except ServiceError:
        status = None
    yield _agent(status)
    yield _clock(status)
    async for finding in _meters(service, settings):
        yield finding
    async for finding in _boards(service, settings, status):
        yield finding
    for reader in settings.reader:
        yield _reader(reader.port)
    if settings.uplink.bearer == "modem":
        yield await _modem(service, settings, status)
    else:
        async for finding in _network(settings):
            yield finding
    yield _csms(status)
    yield await asyncio.to_thread(_delivery, settings.journal.path)


def _journal(path: Path) -> Finding:
    name = Text("Journal", "Journal")
    if not os.access(path.parent, os.W_OK):
        return Finding(
            name,
            False,
            Text(f"{path.parent} can't be written", f"{path.parent} ist nicht beschreibbar"),
            Text(
                "Run the test as the agent's user; if it fails there too, the card may be worn out",
                "Als Benutzer des Stationsprogramms prüfen; geht es auch dort nicht, ist die Karte vielleicht defekt",
            ),
        )
    if not path.exists():
        return Finding(name, None, Text("none yet: it has not run", "noch keines: es lief noch nichts"))
    try:
        state = str(read_rows(path, "PRAGMA quick_check(1)")[0][0])
    except JournalError as error:
        state = str(error)
    advice = Text(
        "Keep a copy of the file and exchange the card: unsent charges are in it",
        "Datei sichern und die Karte tauschen: nicht gesendete Ladevorgänge stehen darin",
    )
    return Finding(name, state == "ok", Text("intact", "unversehrt") if state == "ok" else both(state), advice)


def _disk(journal: Path) -> Finding:
    try:
        free = shutil.disk_usage(journal.parent).free
    except OSError as error:
        seen = both(str(error.strerror))
        return Finding(Text("Disk", "Speicher"), False, seen, Text("Set journal.path", "journal.path setzen"))
    return Finding(
        Text("Disk", "Speicher"),
        free >= FREE_BYTES,
        Text(f"{free >> 20} MiB free", f"{free >> 20} MiB frei"),
        Text("Delete old logs: journalctl --vacuum-size=20M", "Alte Logs löschen: journalctl --vacuum-size=20M"),
    )


def _agent(status: Status) -> Finding:
    name = Text("Station program", "Stationsprogramm")
    if status is None:
        advice = Text(
            "Switch the station off and on, or systemctl start emops-station",
            "Station aus- und einschalten, oder systemctl start emops-station",
        )
        return Finding(name, False, Text("does not run", "läuft nicht"), advice)
    return Finding(name, True, Text("runs", "läuft"))


def _clock(status: Status) -> Finding:
    name = Text("Time", "Uhrzeit")
    if status is None:
        return Finding(name, None, Text("only the running program knows", "weiß nur das laufende Programm"))
    if status["time"] == "unset":
        advice = Text(
            "It comes with the first connection; charges are corrected then",
            "Sie kommt mit der ersten Verbindung; Ladevorgänge werden dann berichtigt",
        )
        return Finding(name, False, Text("not known yet", "noch nicht bekannt"), advice)
    return Finding(name, True, TIME[status["time"]])


async def _meters(service: Service, settings: StationSettings) -> AsyncIterator[Finding]:
    try:
        meters = await facts_of(service, settings, identify=True)
    except (FieldError, ServiceError) as error:
        yield Finding(Text("Meters", "Zähler"), False, both(str(error)))
        return
    for facts in meters:
        name = Text(f"Meter of EVSE {facts['evse']}", f"Zähler von Ladepunkt {facts['evse']}")
        if facts.get("energy_wh") is None:
            trouble = str(facts.get("trouble") or "")
            seen = both(trouble) if trouble else Text("does not answer", "antwortet nicht")
            yield Finding(name, False, seen, Text("emops-station meter scan", "emops-station meter scan"))
            continue
        volts = [volt for volt in facts.get("voltages_mv") or () if volt]
        wrong = [volt for volt in volts if not _VOLTS_MV[0] <= volt <= _VOLTS_MV[1]]
        who = " ".join(str(facts.get(key) or "") for key in ("model", "serial")).strip()
        told = ", ".join([who, f"{facts['energy_wh'] / 1000:.3f} kWh", *(f"{volt / 1000:.0f} V" for volt in volts)])
        advice = Text("Is this the right model, and is mains there?", "Ist das Modell richtig, und liegt Netz an?")
        yield Finding(name, not wrong, Text(told, told), advice)


async def _boards(service: Service, settings: StationSettings, status: Status) -> AsyncIterator[Finding]:
    for evse in settings.evse:
        name = Text(f"EVSE board {evse.id}", f"Ladesteuerung {evse.id}")
        try:
            if status is not None:
                result = await service.call("self_test", {"evse": evse.id})
                checks = [(check["name"], check["passed"], check["text"]) for check in result["checks"]]
            else:
                checks = await _test_board(settings, evse.id)
        except ServiceError as error:
            yield Finding(name, None, both(str(error)))
            continue
        except (FieldError, HardwareError, TimeoutError) as error:
            yield Finding(name, False, both(str(error)), _CHECK_BOARD)
            continue
        bad = [_told(text or check) for check, passed, text in checks if passed is False]
        seen = bad or [_told(text) for _, passed, text in checks if passed and text]
        told = Text("; ".join(text.en for text in seen), "; ".join(text.de for text in seen))
        yield Finding(name, not bad, told, _CHECK_BOARD)


def _told(text: str) -> Text:
    """Give what a board told, which may be several things."""
    whole = both(text)
    return whole if whole.de != text else Text(text, "; ".join(map(german, text.split("; "))))


_CHECK_BOARD = Text(
    "Check its supply, address and wiring; then the fault that it names",
    "Versorgung, Adresse und Verdrahtung prüfen; dann den genannten Fehler",
)


async def _test_board(settings: StationSettings, evse: int) -> list[tuple[str, bool | None, str]]:
    """Test a board without the agent. The RCD is not tripped: nobody has been asked."""
    with alone(settings):
        hardware = build_hardware(settings, settings.clock.build())
        board = next(devices.board for evse_id, devices in hardware.evses.items() if evse_id == evse)
        serving = asyncio.create_task(board.run())
        try:
            async with asyncio.timeout(BOARD_S):
                result = await self_test(board, rcd=False)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError, HardwareError):
                await serving
            for line in hardware.lines.values():
                line.close()
    return [(check.name, check.passed, check.text) for check in result.checks]


def _reader(port: str) -> Finding:
    there = os.access(port, os.R_OK)
    return Finding(
        Text(f"Card reader {port}", f"Kartenleser {port}"),
        there,
        Text("its port is there", "Schnittstelle vorhanden") if there else Text("no such port", "keine Schnittstelle"),
        Text("Check its plug, and reader.port", "Stecker und reader.port prüfen"),
    )


async def _modem(service: Service, settings: StationSettings, status: Status) -> Finding:
    name = Text("Modem", "Modem")
    advice = Text(
        "Check SIM, antenna plug and coverage; in the console `modem` helps to turn the antenna",
        "SIM, Antennenstecker und Empfang prüfen; in der Konsole hilft `modem` beim Ausrichten der Antenne",
    )
    try:
        if status is None:
            facts = await _ask_modem(settings)
        else:
            facts = await service.call("modem", {"now": True})
    except (ServiceError, HardwareError, FieldError) as error:
        return Finding(name, False, both(str(error)), advice)
    except TimeoutError:
        return Finding(name, False, Text("no answer in time", "keine Antwort in der Zeit"), advice)
    if facts["trouble"]:
        return Finding(name, False, both(facts["trouble"]), advice)
    dbm = facts["signal_dbm"]
    where = REGISTRATION.get(facts["registration"], REGISTRATION["unknown"])
    more = ", ".join(str(part) for part in (facts["operator"], dbm is not None and f"{dbm} dBm") if part)
    judged = signal(dbm)
    is_good = facts["registration"] in ("home", "roaming") and (dbm is None or dbm >= WEAK_DBM)
    told = Text(f"{where.en}, {more}: {judged.en}", f"{where.de}, {more}: {judged.de}")
    return Finding(name, is_good, told, advice)


async def _ask_modem(settings: StationSettings) -> dict[str, Any]:
    with alone(settings):
        modem: Modem | None = build_hardware(settings, settings.clock.build()).modem
        if modem is None:
            raise FieldError("no modem is configured")
        try:
            async with asyncio.timeout(MODEM_S):
                await modem.start()
                network = await modem.network()
        finally:
            await modem.stop()
    return {
        "trouble": "",
        "registration": network.registration,
        "operator": network.operator,
        "signal_dbm": network.signal_dbm,
    }


async def _network(settings: StationSettings) -> AsyncIterator[Finding]:
    url = urlsplit(settings.csms.url)
    host, port = url.hostname or "", url.port or 80
    loop = asyncio.get_running_loop()
    name = Text(f"Name (DNS) {host}", f"Name (DNS) {host}")
    try:
        async with asyncio.timeout(NETWORK_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        seen = _reason(error)
        advice = Text("Check network, name server and csms.url", "Netz, Namensserver und csms.url prüfen")
        yield Finding(name, False, both(seen), advice)
        return
    address = str(found[0][4][0])
    yield Finding(name, True, Text(address, address))
    way = Text(f"Way to {host}:{port}", f"Weg zu {host}:{port}")
    try:
        async with asyncio.timeout(NETWORK_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        seen = _reason(error)
        advice = Text("A firewall may be in between, or it is down", "Vielleicht eine Firewall, oder sie steht")
        yield Finding(way, False, both(seen), advice)
        return
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    yield Finding(way, True, Text("open", "offen"))


def _reason(error: OSError | TimeoutError) -> str:
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or "no answer in time")
    return os.strerror(error.errno)


def _csms(status: Status) -> Finding:
    name = Text("Central system", "Zentrale")
    if status is None:
        seen = Text("only the running program connects", "nur das laufende Programm verbindet sich")
        return Finding(name, None, seen)
    state = str(status["csms"])
    advice = Text("Check csms.url, identity and password", "csms.url, Kennung und Passwort prüfen")
    return Finding(name, state == "connected", both(state), advice)


def _delivery(journal: Path) -> Finding:
    name = Text("Delivery", "Zustellung")
    try:
        rows = read_rows(journal, "SELECT state, count(*) FROM ledger GROUP BY state")
    except JournalError as error:
        return Finding(name, None, both(str(error)))
    counts = {str(row[0]): int(row[1]) for row in rows}
    pending, parked = counts.get("pending", 0), counts.get("parked", 0)
    seen = Text(f"{pending} waiting, {parked} refused for good", f"{pending} warten, {parked} endgültig abgelehnt")
    advice = Text("`ledger` tells why", "`meldungen` sagt, warum")
    return Finding(name, False if parked else None if pending else True, seen, advice if parked else NOTHING)
