"""Unlocking the SIM without ever locking it for good.

Rules
- The card's counter is read before each entry. With fewer than two tries left, or an unknown number, none is made.
- A PIN that this SIM has refused is never entered again, over restarts too. The attempt is remembered before it is
  made; if we are cut off before the answer, the counter tells at the next start what became of it.
- A PUK is never entered.
"""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

from hardware.errors import LinkError, SimError
from hardware.modem.at_link import AtLink, value_of
from hardware.modem.at_session import Answer
from hardware.modem.profiles import EMPTY_VERIFY, ENTER_PIN, SIM_STATE, Profile
from hardware.modem.readings import pin_tries
from shared.ids import Secret
from shared.log import Log

_log = Log(__name__)

_LEAST_TRIES = 2
_BUSY_POLLS = 30
_BUSY_POLL_S = 1.0
"""A SIM may be busy for half a minute after power-on."""

_STATE_OF_ERROR = {10: "NOT INSERTED", 11: "SIM PIN", 12: "SIM PUK", 13: "FAILURE", 15: "WRONG"}
"""27.007 §9.2.1. All other errors mean that the SIM is not ready yet (14 busy, 515 please wait)."""
_BUSY = "NOT READY"
_INCORRECT_PASSWORD = 16

_COMPLAINTS = {
    "SIM PUK": "the SIM is locked and asks for its PUK; unlock it in a phone. We never enter a PUK",
    "NOT INSERTED": "there is no SIM; insert one, contacts first, and check the holder",
    "FAILURE": "the SIM does not work (SIM failure); clean its contacts or replace it",
    "WRONG": "the modem rejects this SIM (wrong SIM); it may be locked to another operator",
}


@dataclass(frozen=True, slots=True)
class PinAttempt:
    """One PIN tried on one SIM.

    Args:
        iccid: of the SIM; empty where it can't be read.
        pin_digest: a hash of the PIN. It keeps the PIN out of sight, it does not resist guessing.
        tries_before: tries left before the entry.
        is_refused: the SIM has refused this PIN.
    """

    iccid: str
    pin_digest: str
    tries_before: int
    is_refused: bool = False


class SimMemory(Protocol):
    """Remembers attempts over restarts. `remember` returns when it is durable."""

    async def recall(self, iccid: str, pin_digest: str) -> PinAttempt | None:
        """Give what is known of this PIN on this SIM."""
        ...

    async def remember(self, attempt: PinAttempt) -> None:
        """Store or replace what is known of this PIN on this SIM."""
        ...

    async def forget(self, iccid: str, pin_digest: str) -> None:
        """Drop it: the SIM has accepted the PIN."""
        ...


def pin_digest(iccid: str, pin: Secret) -> str:
    """Name a PIN on a SIM without showing it."""
    return hashlib.sha256(f"{iccid}:{pin.value}".encode()).hexdigest()[:16]


async def unlock(link: AtLink, profile: Profile, iccid: str, pin: Secret, memory: SimMemory) -> None:
    """Make the SIM ready, entering the PIN at most once. Cancelling is safe.

    Raises:
        SimError: a person must see to it.
        LinkError: the SIM is still busy, or the modem does not answer.
    """
    is_entered = False
    for _ in range(_BUSY_POLLS):
        state = _state(await link.ask(SIM_STATE.request()))
        if state == "READY":
            return
        if state == "SIM PIN" and not is_entered:
            await _enter_pin(link, profile, iccid, pin, memory)
            is_entered = True
        elif state in (_BUSY, "SIM PIN"):
            await asyncio.sleep(_BUSY_POLL_S)
        else:
            complaint = _COMPLAINTS.get(state, f"the SIM asks for {state}; unlock it in a phone")
            raise SimError(f"{link.where}: {complaint}")
    raise LinkError(
        f"{link.where}: the SIM is not ready after {_BUSY_POLLS * _BUSY_POLL_S:g} s; switch the modem off and on"
    )


def _state(answer: Answer) -> str:
    if not answer.ok:
        return _STATE_OF_ERROR.get(answer.error_code or 0, _BUSY)
    return (value_of(SIM_STATE, answer) or _BUSY).strip()


async def _enter_pin(link: AtLink, profile: Profile, iccid: str, pin: Secret, memory: SimMemory) -> None:
    if not pin:
        raise SimError(f"{link.where}: the SIM asks for its PIN; set modem.pin")
    if not (pin.value.isascii() and pin.value.isdigit() and 4 <= len(pin.value) <= 8):
        raise SimError(f"{link.where}: the PIN of a SIM has 4 to 8 digits; correct modem.pin")
    digest = pin_digest(iccid, pin)
    tries = await _tries_left(link, profile)
    known = await memory.recall(iccid, digest)
    if known and (known.is_refused or tries < known.tries_before):
        await memory.remember(replace(known, is_refused=True))
        raise SimError(
            f"{link.where}: this SIM has refused the PIN in modem.pin before; correct it ({tries} tries left)"
        )
    if tries < _LEAST_TRIES:
        raise SimError(
            f"{link.where}: {tries} tries left for the PIN, the last is never risked; unlock the SIM in a phone"
        )
    attempt = PinAttempt(iccid, digest, tries)
    await memory.remember(attempt)
    answer = await link.ask(ENTER_PIN.request(pin=pin.value))
    if answer.ok:
        await memory.forget(iccid, digest)
        _log.info("sim_unlocked", tries_before=tries)
    elif answer.error_code in _STATE_OF_ERROR or answer.error_code == _INCORRECT_PASSWORD:
        await memory.remember(replace(attempt, is_refused=True))
        raise SimError(f"{link.where}: the SIM refuses the PIN in modem.pin; correct it ({tries - 1} tries left)")
    else:
        raise LinkError(f"{link.where}: the SIM did not take the PIN now ({answer.final}); its counter tells why")


async def _tries_left(link: AtLink, profile: Profile) -> int:
    told = await link.read(profile.pin_counter)
    if told is not None:
        return int(told)
    status_word = await link.read(EMPTY_VERIFY)
    tries = pin_tries(status_word) if status_word else None
    if tries is None:
        raise SimError(
            f"{link.where}: it does not tell how many tries are left for the PIN, so none is made; "
            f"switch off the PIN query of the SIM in a phone"
        )
    return tries
