import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from backend.core.rates.rating import Policy
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.orders import Orders
from backend.errors import NotConnectedError, StoreError
from backend.jobs.bounce_mailbox import BounceSettings
from backend.jobs.issue_invoices import BillingSettings
from backend.jobs.issue_statements import HostSettings
from backend.jobs.live_price import LivePrices, LivePriceSettings
from backend.jobs.relay import MailSettings
from backend.jobs.retention import RetentionSettings
from backend.jobs.runner import run_jobs
from backend.jobs.send_alerts import AlertSettings
from backend.jobs.steer_load import LoadSettings
from backend.jobs.verify_signed import SignedSettings
from backend.store.writer import Store, Work
from shared.clock import ManualClock
from shared.config import ClockSettings
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import (
    Mailbox,
    add_transaction,
    billing_store,
    invoices,
    mail_settings,
    open_mailbox,
    transactions,
)


@dataclass
class Settings:
    mail: MailSettings
    billing: BillingSettings = field(default_factory=BillingSettings)
    hosts: HostSettings = field(default_factory=HostSettings)
    bounces: BounceSettings = field(default_factory=BounceSettings)
    live_price: LivePriceSettings = field(default_factory=LivePriceSettings)
    signed: SignedSettings = field(default_factory=SignedSettings)
    load: LoadSettings = field(default_factory=LoadSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)


async def nobody(charge_point_id: ChargePointId, _action: str, _payload: Payload) -> Payload:
    raise NotConnectedError(f"{charge_point_id} is not connected")


def start_jobs(store: Store, clock: ManualClock, settings: Settings) -> "asyncio.Task[None]":
    prices = LivePrices(store, Policy())
    orders = Orders(store, clock, connections := Connections(), Commands(connections))
    return asyncio.create_task(
        run_jobs(
            store,
            clock,
            settings,
            prices=prices,
            send=nobody,
            is_free=lambda _: False,
            give=orders.give,
            version_of=connections.version_of,
        )
    )


async def until(store: Store, wanted: Any, within_s: float | None = 20) -> None:
    """Wait for a state of the store, as long as the commits that lead there take; None: as long as a test may last."""
    async with asyncio.timeout(within_s):
        while not await wanted():
            await store.changed(store.version)


def test_commit_wakes_the_chain_and_the_end_of_the_day_bills_it(tmp_path: Path) -> None:
    async def run() -> None:
        clock = ManualClock(EVENING + timedelta(hours=3))  # ten past midnight in Berlin
        async with billing_store(tmp_path / "emops.db") as store, open_mailbox(Mailbox()) as box:
            jobs = start_jobs(store, clock, Settings(mail_settings(box)))
            await add_transaction(store)

            async def rated() -> bool:
                return [t.state for t in await transactions(store)] == ["rated"]

            async def mailed() -> bool:
                return bool(box.mails)

            await until(store, rated)
            assert await invoices(store) == []
            await asyncio.sleep(0.5)  # the issuer has seen the CDR and sleeps until one o'clock
            clock.advance(3600)
            await until(store, mailed, None)  # the paper is made in the time that other processes leave
            assert box.message_ids == ["<inv.RE-2026-000001.1.66333966@example.com>"]
            jobs.cancel()
            await asyncio.gather(jobs, return_exceptions=True)

    asyncio.run(run())


class FailingStore:
    """A store whose disk is full until `full` is cleared."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, work: Work[Any]) -> Any:
        if self.full:
            raise StoreError("disk full")
        return await self._store.write(work)


def test_full_disk_is_told_once_and_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        clock = ManualClock(EVENING)
        async with billing_store(tmp_path / "emops.db") as store:
            failing = FailingStore(store)
            await add_transaction(store)
            jobs = start_jobs(cast(Store, failing), clock, Settings(MailSettings()))
            for day in range(1, 4):
                await asyncio.sleep(0.3)
                await add_transaction(store, start=EVENING + timedelta(days=day))
            failing.full = False
            await add_transaction(store, start=EVENING + timedelta(days=9))

            async def rated() -> bool:
                return {t.state for t in await transactions(store)} == {"rated"}

            await until(store, rated)
            jobs.cancel()
            await asyncio.gather(jobs, return_exceptions=True)

    asyncio.run(run())
    assert caplog.text.count("job_stuck job=rate_ended reason=") == 1


def test_idle_jobs_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Work[object]] = []
    read = Store.read

    async def counted(store: Store, query: Work[object]) -> object:
        looked.append(query)
        return await read(store, query)

    async def run() -> None:
        clock = ManualClock(EVENING)
        async with billing_store(tmp_path / "emops.db") as store, open_mailbox(Mailbox()) as box:
            monkeypatch.setattr(Store, "read", counted)
            jobs = start_jobs(store, clock, Settings(mail_settings(box)))
            await asyncio.sleep(1.5)
            jobs.cancel()
            await asyncio.gather(jobs, return_exceptions=True)
        assert 0 < len(looked) < 100, "a job that does not rest looks hundreds of times"

    asyncio.run(run())
