"""The proof of issued invoices: it says nothing of what was issued, and names everything that was changed since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

import pytest

from backend.core.invoices.audit import Audit, Issued
from backend.core.invoices.chain import COVERED, FIRST, ChainCheck, ChainKind, Entry, entry_hash, link_hash, row_content
from backend.core.invoices.document_kind import CREDIT_NOTE
from backend.core.invoices.einvoice import WRITER, write_einvoice
from backend.core.invoices.invoice import Invoice, Output
from backend.core.record import to_json
from tests.unit.backend.einvoice_documents import KINDS

SERIES = {("invoice", 2026): 3, ("credit", 2026): 1}
NUMBERS = ("RE-2026-000001", "RE-2026-000002", "RE-K-2026-000001", "RE-2026-000003")
USED = ("gross prices", "net prices", "credit note", "gross prices with rounding")


def row_of(document: Invoice) -> dict[str, str | int]:
    sign = -1 if document.type_code == CREDIT_NOTE else 1
    row: dict[str, str | int] = {
        "operator_id": "acme",
        "customer_id": document.buyer.id,
        "number": document.number,
        "type_code": document.type_code,
        "issued_at": 1_793_000_000_000,
        "period_start": 1_792_000_000_000,
        "period_end": 1_792_500_000_000,
        "currency": document.currency,
        "total_net": str(sign * document.total_net),
        "total_gross": str(sign * document.due),
        "body": to_json(document),
    }
    assert set(row) == set(COVERED)
    return row


def chained(row: Mapping[str, str | int], xml: bytes, writer: int | None = WRITER) -> Issued:
    return Issued(row, xml, writer, ChainKind.INVOICE, digest(row_content(row)), digest(xml) if xml else None)


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def linked(*contents: tuple[Mapping[str, str | int], bytes, int | None]) -> list[Issued]:
    """Chain as it was done before the chain was of all."""
    links, previous = [], FIRST
    for row, xml, writer in contents:
        previous = link_hash(previous, row, xml)
        links.append(Issued(row, xml, writer, ChainKind.LINK, previous, None))
    return links


def documents() -> list[Invoice]:
    return [replace(KINDS[k](Output.HYBRID), number=n) for k, n in zip(USED, NUMBERS, strict=True)]


def issued() -> list[Issued]:
    return [chained(row_of(document), write_einvoice(document)) for document in documents()]


def issued_before() -> list[Issued]:
    return linked(*((row_of(document), write_einvoice(document), WRITER) for document in documents()))


def findings(invoices: Sequence[Issued], series: dict[tuple[str, int], int] | None = None) -> list[str]:
    audit = Audit(SERIES if series is None else series)
    return [problem for one in invoices for problem in audit.check(one)] + list(audit.finish())


Tamper = Callable[[list[Issued]], list[Issued]]


@pytest.mark.parametrize("invoices", [issued(), issued_before()])
def test_what_was_issued_is_proved(invoices: list[Issued]) -> None:
    assert findings(invoices) == []


def changed_row(**changes: str | int) -> Tamper:
    return lambda them: [them[0], replace(them[1], row={**them[1].row, **changes}), *them[2:]]


def changed_xml(was: bytes, becomes: bytes) -> Tamper:
    return lambda them: [them[0], replace(them[1], xml=them[1].xml.replace(was, becomes)), *them[2:]]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (changed_row(issued_at=1), ["it was changed"]),
        (changed_row(customer_id="C-2"), ["it was changed"]),
        (changed_row(total_gross="1.00"), ["it was changed", "total_gross is '1.00' in its row"]),
        (
            changed_row(number="RE-2026-000009"),
            ["it was changed", "number is", "there is no 2", "9 was issued, but only 3"],
        ),
        (changed_row(number="hello"), ["it was changed", "of no series", "number is", "there is no 2"]),
        (changed_row(body="{}"), ["it was changed", "its document can't be read"]),
        (
            changed_xml(b"Erika", b"Frida"),
            ["its e-invoice was changed", "its e-invoice is not what its document gives"],
        ),
        (lambda them: [them[0], *them[2:]], ["there is no 2"]),
        (lambda them: them[:-1], ["there is no 3"]),
        (lambda them: [*them[:3], replace(them[3], kind=None)], ["it is not in the chain"]),
        (lambda them: [*them, them[0]], ["one was issued twice"]),
        (lambda them: [them[0], replace(them[1], xml=b""), *them[2:]], ["its e-invoice was changed", "not what its"]),
        (lambda them: [replace(them[0], sha256="0" * 64), *them[1:]], ["it was changed"]),
    ],
)
def test_every_change_is_named(tamper: Tamper, told: list[str]) -> None:
    check_told(findings(tamper(issued())), told)


def check_told(found: list[str], told: list[str]) -> None:
    assert len(found) == len(told), found
    for text in told:
        assert any(text in problem for problem in found), (text, found)


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (changed_row(issued_at=1), ["it, its e-invoice or an invoice before it was changed"]),
        (changed_xml(b"Erika", b"Frida"), ["it, its e-invoice or", "is not what its document gives"]),
        (lambda them: [them[0], *them[2:]], ["it, its e-invoice or", "there is no 2"]),
        (
            lambda them: [replace(them[0], sha256="0" * 64), *them[1:]],
            ["it, its e-invoice or", "it, its e-invoice or"],
        ),
    ],
)
def test_every_change_of_what_was_linked_before_is_named(tamper: Tamper, told: list[str]) -> None:
    check_told(findings(tamper(issued_before())), told)


def entries(count: int) -> list[Entry]:
    found, previous = [], FIRST
    for seq in range(1, count + 1):
        entry = Entry("acme", seq, ChainKind.PDF, f"RE-{seq}", digest(b"%d" % seq), previous, "", 1_793_000_000_000)
        found.append(replace(entry, hash=entry_hash(entry)))
        previous = found[-1].hash
    return found


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda them: them, []),
        (lambda them: [them[0], replace(them[1], ref="RE-9"), them[2]], ["entry 2 (invoice.pdf RE-9) was changed"]),
        (lambda them: [them[0], replace(them[1], at=1), them[2]], ["entry 2 (invoice.pdf RE-2) was changed"]),
        (lambda them: [them[0], them[2]], ["from entry 1 to entry 3", "entry 3 (invoice.pdf RE-3) does not follow"]),
        (lambda them: them[1:], ["from entry 0 to entry 2", "entry 2 (invoice.pdf RE-2) does not follow"]),
    ],
)
def test_a_chain_holds_each_entry(tamper: Callable[[list[Entry]], list[Entry]], told: list[str]) -> None:
    chain = ChainCheck()
    check_told([problem for entry in tamper(entries(3)) for problem in chain.check(entry)], told)


def test_an_entry_is_the_hash_of_a_json_list() -> None:
    """What somebody else's program has to compute; the bytes are those of `sha256sum`."""
    entry = Entry("acme", 1, "payment", "Zahlung 1", "0" * 64, "", "", 1_793_000_000_000)
    text = '["acme",1,"payment","Zahlung 1","' + "0" * 64 + '",1793000000000,""]'
    assert entry_hash(entry) == digest(text.encode())


def test_sums_are_proved_even_where_the_whole_chain_was_forged() -> None:
    one = issued()[1]
    body = str(one.row["body"]).replace('"total_vat":"', '"total_vat":"9')
    assert any("the VAT total is 9" in problem for problem in findings([chained({**one.row, "body": body}, one.xml)]))


def test_what_an_earlier_writer_wrote_is_held_to_its_sums_only() -> None:
    row, xml = issued()[0].row, issued()[0].xml
    first = {("invoice", 2026): 1}
    assert findings([chained(row, xml.replace(b"Ladestrom", b"Strom"), WRITER - 1)], first) == []
    wrong = xml.replace(b"<ram:DuePayableAmount>", b"<ram:DuePayableAmount>1")
    assert any("DuePayableAmount is 1" in problem for problem in findings([chained(row, wrong, WRITER - 1)], first))
    assert "its e-invoice is no XML" in findings([chained(row, xml[:-20], WRITER - 1)], first)


def test_invoices_from_before_there_were_einvoices_have_none() -> None:
    assert findings(linked((issued()[0].row, b"", None)), {("invoice", 2026): 1}) == []
