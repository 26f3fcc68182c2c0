"""A station's ledger carried to the backend by hand, and over the air too: every Wh is there once."""

import asyncio
import json
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.csms.handlers_v16 import handlers_v16
from backend.csms.handling import Sender
from backend.errors import ReportError
from backend.services.ledger_import import Imported, check_file, check_key, import_ledger
from backend.store.writer import Store
from shared.ids import ChargePointId, EvseId, IdToken, TransactionKey
from shared.ledger_file import End, LedgerFileError, Row, lines_of, read_lines
from shared.metering import MeterReading, MeterValue
from shared.ocpp.session import dumps, loads
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import Wh
from station.core.delivery import Message, Rules
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.errors import JournalError
from station.field import ledger_tool
from station.field.signature import key_path, station_key
from station.journal import Journal
from station.journal_file import open_journal
from station.ledger_export import Exported, Maker, export_ledger, transactions_without_time
from station.ocpp16.dialect import Ocpp16
from tests.unit.backend.world import NOW, open_world
from tests.unit.backend.world import Station as Stranger
from tests.unit.station.field.scripted import Scripted
from tests.unit.station.site import settings as site_settings

BOOT = BootTime(1, "a", to_ms(NOW), TimeSource.RTC)
UNSET = BootTime(1, "a", to_ms(NOW), TimeSource.UNSET)
CARD = IdToken("04A2B3C4")
POINT = ChargePointId("CP-1")


def sessions(count: int, boot: BootTime = BOOT) -> list[TransactionEvent]:
    """Charges of 7 kWh, one after the other, each with a reading in between."""
    events: list[TransactionEvent] = []
    for n in range(count):
        key, one = TransactionKey(f"k{n}"), EvseId(1)

        def value(offset_s: int, energy: int, n: int = n) -> MeterValue:
            return MeterValue(boot.stamp(n * 100.0 + offset_s), MeterReading(Wh(n * 7000 + energy)))

        events += [
            Started(key, one, CARD, value(0, 0)),
            Updated(key, 1, one, (value(30, 3000),)),
            Ended(key, 2, one, value(60, 7000), StopReason.LOCAL),
        ]
    return events


@dataclass(frozen=True)
class Station:
    """A journal and the way over the air, as the courier goes it."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "journal.sqlite"

    async def charge(self, events: Sequence[TransactionEvent], boot: BootTime = BOOT) -> None:
        async with open_journal(self.path) as journal:
            await journal.set_time(boot, Floor(NOW, boot.source))
            for event in events:
                await journal.append(event, boot, Floor(NOW, boot.source))

    async def deliver(self, store: Store, most: int = 1000, boot: BootTime | None = None) -> None:
        async with open_journal(self.path) as journal:
            if boot:
                await journal.set_time(boot, Floor(NOW, boot.source))
            for _ in range(most):
                if not await deliver_one(journal, store):
                    return

    def export(self, out: Path, *, everything: bool = False, without_time: bool = False) -> Exported:
        key = station_key(key_path(self.path))
        maker = Maker(POINT, key.public, key.sign, NOW, Ocpp16())
        return export_ledger(self.path, out, maker, everything=everything, without_time=without_time)


async def deliver_one(journal: Journal, store: Store) -> bool:
    entry = await journal.head()
    if entry is None:
        return False
    entry = await journal.begin_try(entry, NOW)
    message = Ocpp16().outgoing(entry, Rules())
    assert isinstance(message, Message)
    wire = loads(dumps(message.payload))
    assert isinstance(wire, dict)
    sender, handler = Sender(POINT, entry.message_id), handlers_v16(300)[message.action]
    answer = await store.write(lambda unit: handler(wire, sender, unit, NOW))
    number = answer.get("transactionId")
    await journal.acknowledge(entry, NOW, 10, number if isinstance(number, int) else None)
    return True


async def take_in(store: Store, path: Path) -> Imported:
    return await import_ledger(store, path, check_file(path), NOW)


async def bill(store: Store) -> list[tuple[int, int | None, str]]:
    return [(row.meter_start, row.meter_stop, row.state.value) for row in await Stranger(store).transactions()]


def expected(count: int) -> list[tuple[int, int | None, str]]:
    return [(n * 7000, (n + 1) * 7000, "ended") for n in range(count)]


async def events_stored(store: Store) -> int:
    count = "SELECT count(*) FROM transaction_event"
    return await store.read(lambda unit: int(unit.exec_driver_sql(count).scalar_one()))


def test_sessions_of_a_station_that_was_never_online(tmp_path: Path) -> None:
    async def scene() -> None:
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        await station.charge(sessions(3))
        assert station.export(out) == Exported(9, 0)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        async with open_world(tmp_path) as store:
            await Stranger(store).report_connector()
            assert await take_in(store, out) == Imported(new=9)
            assert await take_in(store, out) == Imported(known=9)
            assert await bill(store) == expected(3)
            await station.deliver(store)
            assert await bill(store) == expected(3)
            assert await events_stored(store) == 9
        assert station.export(out) == Exported(0, 0)
        assert station.export(out, everything=True) == Exported(9, 0)

    asyncio.run(scene())


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.one_of(st.sampled_from(["export", "export all", "import"]), st.integers(1, 5)), max_size=8))
def test_any_order_of_air_and_hand(tmp_path_factory: pytest.TempPathFactory, steps: list[str | int]) -> None:
    async def scene(folder: Path) -> None:
        station, out = Station(folder), folder / "out.jsonl"
        await station.charge(sessions(3))
        station.export(out)
        async with open_world(folder) as store:
            await Stranger(store).report_connector()
            for step in steps:
                match step:
                    case int():
                        await station.deliver(store, step)
                    case "import":
                        assert not (await take_in(store, out)).refused
                    case _:
                        station.export(out, everything=step == "export all")
            await take_in(store, out)
            await station.deliver(store)
            assert await bill(store) == expected(3)
            assert await events_stored(store) == 9

    asyncio.run(scene(tmp_path_factory.mktemp("order")))


def test_times_that_were_handed_out_stay(tmp_path: Path) -> None:
    """The clock is corrected between the export and the delivery: it is still the same transaction."""
    later = BootTime(1, "a", BOOT.offset_ms + 3_600_000, TimeSource.CSMS)

    async def scene() -> None:
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        await station.charge(sessions(2))
        station.export(out)
        async with open_world(tmp_path) as store:
            await Stranger(store).report_connector()
            await station.deliver(store, boot=later)
            assert not (await take_in(store, out)).new
            assert await bill(store) == expected(2)

    asyncio.run(scene())


def test_charges_without_a_time_wait_for_it_unless_it_is_wanted(tmp_path: Path) -> None:
    later = BootTime(1, "a", UNSET.offset_ms + 3_600_000, TimeSource.CSMS)

    async def scene() -> None:
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        await station.charge(sessions(1), UNSET)
        assert transactions_without_time(station.path) == 1
        assert station.export(out) == Exported(0, 0)
        async with open_world(tmp_path) as store:
            await Stranger(store).report_connector()
            await station.deliver(store, boot=later)
            (row,) = await Stranger(store).transactions()
            assert row.started_at == later.stamp(0)
        other = Station(tmp_path / "other")
        other.folder.mkdir()
        await other.charge(sessions(1), UNSET)
        assert other.export(out, without_time=True) == Exported(3, 3)
        async with open_world(other.folder) as store:
            await Stranger(store).report_connector()
            assert (await take_in(store, out)).unconfirmed == 3
            await other.deliver(store, boot=later)
            assert await bill(store) == expected(1)

    asyncio.run(scene())


def test_half_of_it_was_delivered_and_the_start_is_not_in_the_file(tmp_path: Path) -> None:
    async def scene() -> None:
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        await station.charge(sessions(2))
        async with open_world(tmp_path) as store:
            await Stranger(store).report_connector()
            await station.deliver(store, 4)
            assert station.export(out) == Exported(2, 0)
            assert await take_in(store, out) == Imported(new=2)
            assert await bill(store) == expected(2)

    asyncio.run(scene())


def rows_of(count: int) -> list[Row]:
    async def make(folder: Path) -> list[Row]:
        station, out = Station(folder), folder / "o"
        await station.charge(sessions(count))
        station.export(out)
        return [item for item in read_lines(out.read_bytes().splitlines(keepends=True)) if isinstance(item, Row)]

    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(make(Path(name)))


def written(folder: Path, rows: Sequence[Row]) -> Path:
    out, key = folder / "made.jsonl", station_key(folder / "made.pem")
    out.write_bytes(b"".join(lines_of(rows, POINT, NOW, key.public, key.sign)))
    return out


def test_what_a_message_says_is_checked_as_over_the_wire(tmp_path: Path) -> None:
    start, values, stop = rows_of(1)
    rows = [
        replace(start, payload={**start.payload, "meterStart": -5}),
        stop,
        replace(values, action="Reset", payload={"type": "Hard"}),
        replace(values, payload={"connectorId": "one"}),
    ]

    async def scene() -> None:
        async with open_world(tmp_path) as store:
            done = await take_in(store, written(tmp_path, rows))
            assert await bill(store) == []
        assert (done.new, done.known) == (0, 0)
        assert [sentence.rpartition(": ")[2] for sentence in done.refused][
            1
        ] == "its start is not in this file, or was refused"
        assert "a register is not negative" in done.refused[0]
        assert "Reset of OCPP 1.6 belongs to no transaction" in done.refused[2]
        assert len(done.refused) == 4
        assert CARD.value not in "".join(done.refused)

    asyncio.run(scene())


def test_an_unknown_station_or_key_is_refused(tmp_path: Path) -> None:
    out = written(tmp_path, rows_of(1))
    end = check_file(out)
    with pytest.raises(ReportError, match="is not known here: compare it"):
        check_key(end, "", trust=False)
    with pytest.raises(ReportError, match="signed with another key"):
        check_key(end, station_key(tmp_path / "other.pem").public, trust=True)
    check_key(end, "", trust=True)
    check_key(end, end.key, trust=False)

    async def scene() -> None:
        async with open_world(tmp_path) as store:
            stranger = End(ChargePointId("CP-9"), end.count, end.made, end.key)
            with pytest.raises(ReportError, match="CP-9 is not known here: add it with apply"):
                await import_ledger(store, out, stranger, NOW)

    asyncio.run(scene())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_with_its_line(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    good = (folder / "made.jsonl").read_bytes() if (folder / "made.jsonl").exists() else b""
    if not good:
        good = written(folder, rows_of(2)).read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    kind = data.draw(st.sampled_from(["change", "cut", "double", "lose"]))
    lines = good.splitlines(keepends=True)
    line = good[:place].count(b"\n")
    match kind:
        case "change":
            bad = good[:place] + bytes([good[place] ^ 0x01]) + good[place + 1 :]
        case "cut":
            bad = good[:place]
        case "double":
            bad = b"".join([*lines[: line + 1], *lines[line:]])
        case _:
            bad = b"".join(lines[:line] + lines[line + 1 :])
    with pytest.raises(LedgerFileError, match=r"^line (\d+)") as caught:
        list(read_lines(bad.splitlines(keepends=True)))
    number = int(str(caught.value).split()[1].rstrip(":"))
    assert line <= number <= line + 3


def test_a_foreign_signature_does_not_help(tmp_path: Path) -> None:
    lines = written(tmp_path, rows_of(1)).read_bytes().splitlines(keepends=True)
    other = station_key(tmp_path / "other.pem")
    end = json.loads(lines[-2])
    forged = [*lines[:-1], lines[-1].replace(json.loads(lines[-1])["signature"].encode(), b"A" * 86 + b"==")]
    with pytest.raises(LedgerFileError, match="the signature is wrong"):
        list(read_lines(forged))
    assert end["key"] != other.public


def test_the_agent_goes_on_while_its_ledger_is_read(tmp_path: Path) -> None:
    async def scene() -> None:
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        first, second = sessions(2)[:3], sessions(2)[3:]
        async with open_journal(station.path) as journal:
            await journal.set_time(BOOT, Floor(NOW, BOOT.source))
            for event in first:
                await journal.append(event, BOOT, Floor(NOW, BOOT.source))
            await asyncio.gather(
                asyncio.to_thread(station.export, out),
                *(journal.append(event, BOOT, Floor(NOW, BOOT.source)) for event in second),
            )
            assert check_file(out).count in range(3, 7)
            assert (await journal.backlog()).pending == 6

    asyncio.run(scene())


def test_the_tool_says_that_it_holds_cards(tmp_path: Path) -> None:
    made = site_settings(tmp_path, 9)

    async def scene() -> str:
        await Station(tmp_path).charge(sessions(1), UNSET)
        dialog = Scripted([1, str(tmp_path), True])
        await ledger_tool.run(dialog, made)
        return dialog.heard

    heard = asyncio.run(scene())
    (out,) = tmp_path.glob("CP1-*.ledger.jsonl")
    assert check_file(out).count == 3
    assert "the clock was never set: 1. Export them too" in heard
    assert "It holds the numbers of cards" in heard
    assert not list(tmp_path.glob("*.new"))


def test_a_journal_that_is_none_or_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Station(tmp_path).export(tmp_path / "out")
    (tmp_path / "journal.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(JournalError, match="can't use the journal"):
        Station(tmp_path).export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
