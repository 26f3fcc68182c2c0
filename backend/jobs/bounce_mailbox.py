"""Where reports of failed delivery come in: a mailbox (IMAP or POP3), or a folder that a mail server fills.

Blocking, by the standard library: call it in a thread. Every step has a time-out.
"""

import imaplib
import poplib
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import MailError
from shared.config import setting
from shared.ids import Secret

_AT_ONCE = 50
"""Mails read in one round: bounds the memory it takes."""


@dataclass(frozen=True, slots=True)
class BounceSettings:
    """Where the mails that our letters' return path names are found."""

    kind: str = setting(
        "none", choices=("none", "folder", "imap", "pop3"), help="where reports of failed delivery come in"
    )
    folder: str = setting("", help="folder of .eml files, for kind folder; those that were read are deleted")
    host: str = setting("", help="server of the mailbox; it is spoken to by TLS")
    port: int = setting(0, minimum=0, maximum=65535, help="its TCP port; 0 = 993 for IMAP, 995 for POP3")
    user: str = setting("", help="user name at the mailbox")
    password: Secret = setting(Secret(""), help="password at the mailbox")
    ca_file: str = setting("", help="PEM file of certificates to trust instead of the system's; empty = the system's")
    every_s: float = setting(300.0, unit="s", minimum=1.0, help="look so often (real time)")
    timeout_s: float = setting(30.0, unit="s", minimum=1.0, maximum=600.0, help="give up a step after so long")


class MailboxError(MailError):
    """The mailbox can't be read now."""


def fetch(settings: BounceSettings, known: Collection[str]) -> list[tuple[str, bytes]]:
    """Read mails that are not known yet, each with a name that `remove` understands.

    Raises:
        MailboxError: the mailbox can't be read now.
    """
    with _told(settings):
        match settings.kind:
            case "folder":
                files = [path for path in sorted(Path(settings.folder).glob("*.eml")) if path.name not in known]
                return [(path.name, path.read_bytes()) for path in files[:_AT_ONCE]]
            case "imap":
                with _imap(settings) as box:
                    names = _answer(box.uid("search", "UNDELETED"))[0].decode().split()
                    new = [name for name in names if name not in known][:_AT_ONCE]
                    return [(name, _answer(box.uid("fetch", name, "(BODY.PEEK[])"))[0][1]) for name in new]
            case "pop3":
                with _pop3(settings) as box:
                    new = [(i, name) for i, name in _uidl(box) if name not in known][:_AT_ONCE]
                    return [(name, b"\r\n".join(box.retr(i)[1])) for i, name in new]
    return []


def remove(settings: BounceSettings, names: Collection[str]) -> None:
    """Delete mails that have been dealt with; those that are gone already are no error.

    Raises:
        MailboxError: the mailbox can't be reached now.
    """
    with _told(settings):
        match settings.kind:
            case "folder":
                for name in names:
                    (Path(settings.folder) / name).unlink(missing_ok=True)
            case "imap":
                with _imap(settings) as box:
                    box.uid("store", ",".join(names), "+FLAGS", r"(\Deleted)")
                    box.expunge()
            case "pop3":
                with _pop3(settings) as box:
                    for i, name in _uidl(box):
                        if name in names:
                            box.dele(i)


@contextmanager
def _told(settings: BounceSettings) -> Iterator[None]:
    try:
        yield
    except (OSError, imaplib.IMAP4.error, poplib.error_proto, EOFError, TypeError, IndexError) as error:
        where = settings.folder if settings.kind == "folder" else f"{settings.host}, user {settings.user}"
        raise MailboxError(f"can't read the reports at {where}: {type(error).__name__}: {error}") from error


@contextmanager
def _imap(settings: BounceSettings) -> Iterator[imaplib.IMAP4]:
    port, context = settings.port or 993, _context(settings)
    box = imaplib.IMAP4_SSL(settings.host, port, ssl_context=context, timeout=settings.timeout_s)
    try:
        box.login(settings.user, settings.password.value)
        box.select()
        yield box
    finally:
        box.logout()


@contextmanager
def _pop3(settings: BounceSettings) -> Iterator[poplib.POP3]:
    port, context = settings.port or poplib.POP3_SSL_PORT, _context(settings)
    box = poplib.POP3_SSL(settings.host, port, context=context, timeout=settings.timeout_s)
    try:
        box.user(settings.user)
        box.pass_(settings.password.value)
        yield box
        box.quit()  # only now are mails deleted
    finally:
        box.close()


def _context(settings: BounceSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file or None)


# Any: bytes, or tuples of bytes, by the command.
def _answer(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(str(data))
    return data


def _uidl(box: poplib.POP3) -> list[tuple[int, str]]:
    pairs = (line.decode("ascii", "replace").split(maxsplit=1) for line in box.uidl()[1])
    return [(int(number), name) for number, name in pairs]
