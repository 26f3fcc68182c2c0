import asyncio
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.invoices.letter import Letter, Purpose, Reply
from backend.store import outbox
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import billing_store


def test_a_text_is_shown_without_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mail", "preview", "dunning", "--language", "en"]) == 0
    assert capsys.readouterr().out.startswith("Subject: Dunning notice no. 2 from Stadtwerke Beispielstadt\n\nHello")
    assert not Path("emops.sqlite").exists()


def test_an_own_text_that_can_not_be_used_fails_the_check_of_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "texts" / "acme" / "de" / "invoice.txt"
    text.parent.mkdir(parents=True)
    text.write_text("Beleg {{ nummer }}\n")
    (tmp_path / "c.toml").write_text(f'[mail]\ntemplates = "{tmp_path}/texts"\n')
    assert main(["check-config", "--config", str(tmp_path / "c.toml")]) == 1
    assert "invoice.txt names nummer, which no such letter has" in capsys.readouterr().err


def test_letters_are_listed_told_and_sent_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def fill() -> None:
        async with billing_store(tmp_path / "db") as store:
            values = {"customer": "Erika", "title": "T", "start": "2026-10-01", "end": "2026-10-31"}
            order = Letter(
                operator_id="acme", purpose=Purpose.STATEMENT, document="HS-1", to=("erika@example.com",), values=values
            )
            await store.write(lambda unit: outbox.queue(unit, order, EVENING))
            posted = await store.read(lambda unit: outbox.find(unit, 1))
            assert posted is not None
            refused = {"erika@example.com": Reply(550, "5.1.1 gone", personal=True)}
            await store.write(
                lambda unit: outbox.mark_bounced(unit, posted, EVENING, Reply(550, "5.1.1 gone"), refused)
            )

    asyncio.run(fill())
    (tmp_path / "c.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    config = ["--config", str(tmp_path / "c.toml")]
    assert main(["mail", "resend", "1", "--to", "new@example.com", *config]) == 0
    assert main(["mail", "resend", "2", *config]) == 1
    assert main(["mail", "list", *config]) == 0
    assert main(["mail", "show", "1", *config]) == 0
    assert main(["mail", "preview", "1", *config]) == 0
    assert main(["mail", "probe", "me@example.com", *config]) == 1
    told = capsys.readouterr()
    assert "letter 1 will be sent again as letter 2" in told.out
    assert "letter 2 is queued: it is sent by itself, once" in told.err
    assert "id=2 state=queued operator=acme purpose=statement document=HS-1 generation=2 to=new@example.com" in told.out
    assert "erika@example.com: 550 5.1.1 gone" in told.out
    assert "Guten Tag Erika," in told.out
    assert "FAILED  connection: mail.host is empty" in told.out
