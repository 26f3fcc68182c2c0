"""The outbox: letters ordered with what they tell of, leased by whoever sends them, and what became of them.

Functions that change something run inside one unit of work of `Store.write`. `queue` is for all who have a letter to
send: called in the unit of work that makes the document, the letter exists if and only if the document does.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.invoices.chain import ChainKind
from backend.core.invoices.letter import (
    SIGNED,
    Blob,
    InvoiceFile,
    Letter,
    Purpose,
    Reply,
    State,
    forgotten_key,
    is_bad_address,
    letter_key,
    message_id,
)
from backend.core.people.access import EVERYTHING, View
from backend.errors import MailError
from backend.store.chain import append
from backend.store.invoice_files import read_content
from backend.store.invoice_tables import invoice_pdf
from backend.store.letter_tables import bad_address, letter, letter_file
from backend.store.scope import of_operator
from backend.store.tables import operator

_L = letter.c
_WAITS = (State.QUEUED.value, State.RETRY.value)

MEDIA_TYPES = {"pdf": "application/pdf", "xml": "application/xml", SIGNED: "application/xml"}
"""Of an invoice's files, by kind."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The operator who sends a letter."""

    name: str
    street: str
    postcode: str
    city: str
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter of the outbox.

    Args:
        id: of its row.
        letter: the order, without the content of its files.
        sender: the operator as of now.
        state: where it is.
        tries: begun.
        message_id: with angle brackets.
        token: that its return path bears.
        settled: final answers by address: who took it, who refused it for good.
        last: what was said last.
        created_at: when it was ordered.
        next_at: not before then.
        sent_at: when it was taken.
    """

    id: int
    letter: Letter
    sender: Sender
    state: State
    tries: int
    message_id: str
    token: str
    settled: Mapping[str, Reply]
    last: Reply
    created_at: datetime
    next_at: datetime
    sent_at: datetime | None

    @property
    def open_recipients(self) -> tuple[str, ...]:
        """Who has neither taken nor refused it yet."""
        everybody = dict.fromkeys((*self.letter.to, *self.letter.cc))
        return tuple(address for address in everybody if address not in self.settled)


GONE = '{"to": [], "cc": [], "name": ""}'
"""Recipients of a letter that was forgotten."""


def is_new(connection: Connection, order: Letter) -> bool:
    """Tell whether a letter was never ordered, one that was forgotten since included."""
    key = letter_key(order)
    return connection.scalar(select(_L.id).where(_L.key.in_([key, forgotten_key(key)])).limit(1)) is None


def queue(connection: Connection, order: Letter, now: datetime) -> int:
    """Order a letter and give its id. The same order again changes nothing and gives the same id."""
    key = letter_key(order)
    if (forgotten := connection.scalar(select(_L.id).where(_L.key == forgotten_key(key)))) is not None:
        return int(forgotten)
    sender = connection.execute(select(operator.c.email).where(operator.c.id == order.operator_id)).scalar_one()
    values = {
        "key": key,
        "operator_id": order.operator_id,
        "purpose": order.purpose.value,
        "document": order.document,
        "generation": order.generation,
        "recipients": json.dumps({"to": order.to, "cc": order.cc, "name": order.addressee}, ensure_ascii=False),
        "language": order.language,
        "template": order.template or order.purpose.value,
        "body": json.dumps(order.values, ensure_ascii=False),
        "state": State.QUEUED.value,
        "tries": 0,
        "next_at": now,
        "last_code": 0,
        "last_text": "",
        "settled": "{}",
        "message_id": message_id(order, sender.rpartition("@")[2]),
        "token": secrets.token_hex(8),
        "created_at": now,
    }
    added = connection.execute(upsert(letter).values(values).on_conflict_do_nothing().returning(_L.id)).scalar()
    if added is None:
        return int(connection.execute(select(_L.id).where(_L.key == key)).scalar_one())
    _store_files(connection, added, order.files)
    return int(added)


def _store_files(connection: Connection, letter_id: int, files: Sequence[InvoiceFile | Blob]) -> None:
    for position, file in enumerate(files):
        row: dict[str, object] = {"letter_id": letter_id, "position": position, "name": file.name}
        if isinstance(file, Blob):
            row |= {"media_type": file.media_type, "content": file.content}
        else:
            row |= {"media_type": MEDIA_TYPES[file.kind], "invoice_id": file.invoice_id, "kind": file.kind}
        connection.execute(insert(letter_file).values(row))


def forget(connection: Connection, letters: Sequence[int]) -> None:
    """Delete what stood in letters and to whom they went; that and when they went stays, and they don't go again."""
    if not letters:
        return
    connection.execute(delete(letter_file).where(letter_file.c.letter_id.in_(letters)))
    connection.execute(delete(bad_address).where(bad_address.c.letter_id.in_(letters)))
    gone = {"recipients": GONE, "body": "{}", "settled": "{}", "last_text": ""}
    for row in connection.execute(select(_L.id, _L.key).where(_L.id.in_(letters))).all():
        connection.execute(update(letter).where(_L.id == row.id).values(gone | {"key": forgotten_key(row.key)}))


def resend(connection: Connection, letter_id: int, now: datetime, to: Sequence[str] = ()) -> int:
    """Order a letter once more, as its next generation, and give the new id.

    Addresses that were known as bad are tried again: who sends by hand says that they are good now.

    Args:
        connection: of the unit of work.
        letter_id: which.
        now: world time.
        to: addresses instead of those it had.

    Raises:
        MailError: there is no such letter, or it still waits to be sent.
    """
    old = find(connection, letter_id)
    if old is None:
        raise MailError(f"there is no letter {letter_id}; mail list shows what there is")
    if old.state in (State.QUEUED, State.SENDING):
        raise MailError(f"letter {letter_id} is {old.state.value}: it is sent by itself, once")
    order = old.letter if not to else replace(old.letter, to=tuple(to), cc=())
    last = select(func.max(_L.generation)).where(
        _L.operator_id == order.operator_id, _L.purpose == order.purpose.value, _L.document == order.document
    )
    generation = int(connection.execute(last).scalar_one()) + 1
    if old.state is State.RETRY:  # the new one takes its place
        settle(connection, old, State.FAILED, Reply(0, f"sent again as generation {generation}"))
    addresses = [address.lower() for address in (*order.to, *order.cc)]
    known = bad_address.c
    connection.execute(delete(bad_address).where(known.operator_id == order.operator_id, known.address.in_(addresses)))
    files: list[InvoiceFile | Blob] = []
    for file in _files_of(connection, letter_id):
        if file.invoice_id is None:
            files.append(Blob(file.name, file.media_type, bytes(file.content)))
        else:
            files.append(InvoiceFile(file.invoice_id, file.kind, file.name))
    return queue(connection, replace(order, generation=generation, files=tuple(files)), now)


def due(connection: Connection, now: datetime, limit: int = 100) -> list[Posted]:
    """List the letters that may be sent now, in the order in which they were ordered.

    One that was being sent when its sender ended is among them when its lease is over.
    """
    query = _posted().where(_is_due(now), ~_unrendered()).order_by(_L.id).limit(limit)
    return [_read(row) for row in connection.execute(query)]


def next_time(connection: Connection) -> datetime | None:
    """Tell when the next letter falls due, None if none waits. Those that wait for their PDF don't count."""
    waits = select(func.min(_L.next_at)).where(_L.state.in_(_WAITS), ~_unrendered())
    leased = select(func.min(_L.lease_until)).where(_L.state == State.SENDING.value)
    times = [connection.execute(query).scalar() for query in (waits, leased)]
    return min((time for time in times if time is not None), default=None)


def claim(connection: Connection, letter_id: int, now: datetime, lease_until: datetime) -> bool:
    """Begin a try; False if somebody else has. Should we end before it is told, it comes again at `lease_until`."""
    values = {"state": State.SENDING.value, "tries": _L.tries + 1, "lease_until": lease_until}
    claimed = update(letter).where(_L.id == letter_id, _is_due(now)).values(values).returning(_L.id)
    return connection.execute(claimed).scalar() is not None


def settle(
    connection: Connection, posted: Posted, state: State, reply: Reply, settled: Mapping[str, Reply] | None = None
) -> None:
    """Note that a letter is done with; `mark_sent` and `mark_bounced` tell the chain as well."""
    values: dict[str, object] = {"state": state.value, "lease_until": None} | _told(reply)
    if settled is not None:
        values["settled"] = _settled_text(settled)
    connection.execute(update(letter).where(_L.id == posted.id).values(values))


def mark_sent(
    connection: Connection, posted: Posted, now: datetime, reply: Reply, settled: Mapping[str, Reply]
) -> None:
    """Note that the mail server took it."""
    settle(connection, posted, State.SENT, reply, settled)
    connection.execute(update(letter).where(_L.id == posted.id).values(sent_at=now))
    _chain(connection, posted, ChainKind.MAIL_SENT, settled, now)


def mark_bounced(
    connection: Connection, posted: Posted, now: datetime, reply: Reply, settled: Mapping[str, Reply]
) -> None:
    """Note that it was refused for good, at once or afterwards; it stays sent if somebody else has taken it."""
    everybody = {*posted.letter.to, *posted.letter.cc}
    gone = all(address in settled and settled[address].final for address in everybody)
    settle(connection, posted, State.BOUNCED if gone else posted.state, reply, settled)
    _chain(connection, posted, ChainKind.MAIL_BOUNCE, settled, now)


def _chain(
    connection: Connection, posted: Posted, kind: ChainKind, settled: Mapping[str, Reply], now: datetime
) -> None:
    """Prove that a letter went out, or that it came back: to whom, and with which files."""
    files = []
    for row in _files_of(connection, posted.id):
        content = row.content if row.invoice_id is None else read_content(connection, row.invoice_id, row.kind)
        files.append([row.name, sha256(content or b"").hexdigest()])
    told = json.dumps([posted.message_id, json.loads(_settled_text(settled)), files], ensure_ascii=False)
    append(connection, posted.letter.operator_id, kind, posted.message_id, told.encode(), now)


def postpone(
    connection: Connection, posted: Posted, until: datetime, reply: Reply, settled: Mapping[str, Reply]
) -> None:
    """Note why a try failed, who is settled already, and when the next one is due."""
    values = {"state": State.RETRY.value, "lease_until": None, "next_at": until, "settled": _settled_text(settled)}
    connection.execute(update(letter).where(_L.id == posted.id).values(values | _told(reply)))


def note_outage(connection: Connection, now: datetime, until: datetime, text: str) -> int:
    """Note on all letters that are due that the mail server can't be reached; give how many.

    No try is counted: nothing was tried, and no letter is given up for it.
    """
    values = {"state": State.RETRY.value, "lease_until": None, "next_at": until} | _told(Reply(0, text))
    return connection.execute(update(letter).where(_is_due(now), ~_unrendered()).values(values)).rowcount


def end_outage(connection: Connection, now: datetime) -> None:
    """Make due what waits only because the mail server could not be reached, so that the order is kept."""
    waits = and_(_L.state == State.RETRY.value, _L.last_code == 0, _L.next_at > now)
    connection.execute(update(letter).where(waits).values(next_at=now))


def add_bad_addresses(connection: Connection, posted: Posted, refused: Mapping[str, Reply], now: datetime) -> list[str]:
    """Remember the addresses where nobody is, and give them. See `backend.core.invoices.letter.is_bad_address`."""
    bad = [address for address, reply in refused.items() if is_bad_address(reply)]
    for address in bad:
        row = {"operator_id": posted.letter.operator_id, "address": address.lower(), "since": now}
        row |= {"letter_id": posted.id, "reason": f"{refused[address].code} {refused[address].text}"}
        connection.execute(upsert(bad_address).values(row).on_conflict_do_nothing())
    return bad


def bad_among(connection: Connection, operator_id: str, addresses: Iterable[str]) -> dict[str, str]:
    """Give the bad ones among addresses, each with the reason."""
    known = {address.lower(): address for address in addresses}
    query = select(bad_address).where(bad_address.c.operator_id == operator_id, bad_address.c.address.in_(known))
    return {known[row.address]: row.reason for row in connection.execute(query)}


def find(connection: Connection, letter_id: int) -> Posted | None:
    """Read one letter."""
    row = connection.execute(_posted().where(_L.id == letter_id)).one_or_none()
    return _read(row) if row else None


def find_bounced(connection: Connection, token: str, message: str) -> Posted | None:
    """Find the letter that a report is about: by the token of its return path, else by its Message-ID."""
    if not (token or message):
        return None
    wanted = _L.token == token if token else _L.message_id == message
    row = connection.execute(_posted().where(wanted).order_by(_L.id.desc()).limit(1)).one_or_none()
    return _read(row) if row else None


def read_sender(connection: Connection, operator_id: str = "") -> tuple[str, Sender]:
    """Read who sends: an operator, the first one if none is named.

    Raises:
        MailError: there is no such operator.
    """
    query = select(operator).order_by(operator.c.id).limit(1)
    row = connection.execute(query.where(operator.c.id == operator_id) if operator_id else query).one_or_none()
    if row is None:
        raise MailError(f"there is no operator {operator_id}".rstrip() + "; emops-backend apply makes one")
    return row.id, Sender(row.name, row.street, row.postcode, row.city, row.phone, row.email)


def list_letters(
    connection: Connection,
    states: Sequence[State] = (),
    *,
    limit: int = 100,
    before: int | None = None,
    view: View = EVERYTHING,
) -> list[Posted]:
    """List letters, the newest first; of some states only, and before an id, if wanted."""
    query = _posted().where(of_operator(view, _L.operator_id)).order_by(_L.id.desc()).limit(limit)
    if states:
        query = query.where(_L.state.in_([state.value for state in states]))
    if before is not None:
        query = query.where(_L.id < before)
    return [_read(row) for row in connection.execute(query)]


def count_states(connection: Connection, view: View = EVERYTHING) -> dict[State, int]:
    """Count the letters of each state."""
    query = select(_L.state, func.count().label("number")).where(of_operator(view, _L.operator_id))
    rows = connection.execute(query.group_by(_L.state))
    return {State(row.state): row.number for row in rows}


def read_files(connection: Connection, letter_id: int) -> list[Blob]:
    """Read the attachments.

    Raises:
        MailError: the file of an invoice is not there.
    """
    files = []
    for row in _files_of(connection, letter_id):
        content = row.content if row.invoice_id is None else read_content(connection, row.invoice_id, row.kind)
        if content is None:
            raise MailError(f"letter {letter_id}: there is no file {row.name}")
        files.append(Blob(row.name, row.media_type, bytes(content)))
    return files


def file_names(connection: Connection, letter_id: int) -> list[str]:
    """Name the attachments."""
    f = letter_file.c
    return list(connection.scalars(select(f.name).where(f.letter_id == letter_id).order_by(f.position)))


def _files_of(connection: Connection, letter_id: int) -> Sequence[Row[Any]]:
    query = select(letter_file).where(letter_file.c.letter_id == letter_id).order_by(letter_file.c.position)
    return connection.execute(query).all()


def _is_due(now: datetime) -> ColumnElement[bool]:
    waits = and_(_L.state.in_(_WAITS), _L.next_at <= now)
    return or_(waits, and_(_L.state == State.SENDING.value, _L.lease_until <= now))


def _unrendered() -> ColumnElement[bool]:
    """Tell whether an attachment is not rendered yet."""
    f, p = letter_file.c, invoice_pdf.c
    missing = and_(f.letter_id == _L.id, f.kind == "pdf", p.invoice_id == f.invoice_id, p.content.is_(None))
    return exists().where(missing)


def _posted() -> Select[Any]:
    o = operator.c
    names = ("name", "street", "postcode", "city", "phone", "email")
    return select(letter, *(o[name].label(f"operator_{name}") for name in names)).join(operator, o.id == _L.operator_id)


def _read(row: Row[Any]) -> Posted:
    recipients = json.loads(row.recipients)
    order = Letter(
        operator_id=row.operator_id,
        purpose=Purpose(row.purpose),
        document=row.document,
        to=tuple(recipients["to"]),
        addressee=recipients["name"],
        cc=tuple(recipients["cc"]),
        language=row.language,
        template=row.template,
        values=json.loads(row.body),
        generation=row.generation,
    )
    return Posted(
        id=row.id,
        letter=order,
        sender=Sender(
            row.operator_name,
            row.operator_street,
            row.operator_postcode,
            row.operator_city,
            row.operator_phone,
            row.operator_email,
        ),
        state=State(row.state),
        tries=row.tries,
        message_id=row.message_id,
        token=row.token,
        settled={address: Reply(*reply) for address, reply in json.loads(row.settled).items()},
        last=Reply(row.last_code, row.last_text),
        created_at=row.created_at,
        next_at=row.next_at,
        sent_at=row.sent_at,
    )


def _told(reply: Reply) -> dict[str, object]:
    return {"last_code": reply.code, "last_text": reply.text}


def _settled_text(settled: Mapping[str, Reply]) -> str:
    return json.dumps({address: [reply.code, reply.text] for address, reply in settled.items()}, ensure_ascii=False)
