"""Letters over a mail server that greylists, refuses, breaks off, is slow, encrypts, or is away for days."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest

from backend.core.invoices.letter import Blob, Letter, Purpose, State
from backend.jobs.bounce_mailbox import BounceSettings
from backend.jobs.read_bounces import BounceReader
from backend.jobs.relay import MailSettings, probe
from backend.jobs.send_mail import Mailer, open_templates, write_probe
from backend.store import outbox
from backend.store.outbox import Posted
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import Secret
from simulators.mailbox import Mailbox, Temper
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import billing_store, make_mailer

HOUR = 3600


class Bench:
    """A store with letters, a mail server and world time."""

    def __init__(self, store: Store, box: Mailbox) -> None:
        self.store, self.box, self.clock = store, box, ManualClock(EVENING)

    def settings(self, **changes: Any) -> MailSettings:
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.box.port,
            "security": "none",
            "timeout_s": 5.0,
            "per_minute": 0.0,
        }
        return MailSettings(**(values | changes))

    async def order(self, *names: str, **changes: Any) -> None:
        for name in names:
            to = changes.get("to", (f"{name}@example.com",))
            values = {"customer": name, "title": name, "start": "2026-10-01", "end": "2026-10-31"}
            rest = {"purpose": Purpose.STATEMENT, "document": name, "values": values} | changes | {"to": to}
            letter = Letter(operator_id="acme", **rest)
            await self._queue(letter)

    async def _queue(self, letter: Letter) -> None:
        await self.store.write(lambda unit: outbox.queue(unit, letter, self.clock.utc()))

    async def letters(self) -> list[Posted]:
        return list(reversed(await self.store.read(outbox.list_letters)))

    async def states(self) -> dict[str, str]:
        return {one.letter.document: one.state.value for one in await self.letters() if one.letter.purpose != "alert"}

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]).partition(",")[0] for mail in self.mails()]

    def mails(self) -> list[Any]:
        return [message_from_bytes(path.read_bytes(), policy=default) for path in self.box.mails()]


@asynccontextmanager
async def bench(folder: Path, temper: Temper | None = None) -> AsyncIterator[Bench]:
    box = Mailbox("127.0.0.1", 0, folder / "mails", temper=temper)
    async with billing_store(folder / "db") as store, box.serve():
        yield Bench(store, box)


def run(tmp_path: Path, test: Callable[[Bench], Awaitable[None]], temper: Temper | None = None) -> None:
    async def whole() -> None:
        async with bench(tmp_path, temper) as place:
            await test(place)

    asyncio.run(whole())


def test_two_days_without_mail_server_lose_nothing_double_nothing_and_keep_the_order(tmp_path: Path) -> None:
    async def test(place: Bench) -> None:
        names = [f"n{i:02}" for i in range(12)]
        await place.box.set_accepting(False)
        await place.order(*names[:5])
        mailer, until = make_mailer(place.store, place.clock, place.settings()), EVENING + timedelta(days=2)
        while place.clock.utc() < until:
            due = await mailer.run()
            assert due is not None
            place.clock.advance((due - place.clock.utc()).total_seconds())
            if len(await place.states()) < 10:
                await place.order(names[len(await place.states())])
        mailer = make_mailer(place.store, place.clock, place.settings())  # the program was started again meanwhile
        await place.order(*names[10:])
        await mailer.run()
        assert set((await place.states()).values()) == {"retry"}
        await place.box.set_accepting(True)
        place.clock.advance(HOUR)
        await mailer.run()
        assert place.subjects() == names
        assert {one.tries for one in await place.letters()} == {1}
        assert len({mail["Message-ID"] for mail in place.mails()}) == 12

    run(tmp_path, test)


def test_greylisting_delays_only_whom_it_hits(tmp_path: Path) -> None:
    async def test(place: Bench) -> None:
        await place.order("a", "grey", "b")
        mailer = make_mailer(place.store, place.clock, place.settings())
        await mailer.run()
        assert place.subjects() == ["a", "b"]
        place.clock.advance(61)
        await mailer.run()
        assert place.subjects() == ["a", "b", "grey"]
        assert await place.states() == {"a": "sent", "grey": "sent", "b": "sent"}

    run(tmp_path, test, Temper(greylist=True, greylisted="grey"))


def test_who_took_a_letter_does_not_get_it_again_for_those_who_did_not(tmp_path: Path) -> None:
    async def test(place: Bench) -> None:
        to = ("fine@example.com", "grey@example.com", "gone@example.com")
        await place.order("one", to=to)
        mailer = make_mailer(place.store, place.clock, place.settings())
        seen: list[list[str]] = []
        take = place.box.handle_DATA

        async def handle_data(server: Any, session: Any, envelope: Any) -> str:
            seen.append(list(envelope.rcpt_tos))
            return await take(server, session, envelope)

        place.box.handle_DATA = handle_data  # type: ignore[assignment, method-assign]
        await mailer.run()
        place.clock.advance(61)
        await mailer.run()
        (letter, alert) = await place.letters()
        assert seen == [["fine@example.com"], ["rechnung@example.com"], ["grey@example.com"]]
        assert letter.state is State.SENT
        assert letter.last.text == "gone@example.com: 5.1.1 no such user"
        assert alert.letter.values["lines"] == [
            "gone@example.com: 550 5.1.1 no such user",
            f"Erneut senden: emops-backend mail resend {letter.id}, oder Seite E-Mail.",
        ]

    run(tmp_path, test, Temper(greylist=True, greylisted="grey"))


def test_an_address_that_is_gone_is_not_tried_again_until_a_person_says_so(tmp_path: Path) -> None:
    async def test(place: Bench) -> None:
        mailer = make_mailer(place.store, place.clock, place.settings())
        for name in ("first", "second"):
            await place.order(name, to=("Gone@example.com",) if name == "second" else ("gone@example.com",))
            await mailer.run()
        assert await place.states() == {"first": "bounced", "second": "failed"}
        second = next(one for one in await place.letters() if one.letter.document == "second")
        assert "known as bad" in second.last.text
        place.box.temper.gone = "nobody"
        await place.store.write(lambda unit: outbox.resend(unit, second.id, place.clock.utc()))
        await mailer.run()
        again = (await place.letters())[-1]
        assert (again.state, again.letter.generation) == (State.SENT, 2)
        assert again.message_id != second.message_id

    run(tmp_path, test)


def test_breaking_off_after_the_data_repeats_one_message_id_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def test(place: Bench) -> None:
        await place.order("a", "b", "c")
        mailer = make_mailer(place.store, place.clock, place.settings())
        await mailer.run()
        assert await place.states() == {"a": "retry", "b": "sent", "c": "sent"}
        place.clock.advance(61)
        await mailer.run()
        assert place.subjects() == ["a", "b", "c", "a"]
        assert len({mail["Message-ID"] for mail in place.mails()}) == 3
        assert set((await place.states()).values()) == {"sent"}

    run(tmp_path, test, Temper(drops=1))


def test_a_server_that_is_too_slow_is_given_up_for_now(tmp_path: Path) -> None:
    async def test(place: Bench) -> None:
        await place.order("a")
        await make_mailer(place.store, place.clock, place.settings(timeout_s=0.2)).run()
        (letter,) = await place.letters()
        assert (letter.state, letter.last.code) == (State.RETRY, 0)
        assert "Timeout" in letter.last.text
        place.box.temper.delay_s = 0.0
        place.clock.advance(61)
        await make_mailer(place.store, place.clock, place.settings()).run()
        assert set((await place.states()).values()) == {"sent"}

    run(tmp_path, test, Temper(delay_s=1.0))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*request, *files, *names], check=True, capture_output=True)
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def _secure(place: Bench, ca: Path | str, password: str = "right") -> MailSettings:
    changes = {"security": "starttls", "ca_file": str(ca), "user": "emops", "password": Secret(password)}
    return place.settings(**changes)


def test_letters_go_encrypted_and_logged_in(tmp_path: Path, certificate: tuple[Path, SSLContext]) -> None:
    ca, context = certificate

    async def test(place: Bench) -> None:
        await place.order("a", "b")
        await make_mailer(place.store, place.clock, _secure(place, ca)).run()
        assert place.subjects() == ["a", "b"]

    run(tmp_path, test, Temper(tls=context, login=("emops", "right")))


@pytest.mark.parametrize(("password", "trusted"), [("wrong", True), ("right", False)])
def test_a_wrong_password_or_certificate_pauses_all_and_counts_no_try(
    tmp_path: Path, certificate: tuple[Path, SSLContext], password: str, trusted: bool
) -> None:
    ca, context = certificate

    async def test(place: Bench) -> None:
        await place.order("a", "b")
        settings = _secure(place, ca if trusted else "", password)
        await make_mailer(place.store, place.clock, settings).run()
        assert [(one.state, one.tries) for one in await place.letters()] == [(State.RETRY, 0)] * 2
        assert ("certificate" if password == "right" else "535") in (await place.letters())[0].last.text

    run(tmp_path, test, Temper(tls=context, login=("emops", "right")))


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, {"connect": True, "encrypt": True, "login": True, "send": True}),
        ({"password": Secret("wrong")}, {"connect": True, "encrypt": True, "login": False}),
        ({"ca_file": ""}, {"connect": True, "encrypt": False}),
        ({"port": 1}, {"connect": False}),
    ],
)
def test_a_probe_tells_how_far_it_came(
    tmp_path: Path, certificate: tuple[Path, SSLContext], changes: dict[str, Any], steps: dict[str, bool]
) -> None:
    ca, context = certificate

    async def test(place: Bench) -> None:
        secure = {"security": "starttls", "ca_file": str(ca), "user": "emops", "password": Secret("right")}
        settings = place.settings(**(secure | changes))
        who = await place.store.read(outbox.read_sender)
        message = write_probe(open_templates(settings), settings, who, "me@example.com", EVENING)
        told = [step async for step in probe(settings, message, "rechnung@example.com", "me@example.com")]
        assert {step.name: step.good for step in told} == steps
        assert len(place.mails()) == int(steps.get("send", False))

    run(tmp_path, test, Temper(tls=context, login=("emops", "right")))


def test_a_report_marks_the_letter_and_tells_the_operator_once(tmp_path: Path) -> None:
    case = Path(__file__).parents[1] / "cases" / "dsn" / "unknown_user.eml"
    other = case.with_name("no_report.eml")

    async def test(place: Bench) -> None:
        settings = place.settings(return_path="bounce+{token}@example.com")
        await place.order("one", to=("gone@example.com",))
        await make_mailer(place.store, place.clock, settings).run()
        (letter,) = await place.letters()
        assert letter.state is State.SENT
        folder = tmp_path / "reports"
        folder.mkdir()
        raw = case.read_bytes().replace(b"00112233aabbccdd", letter.token.encode())
        reader = BounceReader(place.store, place.clock, BounceSettings("folder", str(folder)), settings, 1.0)
        for name in ("1.eml", "2.eml"):
            (folder / name).write_bytes(raw)
        (folder / "3.eml").write_bytes(other.read_bytes())
        await reader.run()
        letter, alert = await place.letters()
        assert (letter.state, letter.last.code) == (State.BOUNCED, 550)
        assert alert.letter.purpose is Purpose.ALERT
        assert [path.name for path in folder.iterdir()] == ["3.eml"]

    run(tmp_path, test, Temper(gone="nobody"))


def test_a_large_file_becomes_a_link_and_without_one_a_person_is_asked(tmp_path: Path) -> None:
    async def link(posted: Posted) -> str:
        return f"https://laden.example.com/d/{posted.letter.document}"

    async def test(place: Bench) -> None:
        settings = place.settings(largest_mb=0.1)
        big = (Blob("big.pdf", "application/pdf", bytes(200_000)),)
        await place.order("linked", files=big)
        await Mailer(place.store, place.clock, settings, 1.0, link=link).run()
        (mail,) = place.mails()
        assert "https://laden.example.com/d/linked" in mail.get_body(("plain",)).get_content()
        assert list(mail.iter_attachments()) == []
        await place.order("unlinked", files=big)
        await make_mailer(place.store, place.clock, settings).run()
        assert (await place.states())["unlinked"] == "failed"

    run(tmp_path, test)
