"""Files for the bank, written by sepaxml, which no other module knows: direct debits and transfers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from xml.etree import ElementTree  # reads only what was written here

from sepaxml import SepaDD, SepaTransfer
from sepaxml.validation import ValidationError, try_valid_xml

from backend.core.invoices.payout import Payout, PayoutBatch
from backend.core.payments.direct_debit import Batch, Debit
from backend.core.payments.sepa_ids import spell
from backend.errors import BackendError

SCHEMA = "pain.008.001.08"
TRANSFER_SCHEMA = "pain.001.001.09"

_NAME, _TEXT = 70, 140
"""Most characters of a name and of a purpose."""


class SepaFileError(BackendError):
    """A file of debits is not what was to be written. It was not stored."""


@dataclass(frozen=True, slots=True)
class FileDebit:
    """A debit as it stands in a file."""

    end_to_end: str
    amount: Decimal
    iban: str
    mandate: str
    sequence: str
    collect_on: str


def write_batch(batch: Batch, now: datetime) -> bytes:
    """Write the file of a batch, check it against its schema and read it again. The same batch gives the same bytes.

    Takes about 3 ms a debit, most of it the check: run it in a thread.

    Args:
        batch: in EUR.
        now: when it was made, UTC.

    Raises:
        SepaFileError: the file is not valid, or tells other amounts than the batch.
    """
    creditor = batch.creditor
    config = {
        "name": spell(creditor.name),
        "IBAN": creditor.iban,
        "batch": True,
        "creditor_id": creditor.creditor_id,
        "currency": "EUR",
        "instrument": batch.scheme.value,
        **({"BIC": creditor.bic} if creditor.bic else {}),
    }
    file = SepaDD(config, schema=SCHEMA, clean=True)
    for debit in batch.debits:
        file.add_payment(_payment(debit, batch))
    xml = _named(file.export(validate=False), batch.message_id, now)
    _check(xml, SCHEMA)
    _compare(batch, xml)
    return xml


def write_transfers(batch: PayoutBatch, now: datetime) -> bytes:
    """Write the file of transfers (SEPA credit transfer); as `write_batch`.

    Raises:
        SepaFileError: the file is not valid, or tells other amounts than the batch.
    """
    config = {
        "name": spell(batch.name),
        "IBAN": batch.iban,
        "batch": True,
        "currency": "EUR",
        **({"BIC": batch.bic} if batch.bic else {}),
    }
    file = SepaTransfer(config, schema=TRANSFER_SCHEMA, clean=True)
    for one in batch.payouts:
        file.add_payment(_transfer(one, batch))
    xml = _named(file.export(validate=False), batch.message_id, now)
    _check(xml, TRANSFER_SCHEMA)
    wanted = [(one.number, one.amount, one.iban) for one in batch.payouts]
    if sorted(read_transfers(xml)) != sorted(wanted):
        raise SepaFileError("the file of transfers does not tell what was to be paid")
    return xml


def read_transfers(xml: bytes) -> list[tuple[str, Decimal, str]]:
    """Read number, amount and account of each transfer of a file that `write_transfers` wrote."""
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{TRANSFER_SCHEMA}}}"
    root = ElementTree.fromstring(xml)  # noqa: S314  written here

    def text(element: ElementTree.Element, path: str) -> str:
        return element.findtext("/".join(space + name for name in path.split("/"))) or ""

    return [
        (text(one, "PmtId/EndToEndId"), Decimal(text(one, "Amt/InstdAmt")), text(one, "CdtrAcct/Id/IBAN"))
        for one in root.iter(f"{space}CdtTrfTxInf")
    ]


def _transfer(one: Payout, batch: PayoutBatch) -> dict[str, object]:
    return {
        "name": spell(one.name)[:_NAME],
        "IBAN": one.iban,
        "amount": int(one.amount * 100),
        "execution_date": batch.pay_on,
        "description": spell(f"{one.number} {batch.name}")[:_TEXT],
        "endtoend_id": one.number,
        **({"BIC": one.bic} if one.bic else {}),
    }


def _check(xml: bytes, schema: str) -> None:
    try:
        try_valid_xml(xml, schema)
    except ValidationError as error:
        reason = str(getattr(error.__cause__, "reason", "") or error)
        raise SepaFileError(f"the file is not valid by {schema}: {reason}") from error


def _payment(debit: Debit, batch: Batch) -> dict[str, object]:
    mandate = debit.mandate
    return {
        "name": spell(mandate.holder)[:_NAME],
        "IBAN": mandate.iban,
        "amount": int(debit.amount * 100),
        "type": mandate.sequence,
        "collection_date": batch.collect_on,
        "mandate_id": mandate.reference,
        "mandate_date": mandate.signed_on,
        "description": spell(debit.text)[:_TEXT],
        "endtoend_id": debit.end_to_end,
        **({"BIC": mandate.bic} if mandate.bic else {}),
    }


def _named(xml: bytes, message_id: str, now: datetime) -> bytes:
    """Put our own names and time in place of the package's, which are random and by the machine's clock."""
    changes: Mapping[str, str] = {"MsgId": message_id, "CreDtTm": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    for name, value in changes.items():
        xml, count = re.subn(rf"<{name}>[^<]*</{name}>".encode(), f"<{name}>{value}</{name}>".encode(), xml)
        if count != 1:
            raise SepaFileError(f"the file has {count} elements {name}, must have one")
    number = 0

    def name_payment(_found: "re.Match[bytes]") -> bytes:
        nonlocal number
        number += 1
        # The bank tells it with the money: of one block it is the name of the file.
        name = message_id if number == 1 else f"{message_id}-{number}"
        return f"<PmtInfId>{name}</PmtInfId>".encode()

    return re.sub(rb"<PmtInfId>[^<]*</PmtInfId>", name_payment, xml)


def read_batch(xml: bytes) -> tuple[FileDebit, ...]:
    """Read the debits of a file that `write_batch` wrote."""
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{SCHEMA}}}"
    root = ElementTree.fromstring(xml)  # noqa: S314  written here

    def text(element: ElementTree.Element, path: str) -> str:
        return element.findtext("/".join(space + name for name in path.split("/"))) or ""

    return tuple(
        FileDebit(
            end_to_end=text(one, "PmtId/EndToEndId"),
            amount=Decimal(text(one, "InstdAmt")),
            iban=text(one, "DbtrAcct/Id/IBAN"),
            mandate=text(one, "DrctDbtTx/MndtRltdInf/MndtId"),
            sequence=text(block, "PmtTpInf/SeqTp"),
            collect_on=text(block, "ReqdColltnDt"),
        )
        for block in root.iter(f"{space}PmtInf")
        for one in block.findall(f"{space}DrctDbtTxInf")
    )


def _compare(batch: Batch, xml: bytes) -> None:
    day = batch.collect_on.isoformat()
    wanted = sorted(
        (d.end_to_end, d.amount, d.mandate.iban, d.mandate.reference, d.mandate.sequence, day) for d in batch.debits
    )
    found = read_batch(xml)
    told = sorted((d.end_to_end, d.amount, d.iban, d.mandate, d.sequence, d.collect_on) for d in found)
    if told != wanted:
        raise SepaFileError("the file of debits does not tell what was to be collected")
    header = ElementTree.fromstring(xml)[0][0]  # noqa: S314  written here
    sums = {child.tag.rpartition("}")[2]: child.text or "" for child in header}
    if (sums["NbOfTxs"], Decimal(sums["CtrlSum"])) != (str(len(found)), batch.total):
        raise SepaFileError("the sums of the file of debits are not those of its debits")
