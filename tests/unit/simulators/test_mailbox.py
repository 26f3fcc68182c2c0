"""The mail server, as a mail client meets it."""

import asyncio
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.mailbox import Mailbox

MAIL = b"From: billing@example.com\r\nTo: driver@example.com\r\nSubject: invoice \xc3\xa4\r\n\r\nline\r\n..dots\r\n"


def _with(folder: Path, use: Callable[[int], None], *, greylist: bool = False, accepting: bool = True) -> None:
    async def run() -> None:
        mailbox = Mailbox("127.0.0.1", 0, folder, greylist=greylist)
        async with mailbox.serve():
            await mailbox.set_accepting(accepting)
            await asyncio.to_thread(use, mailbox.port)

    asyncio.run(run())


def _send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.sendmail("billing@example.com", ["driver@example.com"], MAIL)


def test_a_mail_is_kept_byte_for_byte(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mailbox"
    _with(folder, _send)
    _with(folder, _send)
    assert [file.name for file in sorted(folder.iterdir())] == ["0001.eml", "0002.eml"]
    assert (folder / "0001.eml").read_bytes() == MAIL


def test_down_means_refused(tmp_path: Path) -> None:
    def use(port: int) -> None:
        with pytest.raises(ConnectionRefusedError):
            _send(port)

    _with(tmp_path, use, accepting=False)
    assert list(tmp_path.iterdir()) == []


def test_greylisting_refuses_once(tmp_path: Path) -> None:
    def use(port: int) -> None:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            _send(port)
        assert caught.value.recipients["driver@example.com"][0] == 451
        _send(port)

    _with(tmp_path, use, greylist=True)
    assert len(list(tmp_path.glob("*.eml"))) == 1


def test_it_comes_back_at_the_same_port(tmp_path: Path) -> None:
    async def run() -> None:
        mailbox = Mailbox("127.0.0.1", 0, tmp_path)
        async with mailbox.serve():
            port = mailbox.port
            await mailbox.set_accepting(False)
            await mailbox.set_accepting(True)
            await asyncio.to_thread(_send, port)

    asyncio.run(run())
    assert len(list(tmp_path.glob("*.eml"))) == 1
