"""Bank statements and notifications in ISO 20022 XML: camt.053, camt.054 and camt.052, versions 02 to 13. Pure.

Elements are found by their local names, which are the same in all versions; where they moved, both places are read. A
file with a document type, entities, too many or too deep elements is refused: banks send none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from xml.parsers import expat  # document types are refused, see `_Builder`

from backend.core.payments.bank_entry import BankEntry, BankFileError, check_entries

MOST_BYTES = 20_000_000
_MOST_ELEMENTS = 1_000_000
_DEEPEST = 60

_ROOTS = {"BkToCstmrStmt": "Stmt", "BkToCstmrDbtCdtNtfctn": "Ntfctn", "BkToCstmrAcctRpt": "Rpt"}
_RETURN_FAMILIES = frozenset({"UPDD", "UPCQ", "PRDD", "RRTN", "RVSL"})
"""Sub-families of bank transaction codes that tell of a debit that came back."""
_GERMAN_RETURNS = ("+108+", "+109+")
"""Business codes (GVC) of German banks for the return of a B2B and of a CORE debit."""


@dataclass(slots=True)
class Element:
    """An element of XML by its local name."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: "list[Element]" = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text, without blanks at the ends."""
        return "".join(self.texts).strip()

    def all(self, path: str) -> "list[Element]":
        """Give the descendants at a path such as `NtryDtls/TxDtls`."""
        found = [self]
        for name in path.split("/"):
            found = [child for one in found for child in one.children if child.name == name]
        return found

    def first(self, *paths: str) -> "Element | None":
        """Give the first element at the first path that there is."""
        return next((one for path in paths for one in self.all(path)), None)

    def value(self, *paths: str) -> str:
        """Give the text at the first path that has any, empty for none."""
        return next((one.text for path in paths for one in self.all(path) if one.text), "")


class _Builder:
    def __init__(self, source: str) -> None:
        self.root: Element | None = None
        self._source, self._open, self._count = source, list[Element](), 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name.rpartition(" ")[2], attributes)
        self._count += 1
        if self._count > _MOST_ELEMENTS or len(self._open) > _DEEPEST:
            raise BankFileError(f"{self._source} has more or deeper elements than any statement")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        if self._open:
            self._open[-1].texts.append(text)

    def refuse(self, *_args: object) -> None:
        raise BankFileError(f"{self._source} has a document type, which statements of banks never have")


def parse_xml(content: bytes, source: str) -> Element:
    """Read XML into elements.

    Raises:
        BankFileError: it is too large, no XML, or has a document type.
    """
    if len(content) > MOST_BYTES:
        raise BankFileError(f"{source} has more than {MOST_BYTES // 1_000_000} MB: export a shorter time")
    builder = _Builder(source)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BankFileError(f"{source} is no XML: {error}") from error
    assert builder.root is not None  # noqa: S101  expat refuses an empty document
    return builder.root


def parse_camt(content: bytes, source: str) -> list[BankEntry]:
    """Read the booked entries of a statement, in the order of the file.

    Args:
        content: of the file.
        source: its name, for what is said about it.

    Raises:
        BankFileError: it is no statement, or an entry lacks what it must have; the text names it.
    """
    root = parse_xml(content, source)
    statements = [one for name, child in _ROOTS.items() for one in root.all(f"{name}/{child}")]
    if root.name != "Document" or not statements:
        raise BankFileError(f"{source} is no camt.052, camt.053 or camt.054: its root is {root.name}")
    entries = [
        entry
        for statement in statements
        for i, element in enumerate(statement.all("Ntry"), 1)
        for entry in _entries(element, statement.value("Acct/Id/IBAN"), f"{source}, entry {i}")
    ]
    check_entries(entries, source)
    return entries


def _entries(element: Element, account: str, source: str) -> Iterator[BankEntry]:
    if element.value("Sts/Cd", "Sts") not in ("BOOK", ""):
        return  # announced only, and comes again
    amount, currency = _amount(element.first("Amt"), source)
    sign = _sign(element, source)
    whole = BankEntry(
        account=account,
        booked_on=_date(element.value("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"), source),
        amount=sign * amount,
        currency=currency,
        reference=element.value("AcctSvcrRef"),
        message_id=element.value("NtryDtls/Btch/PmtInfId", "NtryDtls/Btch/MsgId"),
        purpose=element.value("AddtlNtryInf"),
    )
    details = element.all("NtryDtls/TxDtls")
    parts = [_detail(whole, one, element, sign, source) for one in details]
    if len(parts) == 1:
        yield replace(parts[0], amount=whole.amount, part=0, reference=whole.reference or parts[0].reference)
    elif parts and sum(part.amount for part in parts) == whole.amount:
        yield from (replace(part, part=i) for i, part in enumerate(parts, 1))
    elif parts:  # the parts don't explain the sum: a person must look at it as a whole
        purpose = " ".join(part.purpose for part in parts if part.purpose)
        yield replace(whole, purpose=f"{whole.purpose} {purpose}".strip(), message_id=parts[0].message_id)
    else:
        yield replace(whole, returned=sign < 0 and _is_return(element))


def _detail(whole: BankEntry, detail: Element, entry: Element, sign: int, source: str) -> BankEntry:
    told = detail.first("Amt", "AmtDtls/TxAmt/Amt")
    amount = _amount(told, source)[0] if told else abs(whole.amount)
    returned = sign < 0 and (detail.first("RtrInf") is not None or _is_return(detail) or _is_return(entry))
    original = detail.first("AmtDtls/InstdAmt/Amt", "OrgnlTxRef/Amt/InstdAmt")
    fee = sum((_amount(one, source)[0] for one in detail.all("Chrgs/Rcrd/Amt") or detail.all("Chrgs/Amt")), Decimal(0))
    name, iban = _other_party(detail, whole.account, incoming=sign > 0)
    charged = abs(whole.amount) - fee if fee else None
    return replace(
        whole,
        amount=sign * amount,
        name=name,
        iban=iban,
        purpose=_purpose(detail) or detail.value("AddtlTxInf") or whole.purpose,
        end_to_end=_given(detail.value("Refs/EndToEndId")),
        mandate=_given(detail.value("Refs/MndtId")),
        reference=whole.reference or detail.value("Refs/AcctSvcrRef"),
        message_id=detail.value("Refs/PmtInfId", "Refs/MsgId") or whole.message_id,
        returned=returned,
        reason=detail.value("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        original=(_amount(original, source)[0] if original else charged) if returned else None,
    )


def _is_return(element: Element) -> bool:
    if element.value("BkTxCd/Domn/Fmly/SubFmlyCd") in _RETURN_FAMILIES:
        return True
    german = element.value("BkTxCd/Prtry/Cd")
    return any(code in f"+{german}+" for code in _GERMAN_RETURNS)


def _other_party(detail: Element, account: str, *, incoming: bool) -> tuple[str, str]:
    """Give name and IBAN of who is not us."""
    sides = ("Dbtr", "Cdtr") if incoming else ("Cdtr", "Dbtr")
    parties = [
        (
            detail.value(f"RltdPties/{side}/Pty/Nm", f"RltdPties/{side}/Nm"),
            detail.value(f"RltdPties/{side}Acct/Id/IBAN"),
        )
        for side in sides
    ]
    others = [one for one in parties if any(one) and (not account or one[1] != account)]
    # The account owner may be told without an account of its own: who has one that is not ours is the other.
    return next((one for one in others if one[1]), others[0] if others else ("", ""))


def _purpose(detail: Element) -> str:
    texts = [one.text for one in detail.all("RmtInf/Ustrd")]
    texts += [one.text for one in detail.all("RmtInf/Strd/CdtrRefInf/Ref")]
    return " ".join(text for text in texts if text)


def _given(text: str) -> str:
    return "" if text == "NOTPROVIDED" else text


def _sign(element: Element, source: str) -> int:
    told = element.value("CdtDbtInd")
    if told not in ("CRDT", "DBIT"):
        raise BankFileError(f"{source}: CdtDbtInd is {told!r}, must be CRDT or DBIT")
    return 1 if told == "CRDT" else -1


def _amount(element: Element | None, source: str) -> tuple[Decimal, str]:
    text = element.text if element else ""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if element is None or not amount.is_finite() or amount < 0:
        raise BankFileError(f"{source}: the amount {text!r} is no number")
    return amount.quantize(Decimal("0.01")) if amount == amount.quantize(
        Decimal("0.01")
    ) else amount, element.attributes.get("Ccy", "")


def _date(text: str, source: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise BankFileError(f"{source}: the booking date {text!r} is no date") from None
