"""Job: read reports of failed delivery; letters that came back are marked and handed to the operator, once."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from backend.core.invoices.dsn import Action, Report, parse_report
from backend.core.invoices.letter import Reply
from backend.jobs.bounce_mailbox import BounceSettings, MailboxError, fetch, remove
from backend.jobs.relay import MailSettings
from backend.jobs.send_mail import hand_over
from backend.store import outbox
from backend.store.outbox import Posted
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)


class BounceReader:
    """Looks into the mailbox again and again. What is no report of ours stays there, for a person."""

    def __init__(
        self, store: Store, clock: Clock, settings: BounceSettings, mail: MailSettings, lapse_rate: float
    ) -> None:
        self._store, self._clock, self._settings, self._mail = store, clock, settings, mail
        self._every = timedelta(seconds=settings.every_s * lapse_rate)
        self._ignored: set[str] = set()
        self._failing = False
        self._next: datetime | None = None

    async def run(self) -> datetime | None:
        """Deal with what came in, and tell when to look again. Cancelling is safe: a report may come twice."""
        if self._settings.kind == "none":
            return None
        now = self._clock.utc()
        if self._next and now < self._next:
            return self._next
        try:
            await self._read_all()
        except MailboxError as error:
            if not self._failing:
                log.warning("bounce_mailbox_unreadable", reason=error)
            self._failing = True
        else:
            if self._failing:
                log.info("bounce_mailbox_readable_again")
            self._failing = False
        self._next = now + self._every
        return self._next

    async def _read_all(self) -> None:
        while mails := await asyncio.to_thread(fetch, self._settings, frozenset(self._ignored)):
            done = []
            for name, raw in mails:
                if await self._take(raw):
                    done.append(name)
                else:
                    self._ignored.add(name)
                    log.warning("bounce_mailbox_has_other_mail", name=name)
            if done:
                await asyncio.to_thread(remove, self._settings, done)

    async def _take(self, raw: bytes) -> bool:
        """Apply a mail; False if it is no report on a letter of ours."""
        report = parse_report(raw, self._mail.return_path)
        if report is None:
            return False
        now, language = self._clock.utc(), self._mail.language
        return await self._store.write(lambda connection: apply_report(connection, report, language, now))


def apply_report(connection: Connection, report: Report, language: str, now: datetime) -> bool:
    """Mark what a report tells of; the same one again changes nothing. False if there is no such letter.

    Args:
        connection: of the unit of work.
        report: as it was read.
        language: of the letter to the operator.
        now: world time.
    """
    posted = outbox.find_bounced(connection, report.token, report.message_id)
    if posted is None:
        return False
    failed = _failed(posted, report)
    if failed:
        reply = next(iter(failed.values()))
        settled = {**posted.settled, **failed}
        outbox.mark_bounced(connection, posted, now, reply, settled)
        outbox.add_bad_addresses(connection, posted, failed, now)
        hand_over(connection, posted, failed, language, now)
        log.error("mail_bounced", letter=posted.id, document=posted.letter.document, reason=reply.text)
    return True


def _failed(posted: Posted, report: Report) -> Mapping[str, Reply]:
    """Tell which recipients failed that had not failed yet.

    A report on an address that we did not write to (a forwarding, an alias) is on our recipient if there was only one.
    """
    ours = {address.lower(): address for address in (*posted.letter.to, *posted.letter.cc)}
    found = {}
    for fate in report.fates:
        address = ours.get(fate.recipient.lower()) or (next(iter(ours.values())) if len(ours) == 1 else None)
        before = posted.settled.get(address or "")
        if address and fate.action is Action.FAILED and not (before and before.final):
            found[address] = fate.reply
    return found
