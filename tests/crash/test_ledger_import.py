"""An import that is killed: at each commit of the store, and the program with SIGKILL; then imported again."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from backend.errors import StoreClosedError
from backend.services import ledger_import
from backend.services.ledger_import import check_file, import_ledger
from backend.store.writer import Store
from tests.unit.backend.world import MASTER, NOW, open_world
from tests.unit.backend.world import Station as Stranger
from tests.unit.station.test_ledger_export import Station, bill, events_stored, expected, sessions


class Mortal:
    """A store whose program dies before its n-th write, or right after it."""

    def __init__(self, store: Store, dies_at: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, dies_at, after
        self.read = store.read

    async def write(self, work: object) -> object:
        self._left -= 1
        if self._left < 0 or (self._left == 0 and not self._after):
            raise StoreClosedError("the program was killed")
        return await self._store.write(work)  # type: ignore[arg-type]  # as it was given


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_message_then_imported_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    monkeypatch.setattr(ledger_import, "_TOGETHER", 1)

    async def scene() -> None:
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        await station.charge(sessions(3))
        station.export(out)
        end = check_file(out)
        for dies_at in range(1, 9):
            folder = tmp_path / str(dies_at)
            folder.mkdir()
            async with open_world(folder) as store:
                await Stranger(store).report_connector()
                mortal = Mortal(store, dies_at, after=after)
                with pytest.raises(StoreClosedError):
                    await import_ledger(mortal, out, end, NOW)  # type: ignore[arg-type]  # half a store
                assert await events_stored(store) == (dies_at if after else dies_at - 1)
                done = await import_ledger(store, out, end, NOW)
                assert done.new + done.known == 9
                assert await bill(store) == expected(3)
                assert await events_stored(store) == 9

    asyncio.run(scene())


@pytest.mark.slow
@pytest.mark.system
def test_the_program_is_killed_and_started_again(tmp_path: Path) -> None:
    async def command(*arguments: str, kill_after_s: float = 0.0) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "backend", *arguments, "--config", str(tmp_path / "b.toml"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        if kill_after_s:
            await asyncio.sleep(kill_after_s)
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    async def scene() -> None:
        (tmp_path / "b.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
        (tmp_path / "m.toml").write_text(MASTER)
        station, out = Station(tmp_path), tmp_path / "out.jsonl"
        await station.charge(sessions(400))
        station.export(out)
        assert (await command("apply", str(tmp_path / "m.toml")))[0] == 0
        status, said = await command("ledger", "import", str(out))
        assert (status, "--trust" in said) == (1, True)
        for kill_after_s in (1.6, 2.0, 2.6):
            await command("ledger", "import", "--trust", str(out), kill_after_s=kill_after_s)
        status, said = await command("ledger", "import", "--trust", str(out))
        assert status == 0, said
        status, said = await command("ledger", "import", "--trust", str(out))
        assert "0 new, 1200 known already, 0 refused" in said
        async with open_world(tmp_path) as store:
            await Stranger(store).report_connector()
            assert [row[:2] for row in await bill_all(store)] == [row[:2] for row in expected(400)]
            await station.deliver(store, 10_000)
            assert await events_stored(store) == 1200

    async def bill_all(store: Store) -> list[tuple[int, int | None, str]]:
        from backend.store.transactions import list_transactions

        rows = await store.read(lambda unit: list_transactions(unit, limit=1000))
        return [(row.meter_start, row.meter_stop, row.state.value) for row in reversed(rows)]

    asyncio.run(scene())
