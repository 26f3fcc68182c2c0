"""Run the jobs: each in a task of its own, woken by commits and by the next due time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from backend.core.rates.rating import Policy
from backend.errors import StoreError
from backend.jobs.bounce_mailbox import BounceSettings
from backend.jobs.dun import Dunner
from backend.jobs.health import JobHealth
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.issue_statements import HostSettings, StatementIssuer
from backend.jobs.live_price import CostTeller, IsFree, LivePrices, LivePriceSettings, Send
from backend.jobs.mqtt_input import MqttInput
from backend.jobs.rate_ended import rate_ended
from backend.jobs.read_bounces import BounceReader
from backend.jobs.recompute_ratings import Recomputer
from backend.jobs.relay import MailSettings
from backend.jobs.render_invoices import InvoiceRenderer
from backend.jobs.retention import Retainer, RetentionSettings
from backend.jobs.send_alerts import AlertSender, AlertSettings
from backend.jobs.send_mail import Mailer
from backend.jobs.steer_load import Give, LoadSettings, LoadSteerer, VersionOf
from backend.jobs.tell_anchors import AnchorTeller
from backend.jobs.verify_signed import CalibrationWatch, SignedSettings, verify_signed
from backend.jobs.watch_alerts import AlertWatcher
from backend.jobs.watch_links import Links, LinkWatcher
from backend.store.writer import Store, short_reason
from shared.clock import Clock
from shared.config import ClockSettings
from shared.ids import Secret
from shared.log import Log

log = Log(__name__)


class Source(Protocol):
    """Something whose changes wake a job."""

    @property
    def version(self) -> int:
        """The number of changes since the start."""
        ...

    async def changed(self, since: int) -> int:
        """Wait until `version` differs from `since`, and give it. Cancelling is safe."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """What the jobs that watch stations need.

    Args:
        links: the connections of stations.
        open_secret: opens a sealed secret.
        health: notes that the jobs live.
    """

    links: Links
    open_secret: Callable[[str], Secret]
    health: JobHealth


Job = Callable[[], Awaitable[datetime | None]]

_REST_S = 0.2
"""Link time between two rounds of a job: bounds its load while stations commit many times a second."""

_LONGEST_S = 60.0
"""Link time after which a job looks even if nothing woke it: other processes commit too, and clocks are set."""


class JobSettings(Protocol):
    """The part of the settings that the jobs need."""

    @property
    def mail(self) -> MailSettings:
        """The mail server."""
        ...

    @property
    def bounces(self) -> BounceSettings:
        """Where reports of failed delivery come in."""
        ...

    @property
    def billing(self) -> BillingSettings:
        """When invoices are issued."""
        ...

    @property
    def hosts(self) -> HostSettings:
        """When owners of sites get their statements."""
        ...

    @property
    def live_price(self) -> LivePriceSettings:
        """How stations are told the cost so far."""
        ...

    @property
    def signed(self) -> SignedSettings:
        """What signed values count for."""
        ...

    @property
    def load(self) -> LoadSettings:
        """How sites are steered."""
        ...

    @property
    def retention(self) -> RetentionSettings:
        """How long what is known of persons is kept."""
        ...

    @property
    def alerts(self) -> AlertSettings:
        """How alerts leave the program."""
        ...

    @property
    def clock(self) -> ClockSettings:
        """Tells whether this is a demonstration."""
        ...


async def run_jobs(
    store: Store,
    clock: Clock,
    settings: JobSettings,
    *,
    prices: LivePrices,
    send: Send,
    is_free: IsFree,
    give: Give,
    version_of: VersionOf,
    watch: Watch | None = None,
) -> None:
    """Rate, tell, invoice, render, mail and prove until cancelled. Cancelling is safe: what was begun comes again.

    Args:
        store: whose data.
        clock: world time.
        settings: of the jobs.
        prices: of what runs.
        send: sends a call to a station.
        is_free: tells whether a station may be sent something now.
        give: keeps an order to stations until it is sent.
        version_of: tells which version a connected station speaks.
        watch: what watching stations needs; None where nobody watches.
    """
    policy = Policy(settings.billing.flat_needs_energy)
    teller = CostTeller(store, clock, settings.live_price, prices=prices, send=send, is_free=is_free)
    recomputer = Recomputer(store, clock)
    issuer = InvoiceIssuer(store, clock, settings.billing, sample=settings.clock.lapse_rate != 1.0)
    statements = StatementIssuer(
        store, clock, settings.hosts, settings.billing.standard_vat, sample=settings.clock.lapse_rate != 1.0
    )
    renderer = InvoiceRenderer(store, clock, settings.clock.lapse_rate, settings.billing.looks_folder)
    bounces = BounceReader(store, clock, settings.bounces, settings.mail, settings.clock.lapse_rate)
    mailer = Mailer(store, clock, settings.mail, settings.clock.lapse_rate)

    async def rating() -> None:
        await rate_ended(store, clock, policy, allow_unsigned_time=settings.signed.allow_unsigned_time)

    async def signed() -> None:
        await verify_signed(store, clock, calibration_blocks=settings.signed.calibration_blocks)

    jobs: tuple[tuple[str, Job], ...] = (
        ("verify_signed", signed),
        ("rate_ended", rating),
        ("live_price", teller.run),
        ("issue_invoices", issuer.run),
        ("issue_statements", statements.run),
        ("render_invoices", renderer.run),
        ("dun", Dunner(store, clock, settings.billing.looks_folder).run),
        ("watch_calibration", CalibrationWatch(store, clock).run),
        ("tell_anchors", AnchorTeller(store, clock, settings.billing.anchor_to).run),
        ("send_mail", mailer.run),
        ("read_bounces", bounces.run),
        ("recompute_ratings", recomputer.run),
        ("steer_load", LoadSteerer(store, clock, settings.load, give=give, version_of=version_of).run),
        ("retention", Retainer(store, clock, settings.retention.periods).run),
    )
    health = watch.health if watch else JobHealth()
    rounds: list[tuple[str, Source, Job]] = [(name, store, job) for name, job in jobs]
    if watch:
        sender = AlertSender(store, clock, settings.alerts, watch.open_secret)
        rounds += [
            ("watch_links", watch.links, LinkWatcher(store, clock, watch.links).run),
            ("watch_alerts", watch.links, AlertWatcher(store, clock).run),
            ("send_alerts", store, sender.run),
        ]
    async with asyncio.TaskGroup() as tasks:
        for name, source, job in rounds:
            tasks.create_task(_run_job(source, clock, name, job, health), name=name)
        tasks.create_task(MqttInput(store, clock, settings.load).run(), name="mqtt_input")


async def _run_job(source: Source, clock: Clock, name: str, job: Job, health: JobHealth) -> None:
    """Run a job again and again. A store that fails (disk full) is waited for: stations must still be served."""
    failing = False
    while True:
        seen, due = source.version, None
        try:
            due = await job()
        except (StoreError, SQLAlchemyError) as error:
            if not failing:
                log.error("job_stuck", job=name, reason=short_reason(error))
            failing = True
        else:
            if failing:
                log.info("job_goes_on", job=name)
            failing = False
        health.note(name, asyncio.get_running_loop().time(), failing=failing)
        await asyncio.sleep(_REST_S)
        await _wait(source, clock, seen, due)


async def _wait(source: Source, clock: Clock, seen: int, due: datetime | None) -> None:
    """Wait for a commit, the due time or the longest pause, whichever comes first."""
    wakers = [asyncio.create_task(source.changed(seen)), asyncio.create_task(asyncio.sleep(_LONGEST_S))]
    if due is not None:
        wakers.append(asyncio.create_task(clock.sleep((due - clock.utc()).total_seconds())))
    try:
        await asyncio.wait(wakers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waker in wakers:
            waker.cancel()
        await asyncio.gather(*wakers, return_exceptions=True)
