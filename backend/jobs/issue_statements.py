"""Job: issue the statements of hosts for months that are over. By hand it is the same run."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from backend.core.invoices.host import Month
from backend.core.invoices.invoice import Invoice
from backend.store.hosts import DueStatement, draft_due, issue_statement, load_hosts
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.log import Log

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class HostSettings:
    """When statements of hosts are issued. All times are world time."""

    automatic: bool = setting(
        False, help="issue statements by themselves; else a person does, on the page or by command"
    )
    grace_days: int = setting(
        5, unit="days", minimum=0, maximum=60, help="wait so long after a month for sessions that come in late"
    )

    @property
    def grace(self) -> timedelta:
        """How long after its end a month counts as over."""
        return timedelta(days=self.grace_days)


@dataclass(slots=True)
class StatementOutcome:
    """What a run did. `ready` could be issued, `blocked` could not."""

    issued: list[Invoice] = field(default_factory=list)
    ready: list[DueStatement] = field(default_factory=list)
    blocked: list[DueStatement] = field(default_factory=list)


class StatementIssuer:
    """Issues statements that are due, and remembers which blocked ones it has told."""

    def __init__(
        self, store: Store, clock: Clock, settings: HostSettings, standard_vat: Decimal, *, sample: bool = False
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._vat, self._sample = standard_vat, sample
        self._told: set[tuple[str, tuple[str, ...]]] = set()

    async def run(self) -> datetime | None:
        """Issue what is due, and tell when the next month will be over. Cancelling is safe: each is one commit."""
        hosts = await self._store.read(load_hosts) if self._settings.automatic else []
        if not hosts:
            return None
        now = self._clock.utc()
        done = await issue_statements(
            self._store, now, self._settings, self._vat, sample=self._sample, grace=self._settings.grace
        )
        for one in done.blocked:
            if (key := (one.host.customer_id, one.problems)) not in self._told:
                self._told.add(key)
                log.error("statement_blocked", host=one.host.customer_id, reason="; ".join(one.problems))
        zones = {one.account.zone for one in hosts}
        over = now - self._settings.grace
        return min(Month.of(over.astimezone(z).date()).next.begin(z) + self._settings.grace for z in zones)


async def issue_statements(
    store: Store,
    now: datetime,
    settings: HostSettings,
    standard_vat: Decimal,
    *,
    sample: bool = False,
    host: str = "",
    operator: str = "",
    dry: bool = False,
    grace: timedelta | None = None,
) -> StatementOutcome:
    """Draft, check and issue what hosts are owed.

    Args:
        store: whose data.
        now: world time.
        settings: how long to wait.
        standard_vat: per cent.
        sample: see `backend.jobs.issue_invoices.InvoiceIssuer`.
        host: id of the customer; empty is all of them.
        operator: id; empty is all of them.
        dry: issue nothing.
        grace: instead of that of the settings.
    """
    wait = settings.grace if grace is None else grace
    outcome = StatementOutcome()
    for one in await store.read(partial(load_hosts, customer_id=host, operator_id=operator)):
        due = await store.read(partial(draft_due, one=one, now=now, grace=wait, standard_vat=standard_vat))
        if due is None:
            continue
        if due.problems:
            outcome.blocked.append(due)
        elif dry:
            outcome.ready.append(due)
        elif document := await store.write(partial(issue_statement, due=due, now=now, sample=sample)):
            log.info("statement_issued", number=document.number, host=one.customer_id, total=document.due)
            outcome.issued.append(document)
    return outcome
