"""Job: work off the outbox, each letter at least once and with the same Message-ID however often.

A letter is leased, sent, and told at once what the server said. Ending between the last two means that it is sent again
when its lease is over: mailboxes tell repeats by the Message-ID. While the mail server can't be reached nothing is
leased and no try is counted: everything waits in its order, for as long as that takes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import Connection

from backend.core.invoices.letter import Blob, Letter, Outcome, Pace, Purpose, Reply, State, judge, message_id, pause
from backend.documents.letter_templates import LetterTemplates
from backend.documents.mail_message import compose
from backend.errors import MailError
from backend.jobs.relay import MailSettings, Relay, RelayError, open_relay
from backend.store import outbox
from backend.store.outbox import Posted, Sender
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)

LinkOf = Callable[[Posted], Awaitable[str]]
"""Gives the address of a page where a letter's files can be fetched, empty if there is none."""

_LEASE_S = 600.0
"""How long a letter belongs to who sends it; nobody sends for longer than half of it."""


async def no_link(_posted: Posted) -> str:
    """Have no page for files."""
    return ""


class Mailer:
    """Sends what is due, and remembers whether the mail server is down, to tell it once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: MailSettings,
        lapse_rate: float,
        *,
        link: LinkOf = no_link,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Read the texts.

        Args:
            store: of the outbox.
            clock: world time.
            settings: of the mail server.
            lapse_rate: of world time; retries are paced by real time.
            link: finds the page of files that are too large to be attached.
            jitter: gives a number from 0 to 1 that makes a pause longer by up to a tenth.

        Raises:
            MailError: a text or an address of the settings can't be used.
        """
        self._store, self._clock, self._settings, self._lapse_rate = store, clock, settings, lapse_rate
        self._link, self._jitter = link, jitter
        self._templates = open_templates(settings)
        self._pace = Pace(settings.per_minute)
        self._outage = 0  # failures to connect since the last success
        self._down_until: datetime | None = None
        self._fresh = True  # what a process before us found out about the server does not count

    async def run(self) -> datetime | None:
        """Send what is due, and tell when the next letter is. Cancelling is safe: its try comes again."""
        if not self._settings.host:
            return None
        while await self._due():
            if self._down_until and self._clock.utc() < self._down_until:
                return self._down_until
            try:
                await self._send_all()
            except RelayError as error:
                return await self._begin_outage(str(error))
        return await self._store.read(outbox.next_time)

    async def _due(self) -> list[Posted]:
        now = self._clock.utc()
        return await self._store.read(lambda connection: outbox.due(connection, now))

    async def _send_all(self) -> None:
        """Send what is due over one connection, and over another where that one breaks.

        Raises:
            RelayError: the mail server can't be reached.
        """
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(open_relay(self._settings))
            await self._end_outage()
            for posted in await self._due():
                await asyncio.sleep(self._pace.delay(asyncio.get_running_loop().time()))
                if not relay.alive:
                    relay = await stack.enter_async_context(open_relay(self._settings))
                await self._try(posted, relay)

    async def _begin_outage(self, reason: str) -> datetime:
        now = self._clock.utc()
        until = now + self._pause(self._outage)
        count = await self._store.write(lambda connection: outbox.note_outage(connection, now, until, reason))
        if not self._outage:
            log.warning("mail_server_down", host=self._settings.host, waiting=count, reason=reason)
        self._outage += 1
        self._down_until = until
        return until

    async def _end_outage(self) -> None:
        if self._outage:
            log.info("mail_server_answers", host=self._settings.host)
        if self._outage or self._fresh:
            now = self._clock.utc()
            await self._store.write(lambda connection: outbox.end_outage(connection, now))
        self._outage, self._down_until, self._fresh = 0, None, False

    def _pause(self, tries: int) -> timedelta:
        return pause(tries, self._settings.retry_s * self._lapse_rate, self._jitter())

    async def _try(self, posted: Posted, relay: Relay) -> None:
        now = self._clock.utc()
        lease = now + timedelta(seconds=_LEASE_S * self._lapse_rate)
        if not await self._store.write(lambda connection: outbox.claim(connection, posted.id, now, lease)):
            return
        recipients = posted.open_recipients
        bad = await self._store.read(
            lambda connection: outbox.bad_among(connection, posted.letter.operator_id, recipients)
        )
        good = [address for address in recipients if address not in bad]
        try:
            message = await self._compose(posted, good, bad)
        except MailError as error:
            await self._give_up(posted, State.FAILED, Reply(0, str(error)), {})
            return
        try:
            async with asyncio.timeout(_LEASE_S / 2):
                replies = await relay.send(message, self._return_path(posted), good)
        except TimeoutError:
            replies = dict.fromkeys(good, Reply(0, f"no answer within {_LEASE_S / 2:.0f} s"))
        for address, reason in bad.items():
            replies[address] = Reply(550, f"not tried: {reason}")
        await self._tell(posted, replies)

    async def _compose(self, posted: Posted, good: list[str], bad: Mapping[str, str]) -> EmailMessage:
        """Write the message. Raises MailError if it can't be sent as it is."""
        letter = posted.letter
        if not letter.to:
            raise MailError("the letter has no address")
        if not good:
            address, reason = next(iter(bad.items()))
            raise MailError(f"{address} is known as bad ({reason}); send again if it is right now")
        files = await self._store.read(lambda connection: outbox.read_files(connection, posted.id))
        link = ""
        if sum(len(file.content) for file in files) > self._settings.largest_mb * 1e6:
            link = await self._link(posted)
            if not link:
                raise MailError(
                    f"the attachments are larger than {self._settings.largest_mb:g} MB, and there is no link"
                )
            files = []
        return write_message(self._templates, self._settings, posted, files, link=link, at=self._clock.utc())

    def _return_path(self, posted: Posted) -> str:
        return self._settings.return_path.replace("{token}", posted.token) or _sender(self._settings, posted)

    async def _tell(self, posted: Posted, replies: Mapping[str, Reply]) -> None:
        outcome = judge(posted.settled, replies)
        settled = {**posted.settled, **{a: reply for a, reply in replies.items() if reply.taken or reply.final}}
        if outcome.state is State.RETRY and posted.tries + 1 >= self._settings.attempts:
            outcome = Outcome(State.FAILED, outcome.reply, outcome.refused)
        now = self._clock.utc()
        until = now + self._pause(posted.tries)
        language = self._settings.language

        def work(connection: Connection) -> None:
            if outcome.state is State.RETRY:
                outbox.postpone(connection, posted, until, outcome.reply, settled)
            elif outcome.state is State.SENT:
                outbox.mark_sent(connection, posted, now, outcome.reply, settled)
            elif outcome.state is State.BOUNCED:
                outbox.mark_bounced(connection, posted, now, outcome.reply, settled)
            else:
                outbox.settle(connection, posted, outcome.state, outcome.reply, settled)
            outbox.add_bad_addresses(connection, posted, outcome.refused, now)
            if outcome.refused or outcome.state is State.FAILED:
                hand_over(connection, posted, outcome.refused or {"": outcome.reply}, language, now)

        await self._store.write(work)
        self._log(posted, outcome)

    async def _give_up(self, posted: Posted, state: State, reply: Reply, settled: Mapping[str, Reply]) -> None:
        now, language = self._clock.utc(), self._settings.language

        def work(connection: Connection) -> None:
            outbox.settle(connection, posted, state, reply, {**posted.settled, **settled})
            hand_over(connection, posted, {"": reply}, language, now)

        await self._store.write(work)
        self._log(posted, Outcome(state, reply, {}))

    def _log(self, posted: Posted, outcome: Outcome) -> None:
        ids = {"letter": posted.id, "purpose": posted.letter.purpose.value, "document": posted.letter.document}
        said = f"{outcome.reply.code} {outcome.reply.text}"
        if outcome.state is State.SENT:
            log.info("mail_sent", **ids)
        if outcome.state is State.RETRY and not posted.tries:
            log.warning("mail_postponed", **ids, reason=said)
        if outcome.refused or outcome.state is State.FAILED:
            log.error(f"mail_{'failed' if outcome.state is State.FAILED else 'bounced'}", **ids, reason=said)


def open_templates(settings: MailSettings) -> LetterTemplates:
    """Read and check the texts of letters, and the return path.

    Raises:
        MailError: one of them can't be used.
    """
    path = settings.return_path
    if path and ("{token}" not in path.partition("@")[0] or "@" not in path):
        raise MailError(f"mail.return_path = {path} needs {{token}} before its @: bounce+{{token}}@example.com")
    return LetterTemplates(Path(settings.templates) if settings.templates else None)


def write_message(
    templates: LetterTemplates, settings: MailSettings, posted: Posted, files: list[Blob], *, link: str, at: datetime
) -> EmailMessage:
    """Write a letter's message, as it is sent and previewed. Raises MailError as `LetterTemplates.write` does."""
    order = posted.letter
    written = templates.write(
        order.operator_id,
        order.language,
        order.template,
        order.values,
        sender=asdict(posted.sender),
        link=link,
        files=[file.name for file in files],
    )
    sender = (posted.sender.name, _sender(settings, posted))
    return compose(order, written, files, message_id=posted.message_id, sender=sender, at=at)


def write_probe(
    templates: LetterTemplates, settings: MailSettings, who: tuple[str, Sender], recipient: str, at: datetime
) -> EmailMessage:
    """Write the mail that tries the mail server out; `who` is the operator's id and itself."""
    operator_id, sender = who
    order = Letter(operator_id=operator_id, purpose=Purpose.PROBE, document=f"{at:%Y%m%d%H%M%S}", to=(recipient,))
    address = settings.sender or sender.email
    written = templates.write(
        operator_id,
        settings.language,
        "probe",
        {"at": f"{at:%Y-%m-%d %H:%M:%S} UTC", "host": settings.host},
        sender=asdict(sender),
    )
    name = message_id(order, address.rpartition("@")[2])
    return compose(order, written, [], message_id=name, sender=(sender.name, address), at=at)


def _sender(settings: MailSettings, posted: Posted) -> str:
    return settings.sender or posted.sender.email


_ALERTS = {
    "de": ("Ein Brief kam nicht an: {document}", "Erneut senden: emops-backend mail resend {id}, oder Seite E-Mail."),
    "en": ("A letter did not arrive: {document}", "Send it again: emops-backend mail resend {id}, or the page Mail."),
}


def hand_over(
    connection: Connection, posted: Posted, refused: Mapping[str, Reply], language: str, now: datetime
) -> None:
    """Order the letter that tells the operator, once, that a letter did not arrive. Alerts and probes have none."""
    order = posted.letter
    if order.purpose in (Purpose.ALERT, Purpose.PROBE):
        return
    title, act = _ALERTS[language]
    lines = [f"{address}: {reply.code} {reply.text}".removeprefix(": ") for address, reply in refused.items()]
    alert = Letter(
        operator_id=order.operator_id,
        purpose=Purpose.ALERT,
        document=f"letter {posted.id} {' '.join(sorted(refused))}".strip(),
        to=(posted.sender.email,),
        language=language,
        values={"title": title.format(document=order.document), "lines": [*lines, act.format(id=posted.id)]},
    )
    outbox.queue(connection, alert, now)
