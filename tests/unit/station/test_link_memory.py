"""What the journal remembers of the link, what is learned of it, and how people are told."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.clock import ManualClock
from station.core.link_history import KEPT_HOURS, Look
from station.core.uplink_ladder import Ladder, Memory, Outcome, Rung, Step, Triggers, Why
from station.journal_file import open_journal
from station.link_memory import HOUR_PREFIX, LinkMemory
from station.link_view import dead_text, link_facts, link_lines, link_section, link_sentence
from station.timekeeper import start_time

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
AHEAD = timedelta(hours=3)


def good(memory: LinkMemory) -> bool:
    return memory.is_good_moment


def test_dead_hours_are_learned_stored_and_told_before_they_come(tmp_path: Path) -> None:
    async def story() -> None:
        clock = ManualClock(MONDAY, 10.0)
        async with open_journal(tmp_path / "j") as journal:
            keeper = await start_time(clock, journal, "a", clock_trusted=True)
            memory = LinkMemory(journal, keeper, UTC, AHEAD)
            await memory.load()
            for step in range(21 * 24 * 6):
                at = MONDAY + timedelta(minutes=10 * step)
                is_dead = at.weekday() == 1 and at.hour in (2, 3)
                await memory.note(Look(not is_dead, not is_dead, "Example Mobil", "LTE", "01A2", -71))
                clock.advance(600)
            assert memory.dead == {26, 27}
            assert not good(memory)
            clock.advance(3600 * 23.5)
            assert memory.until_dead == timedelta(hours=2.5)
            assert good(memory)
            clock.advance(3600 * 3)
            assert memory.until_dead == timedelta()
            assert not good(memory), "within a dead hour nothing is fetched for the sake of it"
            again = LinkMemory(journal, keeper, UTC, AHEAD)
            await again.load()
            assert [hour.number for hour in again.hours] == [hour.number for hour in memory.hours]

    asyncio.run(story())


def test_the_journal_holds_forty_days_and_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        clock = ManualClock(MONDAY, 10.0)
        async with open_journal(tmp_path / "j") as journal:
            keeper = await start_time(clock, journal, "a", clock_trusted=True)
            memory = LinkMemory(journal, keeper, UTC, AHEAD)
            await memory.load()
            for _ in range(KEPT_HOURS + 30):
                await memory.note(Look(is_alive=True))
                clock.advance(3600)
            assert len(await journal.values(HOUR_PREFIX)) == KEPT_HOURS
            assert len(memory.hours) == KEPT_HOURS

    asyncio.run(story())


def test_while_nobody_has_told_the_time_no_hour_is_recorded(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_journal(tmp_path / "j") as journal:
            keeper = await start_time(ManualClock(MONDAY, 10.0), journal, "a", clock_trusted=False)
            memory = LinkMemory(journal, keeper, UTC, AHEAD)
            await memory.note(Look(is_alive=True))
            assert memory.hours == []
            assert memory.until_dead is None

    asyncio.run(story())


def test_a_memory_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_journal(tmp_path / "j") as journal:
            keeper = await start_time(ManualClock(MONDAY, 10.0), journal, "a", clock_trusted=True)
            await journal.set_value("uplink.ladder", "{")
            await journal.set_value(f"{HOUR_PREFIX}1", "nonsense")
            memory = LinkMemory(journal, keeper, UTC, AHEAD)
            assert await memory.load() == Memory()
            assert memory.hours == []

    asyncio.run(story())


def test_people_are_told_in_their_language(tmp_path: Path) -> None:
    async def story() -> None:
        clock = ManualClock(MONDAY, 10.0)
        async with open_journal(tmp_path / "j") as journal:
            keeper = await start_time(clock, journal, "a", clock_trusted=True)
            memory = LinkMemory(journal, keeper, UTC, AHEAD)
            await memory.load()
            for _ in range(3):
                await memory.note(Look(True, True, "<Net>", "LTE", "01A2", -71, -99, -10, 13))
                clock.advance(3600)
            memory.dead = frozenset({2, 3, 26})
            skipped = Step(MONDAY, Rung.POWER, Why.NO_REPLY, "", Outcome.LACKING)
            taken = Step(MONDAY, Rung.REGISTER, Why.NO_REPLY, '"ESM", <27>')
            ladder = Ladder((), Triggers(), (), Memory((skipped, taken)))
            facts = json.loads(json.dumps(link_facts(ladder, memory)))
        german, english = "\n".join(link_lines(facts, "de")), "\n".join(link_lines(facts, "en"))
        assert "11-02 00:00  Funk aus und ein (die Zentrale antwortet nicht): unterbrochen" in german
        assert 'Ursache: "ESM", <27>' in german
        assert "Meist ohne Verbindung: Mo 02-04, Di 02-03" in german
        assert "skipped: not set up or not built in" in english
        assert "100 % alive  RSSI -71 dBm  RSRP -99 dBm  RSRQ -10 dB  SINR 13 dB  <Net> LTE 01A2" in english
        page = link_section(facts, "de")
        assert "&lt;Net&gt;" in page
        assert "<Net>" not in page
        assert page.count('class="ok"') == len(facts["hours"]) == 2, "the running hour is not told yet"
        climbing = {**facts, "climbing": True}
        assert link_sentence(facts, "en") == ""
        assert "done about it last: radio off and on" in link_sentence(climbing, "en")
        assert "zuletzt versucht: Funk aus und ein" in link_sentence(climbing, "de")

    asyncio.run(story())


def test_spans_of_dead_hours() -> None:
    assert dead_text([23, 24, 25, 167], "en") == "Mon 23-24, Tue 00-02, Sun 23-24"
