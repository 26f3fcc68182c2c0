"""What the agent says has German words, and tells what to do."""

import pytest

from hardware.api import EvseStatus, PilotState
from shared.ids import EvseId, TransactionKey
from shared.metering import MeterReading
from shared.units import Wh
from station.core.charging import Charging
from station.core.configuration import Configuration
from station.core.connector import Status
from station.core.evse_events import BoardLost, BoardSeen, Event, MeterRead, OperativeChanged, SelfTested
from station.core.timekeeping import EARLIEST, Now, TimeSource
from station.report import reasons
from station.wording import FAULTS, PILOT, STATUS, TIME, blocked, signal

IDLE = BoardSeen(EvseStatus(PilotState.A, False, 0))
METER = MeterRead(MeterReading(Wh(1)))


def said(*events: Event, latched: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Play events; give the agent's sentence and its German."""
    charging = Charging(EvseId(1), 16, Configuration(), lambda: TransactionKey("k"), latched=latched)
    for event in events:
        charging.handle(event, Now(0.0, EARLIEST))
    return charging.blocked_by, blocked(charging.blocked_by, charging.faults, "de")


@pytest.mark.parametrize(
    ("events", "latched", "german"),
    [
        ((BoardLost(),), "", "Ladesteuerung antwortet nicht"),
        ((IDLE, MeterRead(None)), "", "Zähler antwortet nicht"),
        ((IDLE, METER, OperativeChanged(False)), "", "außer Betrieb"),
        ((IDLE, METER), "PowerSwitchFailure", "Schütz"),
        ((IDLE, METER, SelfTested(frozenset({"GroundFailure"}))), "", "RCD"),
        ((BoardSeen(EvseStatus(PilotState.A, False, 0, faults=frozenset({"HighTemperature"}))), METER), "", "zu heiß"),
    ],
)
def test_every_reason_is_said_in_german(events: tuple[Event, ...], latched: str, german: str) -> None:
    english, translated = said(*events, latched=frozenset(latched.split()))
    assert english
    assert german in translated
    assert translated != english


def test_no_reason_stays_none() -> None:
    assert said(IDLE, METER) == ("", "")


def test_every_state_has_its_words() -> None:
    assert set(STATUS) >= {str(status) for status in Status}
    assert set(PILOT) == {str(state) for state in PilotState}
    assert set(TIME) == {source.name.lower() for source in TimeSource}
    for text in FAULTS.values():
        assert text.en != text.de


@pytest.mark.parametrize(
    ("dbm", "word"),
    [(None, "kein Signal"), (-51, "sehr gut"), (-71, "gut"), (-90, "ausreichend"), (-113, "zu schwach")],
)
def test_a_signal_is_judged(dbm: int | None, word: str) -> None:
    assert signal(dbm).de == word


def test_reasons_are_said_in_german() -> None:
    status = {
        "running": True,
        "csms": "not connected: not tried yet",
        "modem": "denied",
        "time": "unset",
        "pending": 3,
        "parked": 2,
        "evses": [{"id": 1, "blocked_by": "the board reports GroundFailure", "faults": ["GroundFailure"]}],
    }
    lines = reasons(status, "de")
    assert len(lines) == 6
    assert "Fehlerstrom" in lines[0]
    assert "noch nicht versucht" in lines[1]
    assert "lehnt diese SIM ab" in lines[2]
    assert reasons({**status, "running": False}, "de") == [
        "Das Stationsprogramm läuft nicht: Station aus- und einschalten, oder systemctl start emops-station."
    ]
