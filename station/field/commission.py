"""`commission`: a guided flow over a new station that ends in a signed report.

It can be left at any step and is taken up where it was left: each result is on disk before the next question. The agent
must run, because the test transaction is a real one.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hardware.errors import HardwareError
from station.errors import FieldError, ServiceError
from station.field import antenna, meter_tools
from station.field.commissioning import KIND, Report, make_report, open_points, seen_transaction
from station.field.dialog import Dialog
from station.field.keeping import Kept, keep, keeping_path, kept
from station.field.report_page import report_html, report_text
from station.field.signature import canonical, is_signed, key_path, station_key
from station.field.text import Text
from station.german import said
from station.ledger_view import read_ledger, read_rows
from station.service_client import Service
from station.settings import StationSettings

LOOK_S = 1.0
LEDGER_ROWS = 500

Result = dict[str, Any]
"""Any: a step's result, JSON without floats; `passed` or `skipped` (with the reason) is always in it."""


async def run(dialog: Dialog, service: Service, settings: StationSettings, *, folder: Path) -> Path | None:
    """Go through the steps and write the report: signed as JSON, and to read and print as text and HTML.

    Args:
        dialog: the technician.
        service: the running agent.
        settings: of the station.
        folder: where the report goes.

    Returns:
        The report's file; None if the technician has left before its end.

    Raises:
        ServiceError: the agent does not run.
        FieldError: the report can't be written.
    """
    await service.call("status")
    flow = _Flow(dialog, service, settings)
    await flow.begin()
    for name, title, step in flow.steps():
        if not await flow.do(name, title, step):
            later = Text("Left. `commission` goes on here next time.", "Verlassen. `commission` geht hier weiter.")
            await dialog.say(later.of(dialog.language))
            return None
    return await flow.finish(folder)


class _Flow:
    def __init__(self, dialog: Dialog, service: Service, settings: StationSettings) -> None:
        self._dialog, self._service, self._settings = dialog, service, settings
        self._path = keeping_path(settings.journal.path)
        self._clock = settings.clock.build()

    async def begin(self) -> None:
        """Ask who and where, unless this is a commissioning that goes on."""
        values = kept(self._path)
        if values.get("begun"):
            again = Text(
                f"Go on with the commissioning of {values['begun']}?",
                f"Mit der Inbetriebnahme vom {values['begun']} weitermachen?",
            )
            if await self._dialog.confirm(self._of(again)):
                return
            values = {}
        values["technician"] = await self._dialog.ask(self._of(Text("Your name", "Ihr Name")))
        values["place"] = await self._dialog.ask(self._of(Text("Place of the station", "Standort der Station")))
        values |= {"begun": self._now(), "steps": {}, "meters": {}}
        keep(self._path, values)

    def steps(self) -> list[tuple[str, Text, Callable[[], Awaitable[Result]]]]:
        """List the steps: name, title, what is done."""
        steps: list[tuple[str, Text, Callable[[], Awaitable[Result]]]] = []
        for evse in self._settings.evse:
            steps += self._steps_of(evse.id)
        if self._settings.uplink.bearer == "modem":
            steps.append(("antenna", Text("Antenna", "Antenne"), self._antenna))
        title = Text("Test transaction", "Testladung")
        return [*steps, ("transaction", title, self._transaction)]

    def _steps_of(self, evse: int) -> list[tuple[str, Text, Callable[[], Awaitable[Result]]]]:
        return [
            (
                f"meter.{evse}",
                Text(f"EVSE {evse}: meter and display", f"Ladepunkt {evse}: Zähler und Anzeige"),
                lambda: self._meter(evse),
            ),
            (
                f"contactor.{evse}",
                Text(f"EVSE {evse}: contactor", f"Ladepunkt {evse}: Schütz"),
                lambda: self._contactor(evse),
            ),
            (f"rcd.{evse}", Text(f"EVSE {evse}: RCD", f"Ladepunkt {evse}: RCD"), lambda: self._rcd(evse)),
        ]

    async def do(self, name: str, title: Text, step: Callable[[], Awaitable[Result]]) -> bool:
        """Do a step until it is done, passed or not, or skipped. False = the technician leaves."""
        done = kept(self._path)["steps"].get(name)
        if done and done.get("passed"):
            return True
        while True:
            options = [Text("do it now", "jetzt prüfen"), Text("skip it", "überspringen")]
            choice = await self._dialog.choose(self._of(title), [self._of(option) for option in options])
            if choice is None:
                return False
            if choice == 1:
                reason = await self._dialog.ask(self._of(Text("Why is it skipped?", "Warum?")), "-")
                self._keep(name, {"skipped": reason})
                return True
            try:
                result = await step()
            except (ServiceError, HardwareError, FieldError) as error:
                result = {"passed": False, "reason": str(error)}
                await self._dialog.say(said(str(error), self._dialog.language))
            self._keep(name, result)
            if result.get("passed") or result.get("skipped"):
                await self._dialog.say(self._of(Text("Good.", "Gut.")))
                return True
            again = Text("Not passed. Try it again?", "Nicht bestanden. Noch einmal versuchen?")
            if not await self._dialog.confirm(self._of(again)):
                return True

    async def _meter(self, evse: int) -> Result:
        verdict = await meter_tools.verify(self._dialog, self._service, self._settings, evse=evse)
        return {"passed": verdict.passed}

    async def _contactor(self, evse: int) -> Result:
        ready = Text(
            "Plug in the test adapter, state C (vehicle asks for energy). The contactor will close: voltage is on the "
            "plug. Ready?",
            "Prüfadapter einstecken, Zustand C (Fahrzeug fordert Energie an). Das Schütz wird schließen: am Stecker "
            "liegt Spannung. Bereit?",
        )
        if not await self._dialog.confirm(self._of(ready)):
            return {"passed": False, "reason": "not ready"}
        result = await self._service.call("test_contactor", {"evse": evse})
        return {
            "passed": bool(result["passed"]),
            "closed_ms": _ms(result["closed_s"]),
            "opened_ms": _ms(result["opened_s"]),
            "feedback": bool(result["feedback"]),
        }

    async def _rcd(self, evse: int) -> Result:
        facts = await self._service.call("evse")
        board = next((each for each in facts["evses"] if each["id"] == evse), None)
        if board and board["capabilities"]["rcd_test"]:
            result = await self._service.call("test_rcd", {"evse": evse})
            return {"passed": bool(result["passed"]), "how": "self"}
        press = Text(
            "Press the test button of the RCD with the supply on. Did it trip, and is it switched on again?",
            "Bei eingeschalteter Versorgung die Prüftaste des RCD drücken. Hat er ausgelöst, und ist er wieder "
            "eingeschaltet?",
        )
        return {"passed": await self._dialog.confirm(self._of(press)), "how": "button"}

    async def _antenna(self) -> Result:
        best, last = await antenna.turn(self._dialog, self._service)
        if best is None:
            return {"passed": False, "reason": last["trouble"] or "no signal"}
        where = Text("Where is the antenna now?", "Wo sitzt die Antenne jetzt?")
        position = await self._dialog.ask(self._of(where), "-")
        is_registered = last["registration"] in ("home", "roaming")
        return {
            "passed": is_registered,
            "best_dbm": best,
            "last_dbm": last["signal_dbm"] if last["signal_dbm"] is not None else best,
            "position": position,
            "operator": last["operator"],
        }

    async def _transaction(self) -> Result:
        path = self._settings.journal.path
        before = int(read_rows(path, "SELECT COALESCE(max(id), 0) FROM event")[0][0])
        ask = Text(
            "Plug in the vehicle or adapter, show a card, wait a minute, and end with the card. Then wait until the "
            "central system has all of it. A key gives up.",
            "Fahrzeug oder Adapter einstecken, Karte zeigen, eine Minute warten, mit der Karte beenden. Dann warten, "
            "bis die Zentrale alles hat. Eine Taste bricht ab.",
        )
        await self._dialog.say(self._of(ask))
        while True:
            seen = seen_transaction(await asyncio.to_thread(read_ledger, path, "", LEDGER_ROWS), before)
            if seen.is_acknowledged:
                return {"passed": True, "transaction": seen.key, "energy_wh": seen.energy_wh, "seen": self._now()}
            if not seen.key:
                state = Text("waiting for a card ...", "warte auf eine Karte ...")
            elif not seen.has_ended:
                state = Text(f"charging, {seen.energy_wh} Wh", f"lädt, {seen.energy_wh} Wh")
            else:
                state = Text("waiting for the central system ...", "warte auf die Zentrale ...")
            if await self._dialog.live([self._of(state)], for_s=LOOK_S):
                return {"passed": False, "transaction": seen.key, "energy_wh": seen.energy_wh, "reason": state.en}

    async def finish(self, folder: Path) -> Path:
        """Sign and write the report."""
        identity, values = self._settings.identity, kept(self._path)
        about = {
            "charge_point": identity.charge_point_id,
            "serial": identity.serial,
            "software": version("emops"),
            "technician": str(values.get("technician", "")),
            "place": str(values.get("place", "")),
        }
        report = make_report(about, self._now(), [evse.id for evse in self._settings.evse], values)
        await self._dialog.say("\n" + report_text(report, self._dialog.language))
        stamp = report["at"].replace("-", "").replace(":", "")
        file = folder / f"{identity.charge_point_id}-commissioning-{stamp}.json"
        try:
            await asyncio.to_thread(_write, file, report, self._settings.journal.path, self._dialog.language)
        except OSError as error:
            raise FieldError(f"can't write {file}: {error.strerror}. Name another folder with --out") from error
        keep(self._path, {**values, "report": str(file)})
        await self._dialog.say(self._of(Text(f"Signed report: {file}", f"Signiertes Protokoll: {file}")))
        page = file.with_suffix(".html")
        await self._dialog.say(self._of(Text(f"To print: {page}", f"Zum Drucken: {page}")))
        return file

    def _keep(self, name: str, result: Result) -> None:
        values: Kept = kept(self._path)
        values["steps"][name] = {"at": self._now(), **result}
        keep(self._path, values)

    def _now(self) -> str:
        return f"{self._clock.utc():%Y-%m-%dT%H:%M:%SZ}"

    def _of(self, text: Text) -> str:
        return text.of(self._dialog.language)


async def check(dialog: Dialog, file: Path, key: str = "") -> int:
    """Check a report, show it, and give the exit status.

    Args:
        dialog: the person.
        file: the report.
        key: the public key that it must be signed with; empty = whichever it names.

    Raises:
        FieldError: it is no report, or it was changed.
    """
    report, signer = await asyncio.to_thread(read_report, file)
    await dialog.say(report_text(report, dialog.language))
    if key and key != signer:
        raise FieldError(f"{file} is signed with another key: {signer}")
    whose = Text(f"The signature is right. Key: {signer}", f"Die Signatur stimmt. Schlüssel: {signer}")
    await dialog.say(whose.of(dialog.language))
    return int(bool(open_points(report)))


def read_report(file: Path) -> tuple[Report, str]:
    """Read a report and check its signature; give it with the public key of who signed.

    Raises:
        FieldError: it is no report, or it was changed.
    """
    try:
        outer = json.loads(file.read_text("utf-8"))
        report, key, signature = outer["report"], str(outer["key"]), base64.b64decode(outer["signature"], validate=True)
    except OSError as error:
        raise FieldError(f"can't read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise FieldError(f"{file} is no commissioning report") from error
    if not isinstance(report, dict) or report.get("kind") != KIND:
        raise FieldError(f"{file} is no commissioning report")
    if not is_signed(canonical(report), signature, key):
        raise FieldError(f"{file} was changed after it had been signed: don't trust it")
    return report, key


def _write(file: Path, report: Report, journal: Path, language: str) -> None:
    key = station_key(key_path(journal))
    signature = base64.b64encode(key.sign(canonical(report))).decode("ascii")
    outer = {"report": report, "key": key.public, "signature": signature}
    file.write_text(json.dumps(outer, indent=1, ensure_ascii=False) + "\n", "utf-8")
    file.with_suffix(".txt").write_text(report_text(report, language), "utf-8")
    file.with_suffix(".html").write_text(report_html(report, key.public, signature, language), "utf-8")


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
