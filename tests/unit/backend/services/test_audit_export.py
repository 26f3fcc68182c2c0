"""The folder for an auditor: written from a real database, checked by itself, and after somebody has been at it."""

import asyncio
import csv
import json
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest

from backend.__main__ import main
from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.jobs.render_invoices import InvoiceRenderer
from backend.store.reversals import ByHand, cancel, credit
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days, an invoice each; a Storno and a credit note after them. The second day's PDF was rendered later."""
    path = tmp_path_factory.mktemp("audit")

    async def fill() -> None:
        clock = ManualClock(EVENING)
        async with billing_store(path / "db", "at_once", customer={"payment": "card", "card": "4711"}) as store:
            for day in range(5):
                await add_transaction(store, start=EVENING + timedelta(days=day, hours=-6))
                await rate_ended(store, clock, Policy())
                await InvoiceIssuer(store, clock, BillingSettings(grace_s=0, hold_days=0)).run()
                if day != 1:
                    await InvoiceRenderer(store, clock, 1.0).run()
                clock.advance(86_400)
            now = EVENING + timedelta(days=4, hours=1)
            await store.write(lambda unit: cancel(unit, ByHand("RE-2026-000002", "Probe; mit Semikolon"), now))
            await store.write(lambda unit: credit(unit, ByHand("RE-2026-000003", "gestört"), {1: Decimal(1)}, now))
            await InvoiceRenderer(store, clock, 1.0).run()

    asyncio.run(fill())
    (path / "backend.toml").write_text(f'[store]\npath = "{path}/db"\n')
    return path


def export(installation: Path, folder: Path, first: str = "2026-10-16", last: str = "2026-10-19") -> int:
    span = ["--from", first, "--to", last, "--operator", "acme"]
    return main(["audit", "export", "--config", str(installation / "backend.toml"), *span, str(folder)])


@pytest.fixture(scope="module")
def exported(installation: Path) -> Path:
    folder = installation / "export"
    assert export(installation, folder) == 0
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_the_folder_has_what_an_auditor_asks_for(exported: Path) -> None:
    invoices = table(exported / "journal/invoices.csv")
    assert [row["number"] for row in invoices] == [
        "RE-2026-000002",
        "RE-2026-000003",
        "RE-2026-000004",
        "RE-2026-000005",
        "ST-2026-000001",
        "RE-K-2026-000001",
    ]
    assert invoices[0]["cancelled_by"] == "ST-2026-000001"
    assert (invoices[4]["total"], invoices[4]["reason"]) == ("-" + invoices[0]["total"], "Probe; mit Semikolon")
    assert invoices[5]["total"] == "-1,00"
    lines = table(exported / "journal/lines.csv")
    sums = sum(Decimal(row["gross"].replace(",", ".")) for row in lines if row["number"] == "RE-2026-000002")
    assert sums == Decimal(invoices[0]["total"].replace(",", "."))
    sessions = table(exported / "journal/sessions.csv")
    assert [(row["session"], row["documents"]) for row in sessions] == [
        ("2", "RE-2026-000002"),
        ("3", "RE-2026-000003"),
        ("4", "RE-2026-000004"),
        ("5", "RE-2026-000005"),
    ]
    assert sessions[0]["token"] == "***F6"
    assert len(table(exported / "journal/payments.csv")) >= 4
    assert {path.stem for path in (exported / "pdf").iterdir()} == {row["number"] for row in invoices}
    assert len(list((exported / "xml").iterdir())) == 6
    tables = ElementTree.parse(exported / "index.xml").findall(".//Table/URL")
    assert all((exported / (one.text or "")).is_file() for one in tables)
    for name in ("LIESMICH.md", "README.md", "verfahrensdokumentation.md", "procedures.md"):
        assert "$" not in (exported / name).read_text("utf-8")


def test_it_is_proved_by_itself_and_its_index_is_in_the_chain(
    installation: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "check", str(exported)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    digest = sha256((exported / "index.csv").read_bytes()).hexdigest()
    assert f"6 documents, entries {_seqs(exported)} of the chain, all is as it was exported" in told.out
    assert told.out.strip().endswith(digest)
    with sqlite3.connect(installation / "db") as connection:
        rows = connection.execute("SELECT ref, sha256 FROM chain WHERE kind = 'export'").fetchall()
    connection.close()
    assert ("2026-10-16..2026-10-19", digest) in rows
    assert main(["audit", "verify", "--config", str(installation / "backend.toml")]) == 0


def _seqs(folder: Path) -> str:
    chain = table(folder / "chain.csv")
    return f"{chain[0]['seq']} to {chain[-1]['seq']}"


def relist(folder: Path) -> None:
    """Write the index anew, as somebody who wants to deceive would."""
    names = [row["file"] for row in table(folder / "index.csv") if (folder / row["file"]).is_file()]
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("file", "bytes", "sha256"))
        for name in names:
            content = (folder / name).read_bytes()
            writer.writerow((name, len(content), sha256(content).hexdigest()))


def replace_in(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_bytes().decode()
        assert old in text
        (folder / name).write_bytes(text.replace(old, new, 1).encode())
        relist(folder)

    return change


def remove(*names: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()
        relist(folder)

    return change


def cut_chain(folder: Path) -> None:
    rows = (folder / "chain.csv").read_bytes().split(b"\r\n")
    (folder / "chain.csv").write_bytes(b"\r\n".join([*rows[:4], *rows[5:]]))
    relist(folder)


def forget_last(folder: Path) -> None:
    """Leave out the last document everywhere but in the chain."""
    manifest = json.loads((folder / "export.json").read_text("utf-8"))
    manifest["documents"] -= 1
    manifest["series"] = [one for one in manifest["series"] if one["kind"] != "credit"]
    (folder / "export.json").write_text(json.dumps(manifest))
    remove(*(f"{kind}/RE-K-2026-000001.{end}" for kind, end in (("document", "json"), ("xml", "xml"), ("pdf", "pdf"))))(
        folder
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "xml/RE-2026-000003.xml").write_bytes(b"<x/>"), "was changed: the index has another"),
        (lambda folder: (folder / "more.txt").write_bytes(b"x"), "more.txt is not in the index"),
        (lambda folder: (folder / "pdf/RE-2026-000003.pdf").unlink(), "pdf/RE-2026-000003.pdf is missing"),
        (replace_in("xml/RE-2026-000003.xml", "Erika", "Frida"), "xml/RE-2026-000003.xml is not what the chain covers"),
        (replace_in("document/RE-2026-000003.json", "Erika", "Frida"), "RE-2026-000003: it is not what the chain"),
        (replace_in("journal/invoices.csv", "16,23", "6,23"), "is 6,23 in journal/invoices.csv"),
        (replace_in("journal/payments.csv", "16.23", "6.23"), "is not what the chain covers"),
        (replace_in("chain.csv", "invoice.pdf", "invoice.xml"), "was changed: its hash is of something else"),
        (cut_chain, "does not follow the entry before it"),
        (remove("xml/RE-2026-000003.xml"), "xml/RE-2026-000003.xml is missing: the chain has it"),
        (forget_last, "RE-K-2026-000001: the chain has it, but it is not in the folder"),
    ],
)
def test_every_change_is_found(
    exported: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    change(folder)
    assert main(["audit", "check", str(folder)]) == 1
    assert told in capsys.readouterr().err


def test_a_span_without_documents_and_wrong_wishes(
    installation: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(installation, tmp_path / "empty", "2025-01-01", "2025-01-31") == 0
    assert main(["audit", "check", str(tmp_path / "empty")]) == 0
    assert export(installation, tmp_path / "other", "2026-02-01", "2026-01-01") == 1
    assert export(installation, tmp_path / "other", "January", "2026-01-01") == 1
    assert export(installation, exported) == 1
    assert main(["audit", "check", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    for text in ("is before --from", "write a day such as", "is not empty", "is no folder of an export"):
        assert text in told
