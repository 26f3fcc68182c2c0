"""The proof of issued invoices: it says nothing of what was issued, and names everything that was changed since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from backend.core.audit import Audit
from backend.core.einvoice import WRITER, write_einvoice
from backend.core.invoice import CREDIT_NOTE, Invoice, Output
from backend.core.invoice_chain import COVERED, FIRST, Link, link_hash
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


def chained(*contents: tuple[Mapping[str, str | int], bytes, int | None]) -> list[Link]:
    links, previous = [], FIRST
    for seq, (row, xml, writer) in enumerate(contents, 1):
        previous = link_hash(previous, row, xml)
        links.append(Link(seq, previous, row, xml, writer))
    return links


def issued() -> list[Link]:
    documents = [replace(KINDS[k](Output.HYBRID), number=n) for k, n in zip(USED, NUMBERS, strict=True)]
    return chained(*((row_of(document), write_einvoice(document), WRITER) for document in documents))


def findings(links: Sequence[Link], series: dict[tuple[str, int], int] | None = None) -> list[str]:
    audit = Audit(SERIES if series is None else series)
    return [problem for link in links for problem in audit.check(link)] + list(audit.finish())


def test_what_was_issued_is_proved() -> None:
    links = issued()
    assert findings(links) == []
    audit = Audit(SERIES)
    for link in links:
        assert list(audit.check(link)) == []
    assert (audit.count, audit.head) == (4, links[-1].stored)


def changed_row(**changes: str | int) -> Callable[[list[Link]], list[Link]]:
    return lambda links: [links[0], replace(links[1], row={**links[1].row, **changes}), *links[2:]]


def changed_xml(was: bytes, becomes: bytes) -> Callable[[list[Link]], list[Link]]:
    return lambda links: [links[0], replace(links[1], xml=links[1].xml.replace(was, becomes)), *links[2:]]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (changed_row(issued_at=1), ["link 2 does not fit"]),
        (changed_row(customer_id="C-2"), ["link 2 does not fit"]),
        (changed_row(total_gross="1.00"), ["link 2 does not fit", "total_gross is '1.00' in its row"]),
        (changed_row(number="RE-2026-000009"), ["link 2", "number is", "there is no 2", "9 was issued, but only 3"]),
        (changed_row(number="hello"), ["link 2", "of no series", "number is", "there is no 2"]),
        (changed_row(body="{}"), ["link 2 does not fit", "its document can't be read"]),
        (changed_xml(b"Erika", b"Frida"), ["link 2 does not fit", "its e-invoice is not what its document gives"]),
        (lambda links: [links[0], *links[2:]], ["from link 1 to link 3", "link 3 does not fit", "there is no 2"]),
        (lambda links: links[:-1], ["there is no 3"]),
        (lambda links: links[1:], ["from link 0 to link 2", "link 2 does not fit", "there is no 1"]),
        (lambda links: [*links[:3], replace(links[3], seq=None)], ["it is not in the chain"]),
        (lambda links: [*links, replace(links[0], seq=5)], ["link 5 does not fit", "one was issued twice"]),
        (lambda links: [links[0], replace(links[1], xml=b""), *links[2:]], ["link 2 does not fit", "not what its"]),
        (
            lambda links: [replace(links[0], stored="0" * 64), *links[1:]],
            ["link 1 does not fit", "link 2 does not fit"],
        ),
    ],
)
def test_every_change_is_named(tamper: Callable[[list[Link]], list[Link]], told: list[str]) -> None:
    found = findings(tamper(issued()))
    assert len(found) == len(told), found
    for text in told:
        assert any(text in problem for problem in found), (text, found)


def test_a_chain_written_anew_ends_in_another_head() -> None:
    """That is what a head kept elsewhere is for."""
    links = issued()
    forged = chained(*((link.row, link.xml.replace(b"Erika", b"Frida"), 0) for link in links))
    assert findings(forged) == []
    assert forged[-1].stored != links[-1].stored


def test_sums_are_proved_even_where_the_whole_chain_was_forged() -> None:
    link = issued()[1]
    body = str(link.row["body"]).replace('"total_vat":"', '"total_vat":"9')
    (forged,) = chained(({**link.row, "body": body}, link.xml, WRITER))
    assert any("the VAT total is 9" in problem for problem in findings([forged]))


def test_what_an_earlier_writer_wrote_is_held_to_its_sums_only() -> None:
    link = issued()[0]
    (other,) = chained((link.row, link.xml.replace(b"Ladestrom", b"Strom"), WRITER - 1))
    assert findings([other], {("invoice", 2026): 1}) == []
    (wrong,) = chained((link.row, link.xml.replace(b"<ram:DuePayableAmount>", b"<ram:DuePayableAmount>1"), WRITER - 1))
    assert any("DuePayableAmount is 1" in problem for problem in findings([wrong], {("invoice", 2026): 1}))
    (broken,) = chained((link.row, link.xml[:-20], WRITER - 1))
    assert "its e-invoice is no XML" in findings([broken], {("invoice", 2026): 1})


def test_invoices_from_before_there_were_einvoices_have_none() -> None:
    (old,) = chained((issued()[0].row, b"", None))
    assert findings([old], {("invoice", 2026): 1}) == []
