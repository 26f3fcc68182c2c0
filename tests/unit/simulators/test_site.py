"""Vehicle, board and meter together on a manual clock."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.units import Watt, Wh
from simulators.board import Fault
from simulators.evse_board import BoardSimulator
from simulators.meter import MeterSimulator
from simulators.site import Site
from simulators.vehicle import Vehicle

CONFIGURED, COMMANDS = 1000, 1004


def _site(file: Path | None = None, board: BoardSimulator | None = None) -> tuple[Site, ManualClock]:
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    return Site(clock, MeterSimulator(7, Wh(4_711_000), file), board or BoardSimulator()), clock


def _car(stored: int = 20_000) -> Vehicle:
    return Vehicle(Wh(60_000), Wh(stored), Watt(11_000))


def test_energy_flows_only_when_offered_and_wanted() -> None:
    site, clock = _site()
    clock.advance(3600)
    site.plug(_car())
    clock.advance(3600)
    site.advance()
    assert (site.meter.register, site.board.pilot) == (4_711_000, "B")
    site.board.write(CONFIGURED, 16)
    clock.advance(3600)
    site.advance()
    assert (site.meter.register, site.meter.power, site.board.pilot) == (4_722_000, 11_000, "C")
    site.board.write(CONFIGURED, 0)
    clock.advance(3600)
    site.advance()
    assert (site.meter.register, site.meter.power, site.board.contactor_closed) == (4_722_000, 0, False)
    site.unplug()
    assert site.board.pilot == "A"


def test_it_does_not_matter_how_often_one_looks() -> None:
    registers = set()
    for looks in (1, 7, 3600):
        site, clock = _site()
        site.plug(_car())
        site.board.write(CONFIGURED, 16)
        for _ in range(looks):
            clock.advance(3600 / looks)
            site.advance()
        registers.add(site.meter.register)
    assert registers == {4_722_000}


def test_a_full_vehicle_opens_the_contactor_by_itself() -> None:
    site, clock = _site()
    car = _car(59_000)
    site.plug(car)
    site.board.write(CONFIGURED, 16)
    clock.advance(6 * 3600)
    site.advance()
    assert (car.soc, site.board.pilot, site.board.contactor_closed) == (1.0, "B", False)
    assert site.meter.register == 4_712_000


def test_turning_off_opens_at_once_and_a_fault_too() -> None:
    site, _ = _site()
    site.plug(_car())
    site.board.write(CONFIGURED, 16)
    seen = [site.board.contactor_closed]
    for command in (1, 0):
        site.board.write(COMMANDS, command)
        seen.append(site.board.contactor_closed)
    site.board.fault = Fault.RCD
    assert (site.board.contactor_closed, site.board.pilot) == (False, "F")
    site.board.write(COMMANDS, 4)
    assert [*seen, site.board.contactor_closed] == [True, False, True, True]


def test_the_cable_limits_what_is_offered() -> None:
    site, _ = _site(board=BoardSimulator(cable_current_a=13))
    site.plug(_car())
    site.board.write(CONFIGURED, 32)
    assert site.board.offered_current_a == 13


def test_a_board_that_watches_falls_to_nothing_without_its_master() -> None:
    site, _ = _site(board=BoardSimulator(watch_s=30))
    site.plug(_car())
    site.board.heard(100.0)
    site.board.write(CONFIGURED, 16)
    closed = []
    for now in (130.0, 130.1):
        site.board.watch(now)
        closed.append(site.board.contactor_closed)
    assert closed == [True, False]


def test_the_register_goes_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "meter.json"
    site, clock = _site(file)
    site.plug(_car())
    site.board.write(CONFIGURED, 16)
    clock.advance(1800)
    site.advance()
    assert _site(file)[0].meter.register == site.meter.register == 4_716_500


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"import_uj": "1"}', '{"import_uj": -1}', "\x00"])
def test_a_damaged_register_is_never_a_new_meter(tmp_path: Path, text: str) -> None:
    file = tmp_path / "meter.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"meter\.json"):
        _site(file)


def test_what_was_shown_has_been_saved(tmp_path: Path) -> None:
    file = tmp_path / "meter.json"
    site, clock = _site(file)
    site.plug(_car())
    site.board.write(CONFIGURED, 16)
    for _ in range(10):
        clock.advance(7)
        site.advance()
        assert json.loads(file.read_text())["import_uj"] // 3_600_000_000 == site.meter.register
