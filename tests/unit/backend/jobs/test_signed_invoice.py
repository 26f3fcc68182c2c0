"""Signed values from the station's message to the invoice: the same bytes in the PDF, in the mail and as a download."""

import asyncio
import base64
import io
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest
from sqlalchemy import Connection, select

from backend.core.invoices.letter import SIGNED
from backend.core.proofs.transparency import read_transparency_xml
from backend.core.rates.rating import Policy
from backend.core.tariffs.assignment import ALWAYS
from backend.csms.handlers_v16 import handlers_v16
from backend.csms.handlers_v201 import handlers_v201
from backend.csms.handling import Sender
from backend.jobs.rate_ended import rate_ended
from backend.jobs.verify_signed import verify_signed
from backend.store.invoice_files import invoice_file
from backend.store.invoice_tables import invoice
from backend.store.letter_tables import letter_file
from backend.store.rating_tables import tariff_assignment
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId, MessageId
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import TOKEN, Mailbox, billing_store, open_mailbox, run_all_jobs, transactions
from tests.unit.backend.signed_example import METER, Charge, pin, require_proof

CHARGE = Charge(EVENING)
END = EVENING + timedelta(minutes=150)


def at(minutes: int) -> str:
    return f"{EVENING + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def signed_json(text: str) -> dict[str, str]:
    """Give a SignedMeterValueType as the application note has it."""
    key = base64.b64encode(f"oca:base16:asn1:{METER.key}".encode()).decode()
    data = base64.b64encode(text.encode()).decode()
    return {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": key}


def messages_v16(text: str) -> list[tuple[str, Payload]]:
    sample = {"value": json.dumps(signed_json(text)), "format": "SignedData", "context": "Transaction.End"}
    data = [{"timestamp": at(150), "sampledValue": [sample]}]
    status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    start = {"connectorId": 1, "idTag": TOKEN, "meterStart": 1_000_000, "timestamp": at(0)}
    stop = {"transactionId": 1, "meterStop": 1_027_500, "timestamp": at(150), "transactionData": data}
    return [("StatusNotification", status), ("StartTransaction", start), ("StopTransaction", stop)]


def messages_v201(text: str) -> list[tuple[str, Payload]]:
    def event(kind: str, seq_no: int, minutes: int, sample: Payload) -> tuple[str, Payload]:
        value = {"timestamp": at(minutes), "sampledValue": [sample]}
        return "TransactionEvent", {
            "eventType": kind,
            "timestamp": at(minutes),
            "triggerReason": "Authorized",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": "T-1"},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": TOKEN, "type": "ISO14443"},
            "meterValue": [value],
        }

    status = {"timestamp": at(0), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    begin = {"value": 1_000_000, "context": "Transaction.Begin"}
    end = {"value": 1_027_500, "context": "Transaction.End", "signedMeterValue": signed_json(text)}
    return [("StatusNotification", status), event("Started", 0, 0, begin), event("Ended", 1, 150, end)]


MESSAGES = {Version.V16: messages_v16, Version.V201: messages_v201}


def assign(connection: Connection) -> None:
    scope = {"operator_id": "acme", "scope": "operator", "target": "acme", "tariff_id": "day-night"}
    connection.execute(tariff_assignment.insert().values(**scope, valid_from=ALWAYS))


async def tell(store: Store, version: Version) -> None:
    table = handlers_v16(300) if version is Version.V16 else handlers_v201(300, lambda _number: None)
    for number, (action, payload) in enumerate(MESSAGES[version](CHARGE.both)):
        sender = Sender(ChargePointId("CP-1"), MessageId(f"m-{number}"), version)
        await store.write(lambda unit, a=action, p=payload, s=sender: table[a](p, s, unit, END))  # type: ignore[misc]


@pytest.mark.parametrize("version", MESSAGES)
def test_the_bytes_that_the_meter_signed_reach_the_customer(tmp_path: Path, version: Version) -> None:
    async def run() -> bytes:
        clock = ManualClock(EVENING + timedelta(days=1))
        async with billing_store(tmp_path / "db") as store, open_mailbox(Mailbox()) as box:
            await require_proof(store)
            await pin(store)
            await store.write(assign)
            await tell(store, version)
            await verify_signed(store, clock)
            await rate_ended(store, clock, Policy(), allow_unsigned_time=True)
            assert [(one.state, one.held_reason) for one in await transactions(store)] == [("rated", "")]
            await run_all_jobs(store, clock, box)
            [mail] = box.mails
            pdf, messdaten = (part.get_content() for part in mail.iter_attachments())
            number = await store.read(lambda unit: unit.scalars(select(invoice.c.number)).one())
            download = await store.read(lambda unit: invoice_file(unit, number, SIGNED))
            assert await store.read(lambda unit: unit.scalars(select(letter_file.c.kind)).all()) == ["pdf", SIGNED]
        assert download
        with pikepdf.open(io.BytesIO(pdf)) as document:
            names = [str(file.F) for file in document.Root.AF]
            relations = [str(file.AFRelationship) for file in document.Root.AF]
            inside = document.attachments["messdaten.xml"].get_file().read_bytes()
        assert names == ["factur-x.xml", "messdaten.xml"]
        assert relations == ["/Alternative", "/Supplement"]
        assert inside == messdaten == download.content
        [value] = read_transparency_xml(inside)
        assert value.text.encode() == CHARGE.both.encode()
        assert (value.key, value.transaction_id) == (METER.key, 1)
        assert isinstance(pdf, bytes)
        return pdf

    pdf = asyncio.run(run())
    (tmp_path / "invoice.pdf").write_bytes(pdf)
    listed = subprocess.run(["pdfdetach", "-list", tmp_path / "invoice.pdf"], capture_output=True, check=True)
    assert listed.stdout.startswith(b"2 embedded files")
    paper = subprocess.run(["pdftotext", tmp_path / "invoice.pdf", "-"], capture_output=True, check=True).stdout
    assert "0,000 kWh – 27,500 kWh" in paper.decode()
    assert f"geprüft, gültig (Zähler {METER.serial})" in paper.decode()
