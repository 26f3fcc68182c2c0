"""Turning the antenna by the signal, shown every second with the best so far."""

from station.errors import ServiceError
from station.field.dialog import Dialog
from station.field.text import Text
from station.german import said
from station.service_client import Facts, Service
from station.wording import REGISTRATION, named, signal

LOOK_S = 1.0
WEAKEST_DBM, STRONGEST_DBM = -113, -51
"""Range of +CSQ (3GPP 27.007 §8.5)."""
_BAR = 40


async def turn(dialog: Dialog, service: Service) -> tuple[int | None, Facts]:
    """Show the signal until a key is pressed; a modem or agent that starts anew meanwhile is waited for.

    Returns:
        The best signal, dBm, None if there never was one; and what the modem said last.
    """
    await dialog.say(_TURN.of(dialog.language))
    best: int | None = None
    while True:
        facts = await _ask(service)
        dbm = facts["signal_dbm"]
        best = dbm if best is None or (dbm is not None and dbm > best) else best
        if await dialog.live(signal_lines(facts, best, dialog.language), for_s=LOOK_S):
            return best, facts


async def _ask(service: Service) -> Facts:
    try:
        return await service.call("modem", {"now": True})
    except ServiceError as error:
        return {"trouble": str(error), "registration": "unknown", "operator": "", "signal_dbm": None}


def signal_lines(facts: Facts, best_dbm: int | None, language: str) -> list[str]:
    """Show the signal big enough to turn an antenna by. Pure."""
    dbm = facts["signal_dbm"]
    share = 0.0 if dbm is None else (dbm - WEAKEST_DBM) / (STRONGEST_DBM - WEAKEST_DBM)
    full = round(max(0.0, min(1.0, share)) * _BAR)
    number = "---" if dbm is None else str(dbm)
    best = "---" if best_dbm is None else f"{best_dbm} dBm"
    network = f"{named(REGISTRATION, facts['registration'], language)}  {facts['operator']}".rstrip()
    return [
        f"  {'#' * full}{'.' * (_BAR - full)}  {number} dBm",
        f"  SIGNAL: {signal(dbm).of(language).upper()}",
        f"  {_BEST.of(language)}: {best}",
        f"  {_NETWORK.of(language)}: {said(facts['trouble'], language) or network}",
    ]


_TURN = Text(
    "Turn the antenna slowly: the longer the bar, the better. Any key ends this.",
    "Antenne langsam drehen: je länger der Balken, desto besser. Ende mit beliebiger Taste.",
)
_BEST = Text("best so far", "bester Wert bisher")
_NETWORK = Text("network", "Netz")
