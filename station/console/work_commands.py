"""Commands that do something with the station. Each asks before, and says afterwards what it did."""

import asyncio
from collections.abc import Sequence

from station.console.menu import WHICH_EVSE, Visit
from station.console.screen import age
from station.console.views import contactor_lines, ledger_lines
from station.errors import ServiceError
from station.field.text import Text
from station.german import said
from station.ledger_view import parked, read_ledger, read_rows, release
from station.service_client import Facts
from station.wording import evse_name

CARD_WAIT_S = 30
PARKED_SHOWN = 20


async def _choose_evse(visit: Visit) -> Facts | None:
    """Let an EVSE be chosen; where there is one, it is that."""
    evses: list[Facts] = (await visit.service.call("evse"))["evses"]
    if len(evses) == 1:
        return evses[0]
    names = [evse_name(evse["id"], visit.terminal.language) for evse in evses]
    place = await visit.terminal.choose(visit.terminal.pick(WHICH_EVSE), names)
    return None if place is None else evses[place]


async def try_contactor(visit: Visit, _words: Sequence[str]) -> None:
    """Close the contactor and open it again."""
    terminal = visit.terminal
    evse = await _choose_evse(visit)
    if evse is None:
        return
    await terminal.tell(_CONTACTOR_TEST)
    if not await terminal.confirm(terminal.pick(_LIVE)):
        return
    await terminal.tell(_WAIT)
    result = await visit.service.call("test_contactor", {"evse": evse["id"]})
    await terminal.show(contactor_lines(result, terminal.language))


async def try_rcd(visit: Visit, _words: Sequence[str]) -> None:
    """Trip the residual current device by its own test."""
    terminal = visit.terminal
    evse = await _choose_evse(visit)
    if evse is None:
        return
    if not evse["capabilities"]["rcd_test"]:
        await terminal.tell(_NO_RCD_TEST)
        return
    await terminal.tell(_RCD_TEST)
    if not await terminal.confirm(terminal.pick(_GO)):
        return
    await terminal.tell(_WAIT)
    await visit.service.call("test_rcd", {"evse": evse["id"]})
    await terminal.tell(Text("PASSED: it tripped and recovered.", "BESTANDEN: er hat ausgelöst und ist wieder bereit."))


async def clear_fault(visit: Visit, _words: Sequence[str]) -> None:
    """Let the board forget a fault whose cause is gone."""
    terminal = visit.terminal
    evse = await _choose_evse(visit)
    if evse is None:
        return
    if not await terminal.confirm(terminal.pick(_CAUSE_GONE)):
        return
    await visit.service.call("clear_fault", {"evse": evse["id"]})
    await terminal.tell(
        Text("Done. Look at `evse` whether it stays away.", "Erledigt. Mit `evse` prüfen, ob sie wegbleibt.")
    )


async def enrol(visit: Visit, _words: Sequence[str]) -> None:
    """Put a card that is shown, or was shown lately, into the local list."""
    terminal = visit.terminal
    token, changes = await _shown_card(visit)
    if changes:
        await terminal.tell(_CHANGES)
        return
    question = Text(f"May card {token} charge here, also offline?", f"Darf Karte {token} hier laden, auch offline?")
    if token and await terminal.confirm(terminal.pick(question)):
        await visit.service.call("enrol", {"token": token})
        await terminal.tell(_ENROLLED)


async def forget(visit: Visit, _words: Sequence[str]) -> None:
    """Take a card out of the local list."""
    terminal = visit.terminal
    token, _ = await _shown_card(visit)
    question = Text(f"Take card {token} out of the list?", f"Karte {token} aus der Liste nehmen?")
    if token and await terminal.confirm(terminal.pick(question)):
        result = await visit.service.call("forget", {"token": token})
        await terminal.tell(_FORGOTTEN)
        if result["returns"]:
            await terminal.tell(_RETURNS)


async def _shown_card(visit: Visit) -> tuple[str, bool]:
    """Let a card be chosen: one shown lately, the next one shown, or a number typed.

    Returns:
        Its number, empty = none, and whether it shows another number each time.
    """
    terminal = visit.terminal
    shown: list[Facts] = (await visit.service.call("cards"))["shown"]
    options = [_card_line(card, terminal.language) for card in shown]
    place = await terminal.choose(terminal.pick(_WHICH_CARD), [*options, *map(terminal.pick, (_SHOW_NOW, _TYPE))])
    if place is None:
        return "", False
    if place < len(shown):
        return shown[place]["token"], shown[place]["changes"]
    if place == len(shown):
        return await _next_card(visit)
    return await terminal.ask(terminal.pick(_TYPE)), False


def _card_line(card: Facts, language: str) -> str:
    about = _SHOWS_ANOTHER if card["changes"] else _KNOWN if card["known"] else _UNKNOWN
    ago = Text("ago", "her").of(language)
    return f"{card['token']}  ({age(card['age_s'], language)} {ago}, {about.of(language)})"


async def _next_card(visit: Visit) -> tuple[str, bool]:
    terminal = visit.terminal
    loop = asyncio.get_running_loop()
    until = loop.time() + CARD_WAIT_S
    await terminal.tell(_HOLD)
    while loop.time() < until:
        shown = (await visit.service.call("cards"))["shown"]
        fresh = [card for card in shown if card["age_s"] <= CARD_WAIT_S - (until - loop.time())]
        if fresh:
            return fresh[0]["token"], fresh[0]["changes"]
        if await terminal.stroke(0.5) is not None:
            return "", False
    await terminal.tell(_NO_CARD)
    return "", False


async def backlog(visit: Visit, _words: Sequence[str]) -> None:
    """Show what waits for delivery and what was refused."""
    terminal, path = visit.terminal, visit.settings.journal.path
    rows = read_rows(path, "SELECT state, count(*) FROM ledger GROUP BY state")
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    waits, refused, done = (counts.get(state, 0) for state in ("pending", "parked", "acknowledged"))
    english = f"{waits} messages wait, {refused} were refused, {done} are delivered."
    german = f"{waits} Meldungen warten, {refused} wurden abgelehnt, {done} sind zugestellt."
    await terminal.tell(Text(english, german))
    await terminal.show(ledger_lines(read_ledger(path, limit=PARKED_SHOWN), terminal.language))


async def retry(visit: Visit, _words: Sequence[str]) -> None:
    """Send a refused transaction again."""
    terminal, path = visit.terminal, visit.settings.journal.path
    rows = parked(path, PARKED_SHOWN)
    if not rows:
        await terminal.tell(_NOTHING_PARKED)
        return
    messages = Text("messages", "Meldungen").of(terminal.language)
    place = await terminal.choose(
        terminal.pick(_WHICH_TRANSACTION),
        [f"{key[:8]}  {count} {messages}: {said(reason, terminal.language)}" for key, count, reason in rows],
    )
    if place is not None and await terminal.confirm(terminal.pick(_SEND_AGAIN)):
        count = release(path, rows[place][0])
        await terminal.tell(Text(f"{count} messages will be sent again.", f"{count} Meldungen werden erneut gesendet."))


async def restart(visit: Visit, _words: Sequence[str]) -> None:
    """Start the agent anew, so that it reads its settings."""
    terminal = visit.terminal
    if not await terminal.confirm(terminal.pick(_RESTART)):
        return
    await visit.service.call("restart")
    for _ in range(30):
        await asyncio.sleep(1)
        try:
            await visit.service.call("version")
        except ServiceError:
            continue
        await terminal.tell(Text("The agent runs again.", "Das Stationsprogramm läuft wieder."))
        return
    await terminal.tell(_NOT_BACK)


_CONTACTOR_TEST = Text(
    "The contactor (main switch) closes for a moment and opens again. It needs a test adapter in state C "
    "(vehicle asks for energy), without a load.",
    "Das Schütz (Hauptschalter) schließt kurz und öffnet wieder. Nötig ist ein Prüfadapter in Zustand C "
    "(Fahrzeug fordert Strom an), ohne Last.",
)
_LIVE = Text("The outlet becomes LIVE. Is nobody near it?", "Der Ausgang steht unter SPANNUNG. Ist niemand daran?")
_RCD_TEST = Text(
    "The RCD (residual current device, saves lives) trips once and recovers. No vehicle may be plugged in.",
    "Der RCD (Fehlerstromschutz) löst einmal aus und wird wieder bereit. Es darf kein Fahrzeug angesteckt sein.",
)
_NO_RCD_TEST = Text(
    "This board can't test the RCD by itself: press the test button of the RCD in the distribution board.",
    "Diese Steuerung kann den RCD nicht selbst prüfen: Prüftaste am RCD im Verteiler drücken.",
)
_GO = Text("Begin?", "Beginnen?")
_WAIT = Text("Please wait ...", "Bitte warten ...")
_CAUSE_GONE = Text("Has the cause been found and removed?", "Ist die Ursache gefunden und behoben?")
_WHICH_CARD = Text("Which card?", "Welche Karte?")
_SHOW_NOW = Text("hold a card to the reader now", "jetzt eine Karte an den Leser halten")
_TYPE = Text("type the card's number", "Kartennummer eintippen")
_SHOWS_ANOTHER = Text("another number each time", "jedes Mal eine andere Nummer")
_KNOWN = Text("known", "bekannt")
_UNKNOWN = Text("unknown", "unbekannt")
_HOLD = Text("Hold the card to the reader. Any key ends this.", "Karte an den Leser halten. Ende mit beliebiger Taste.")
_NO_CARD = Text(
    "No card was read: check the reader's cable and whether the card is of the right kind.",
    "Keine Karte gelesen: Kabel des Lesers prüfen, und ob die Kartenart passt.",
)
_CHANGES = Text(
    "This card shows another number each time (a telephone or a protected card): it can't be enrolled by it.",
    "Diese Karte zeigt jedes Mal eine andere Nummer (Telefon oder geschützte Karte): so ist sie nicht anzulernen.",
)
_ENROLLED = Text(
    "Done. The card may charge here until the central system sends another list.",
    "Erledigt. Die Karte darf hier laden, bis die Zentrale eine andere Liste sendet.",
)
_FORGOTTEN = Text("Done. The card is no longer in the list.", "Erledigt. Die Karte steht nicht mehr in der Liste.")
_RETURNS = Text(
    "It also stands in the configuration file under local_list and comes back with the next start: remove it there.",
    "Sie steht auch in der Konfigurationsdatei unter local_list und kommt beim nächsten Start wieder: dort entfernen.",
)
_NOTHING_PARKED = Text("Nothing was refused.", "Nichts wurde abgelehnt.")
_WHICH_TRANSACTION = Text("Which transaction?", "Welcher Ladevorgang?")
_SEND_AGAIN = Text("Has the cause been removed at the central system?", "Ist die Ursache bei der Zentrale behoben?")
_RESTART = Text(
    "The agent stops and starts anew, in about 10 s. Go on?",
    "Das Stationsprogramm startet neu, etwa 10 s lang. Weiter?",
)
_NOT_BACK = Text(
    "It does not answer yet: is it started by systemd (Restart=always)? Look at `log`.",
    "Es antwortet noch nicht: wird es von systemd gestartet (Restart=always)? Siehe `log`.",
)
