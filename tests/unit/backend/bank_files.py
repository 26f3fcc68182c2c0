"""Files of a bank as tests need them: camt of several versions, with payments, collected debits and returns."""

from collections.abc import Sequence
from dataclasses import dataclass

ACCOUNT = "DE02120300000000202051"


@dataclass(frozen=True)
class Payment:
    """A payment of a statement; negative amounts went out. `original` of a returned debit is without the fee."""

    amount: str
    purpose: str = ""
    name: str = "Erika Mustermann"
    iban: str = "DE02500105170137075030"
    end_to_end: str = "NOTPROVIDED"
    reference: str = ""
    day: str = "2026-11-05"
    reason: str = ""
    original: str = ""
    message_id: str = ""
    mandate: str = ""


def camt(*payments: Payment, version: str = "camt.053.001.08", account: str = ACCOUNT) -> bytes:
    """Write a statement."""
    root, child = ("BkToCstmrStmt", "Stmt") if "053" in version else ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
    late = int(version[-2:]) >= 8
    entries = "".join(_entry(one, late) for one in payments)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}">'
        f"<{root}><GrpHdr><MsgId>1</MsgId></GrpHdr><{child}><Id>1</Id><Acct><Id><IBAN>{account}</IBAN></Id></Acct>"
        f"{entries}</{child}></{root}></Document>"
    ).encode()


def collected(message_id: str, parts: Sequence[Payment], reference: str = "SUM1", day: str = "2026-11-05") -> bytes:
    """Write a notification of one collective credit with its parts."""
    total = sum(int(one.amount.replace(".", "")) for one in parts)
    details = "".join(_detail(one, True, with_amount=True) for one in parts)
    return camt().replace(
        b"</Acct>",
        f"</Acct><Ntry><Amt Ccy='EUR'>{total / 100:.2f}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><Btch>"
        f"<PmtInfId>{message_id}</PmtInfId></Btch>{details}</NtryDtls></Ntry>".encode(),
    )


def _entry(one: Payment, late: bool) -> str:
    status = "<Sts><Cd>BOOK</Cd></Sts>" if late else "<Sts>BOOK</Sts>"
    reference = f"<AcctSvcrRef>{one.reference}</AcctSvcrRef>" if one.reference else ""
    sign = "DBIT" if one.amount.startswith("-") else "CRDT"
    batch = f"<Btch><PmtInfId>{one.message_id}</PmtInfId></Btch>" if one.message_id else ""
    details = "" if batch else _detail(one, late)
    return (
        f"<Ntry><Amt Ccy='EUR'>{one.amount.lstrip('-')}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{status}"
        f"<BookgDt><Dt>{one.day}</Dt></BookgDt>{reference}<BkTxCd/><NtryDtls>{batch}{details}</NtryDtls></Ntry>"
    )


def _detail(one: Payment, late: bool, *, with_amount: bool = False) -> str:
    name = f"<Pty><Nm>{one.name}</Nm></Pty>" if late else f"<Nm>{one.name}</Nm>"
    amount = f"<Amt Ccy='EUR'>{one.amount.lstrip('-')}</Amt>" if with_amount else ""
    original = f"<AmtDtls><InstdAmt><Amt Ccy='EUR'>{one.original}</Amt></InstdAmt></AmtDtls>" if one.original else ""
    reason = f"<RtrInf><Rsn><Cd>{one.reason}</Cd></Rsn></RtrInf>" if one.reason else ""
    mandate = f"<MndtId>{one.mandate}</MndtId>" if one.mandate else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{one.end_to_end}</EndToEndId>{mandate}</Refs>{amount}{original}"
        f"<RltdPties><Dbtr>{name}</Dbtr><DbtrAcct><Id><IBAN>{one.iban}</IBAN></Id></DbtrAcct></RltdPties>"
        f"<RmtInf><Ustrd>{one.purpose}</Ustrd></RmtInf>{reason}</TxDtls>"
    )
