"""Reports of failed delivery (delivery status notifications, RFC 3464), as mail servers send them back. Pure."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses, parseaddr
from enum import StrEnum

from backend.core.invoices.letter import Reply


class Action(StrEnum):
    """What became of a recipient (RFC 3464 §2.3.3). Only `FAILED` is final and bad."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Fate:
    """What a report says of one recipient."""

    recipient: str
    action: Action
    reply: Reply


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `token` is of the return path it came to, `message_id` of the letter it is about; either may be ""."""

    token: str
    message_id: str
    fates: tuple[Fate, ...]


_CODE = re.compile(r"\b([245]\d\d)\b(?!\.)")
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_LONGEST = 300
"""Characters of a diagnostic text that are kept."""


def parse_report(raw: bytes, return_path: str) -> Report | None:
    """Read a report; None if the mail is something else, for instance a person's answer.

    Args:
        raw: the mail.
        return_path: the address with `{token}` that our letters name for reports; may be empty.
    """
    mail = message_from_bytes(raw)
    blocks = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
    if not blocks:
        return None
    fates = []
    for block in blocks:
        groups = block.get_payload()
        for group in groups if isinstance(groups, list) else []:
            fate = _fate(group) if isinstance(group, Message) else None
            if fate:
                fates.append(fate)
    return Report(_token(mail, return_path), _original_id(mail), tuple(fates)) if fates else None


def _fate(group: Message) -> Fate | None:
    """Read a per-recipient group; None of the first one, which is about the message."""
    recipient = _typed(group, "Original-Recipient") or _typed(group, "Final-Recipient")
    action = str(group.get("Action", "")).strip().lower().partition(" ")[0]
    if not recipient or action not in set(Action):
        return None
    status = _STATUS.search(str(group.get("Status", "")))
    diagnostic = " ".join(_typed(group, "Diagnostic-Code").split())
    code = _CODE.search(diagnostic)
    failed = action == Action.FAILED
    number = int(code[1]) if code and (not failed or code[1].startswith("5")) else 554 if failed else 0
    words = [status[0]] if status and status[0] not in diagnostic else []
    text = " ".join([*words, diagnostic])[:_LONGEST].strip() or action
    return Fate(recipient, Action(action), Reply(number, text, personal=True))


def _typed(group: Message, name: str) -> str:
    """Give a field's value without its type: `rfc822; erika@example.com` (RFC 3464 §2.1.2)."""
    kind, semicolon, value = str(group.get(name, "")).partition(";")
    return parseaddr(value)[1] or value.strip() if semicolon and "ecipient" in name else (value or kind).strip()


def _token(mail: Message, return_path: str) -> str:
    before, mark, after = return_path.partition("{token}")
    if not mark:
        return ""
    shape = re.compile(f"{re.escape(before)}([0-9a-f]+){re.escape(after)}", re.IGNORECASE)
    fields = [str(value) for name in ("Delivered-To", "X-Original-To", "To") for value in mail.get_all(name, [])]
    for _, address in getaddresses(fields):
        found = shape.fullmatch(address)
        if found:
            return found[1].lower()
    return ""


def _original_id(mail: Message) -> str:
    """Give the Message-ID of what came back: its headers, or all of it, are the last part (RFC 3462)."""
    for part in mail.walk():
        kind, content = part.get_content_type(), part.get_payload()
        if kind == "message/rfc822" and isinstance(content, list) and content and isinstance(content[0], Message):
            return str(content[0].get("Message-ID", "")).strip()
        if kind == "text/rfc822-headers" and isinstance(content, str):
            return str(message_from_bytes(content.encode("utf-8", "replace")).get("Message-ID", "")).strip()
    return ""
