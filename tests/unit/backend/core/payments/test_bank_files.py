"""Statements of banks, good and malformed ones."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.payments.bank_csv import Columns, parse_csv
from backend.core.payments.bank_entry import BankFileError, entry_keys, is_twin
from backend.core.payments.camt import parse_camt
from tests.unit.backend.bank_files import ACCOUNT, Payment, camt, collected

PAYMENT = Payment("77.29", "RE-2026-000123", reference="R1", end_to_end="E-1")
RETURN = Payment("-80.29", "Rückgabe", reason="AC04", original="77.29", end_to_end="RE-2026-000123", mandate="M-1")


@pytest.mark.parametrize(
    "version", ["camt.053.001.02", "camt.053.001.08", "camt.053.001.13", "camt.054.001.02", "camt.054.001.08"]
)
def test_a_payment_of_all_versions(version: str) -> None:
    (one,) = parse_camt(camt(PAYMENT, version=version), "f.xml")
    assert (one.account, one.booked_on, one.amount) == (ACCOUNT, date(2026, 11, 5), Decimal("77.29"))
    assert (one.name, one.iban, one.purpose) == ("Erika Mustermann", PAYMENT.iban, "RE-2026-000123")
    assert (one.end_to_end, one.reference, one.returned) == ("E-1", "R1", False)


def test_a_returned_debit_tells_reason_amount_and_fee() -> None:
    (one,) = parse_camt(camt(RETURN), "f.xml")
    assert (one.returned, one.reason, one.amount, one.original) == (True, "AC04", Decimal("-80.29"), Decimal("77.29"))
    assert (one.fee, one.mandate) == (Decimal("3.00"), "M-1")


def test_a_collective_credit_is_taken_apart() -> None:
    parts = [Payment("77.29", end_to_end="A"), Payment("20.00", end_to_end="B")]
    found = parse_camt(collected("DD-1", parts), "f.xml")
    assert [(one.amount, one.end_to_end, one.part, one.message_id) for one in found] == [
        (Decimal("77.29"), "A", 1, "DD-1"),
        (Decimal("20.00"), "B", 2, "DD-1"),
    ]


def test_parts_that_do_not_explain_the_sum_stay_a_sum() -> None:
    content = collected("DD-1", [Payment("77.29", "a"), Payment("20.00", "b")]).replace(b">97.29<", b">97.00<")
    (one,) = parse_camt(content, "f.xml")
    assert (one.amount, one.part, one.purpose) == (Decimal("97.00"), 0, "a b")


def test_what_is_only_announced_is_left_out() -> None:
    assert parse_camt(camt(PAYMENT).replace(b"<Cd>BOOK</Cd>", b"<Cd>PDNG</Cd>"), "f.xml") == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no XML"),
        (b"<Document>", "no XML"),
        (b"<Document/>", "no camt"),
        (b"hello", "no XML"),
        (camt(PAYMENT)[:400], "no XML"),
        (camt(PAYMENT).replace(b"77.29", b"77,29"), "entry 1: the amount '77,29' is no number"),
        (camt(PAYMENT).replace(b"77.29", b"NaN"), "is no number"),
        (camt(PAYMENT).replace(b"77.29", b"0.00"), "is no amount that can be booked"),
        (camt(PAYMENT).replace(b"77.29", b"77.295"), "is no amount that can be booked"),
        (camt(PAYMENT).replace(b"CRDT", b"BOTH"), "CdtDbtInd is 'BOTH'"),
        (camt(PAYMENT).replace(b"2026-11-05", b"5.11.26"), "'5.11.26' is no date"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + camt(PAYMENT).partition(b"?>")[2], "document type"),
        ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><a/>".encode("utf-16"), "document type"),
        (b"<a>" * 100, "deeper"),
        (camt(PAYMENT) + b" " * 20_000_000, "20 MB"),
    ],
)
def test_malformed_statements_say_what_is_wrong(content: bytes, words: str) -> None:
    with pytest.raises(BankFileError, match=words):
        parse_camt(content, "f.xml")


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(content: bytes) -> None:
    for parse in (parse_camt, parse_csv):
        with pytest.raises(BankFileError):
            parse(content, "f")


def test_keys_know_the_same_payment_again() -> None:
    one, two = parse_camt(camt(PAYMENT, Payment("5.00", "x")), "f")
    same, other = entry_keys([two, two])
    assert same != other  # two of a day stay two
    assert entry_keys([two, one, two]) == [same, entry_keys([one])[0], other]
    wrapped = replace(two, purpose=" X ")
    assert entry_keys([wrapped]) == [same]


def test_twins_of_other_kinds_of_files_are_suspected() -> None:
    (one,) = parse_camt(camt(PAYMENT), "f")
    told = replace(one, reference="", purpose="RE-2026-000123 per Überweisung")
    assert is_twin(one, told)
    assert not is_twin(one, replace(told, iban="DE1"))
    assert not is_twin(told, replace(told, purpose="other"))
    assert is_twin(one, replace(one, part=1, amount=Decimal(5)))


SPARKASSE = (
    '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Glaeubiger ID";"Mandatsreferenz";'
    '"Kundenreferenz (End-to-End)";"Sammlerreferenz";"Lastschrift Ursprungsbetrag";"Auslagenersatz Ruecklastschrift";'
    '"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC (SWIFT-Code)";"Betrag";"Waehrung";"Info"\r\n'
    f'"{ACCOUNT}";"05.11.26";"05.11.26";"GUTSCHR. UEBERWEISUNG";"Rechnung RE-2026-000123";"";"";"NOTPROVIDED";"";"";'
    '"";"Erika Müller";"DE02500105170137075030";"";"1.077,29";"EUR";"Umsatz gebucht"\r\n'
    f'"{ACCOUNT}";"06.11.26";"06.11.26";"RUECKLASTSCHRIFT";"Retourengrund AC04";"";"M-1";"RE-2026-000123";"";"77,29";'
    '"3,00";"Erika Müller";"DE02500105170137075030";"";"-80,29";"EUR";"Umsatz gebucht"\r\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_csv_of_a_savings_bank(encoding: str) -> None:
    one, two = parse_csv(SPARKASSE.encode(encoding), "f.csv")
    assert (one.amount, one.name, one.booked_on) == (Decimal("1077.29"), "Erika Müller", date(2026, 11, 5))
    assert (one.account, one.end_to_end, one.returned) == (ACCOUNT, "", False)
    assert (two.returned, two.reason, two.original, two.fee) == (True, "AC04", Decimal("77.29"), Decimal("3.00"))


def test_headings_may_come_late_and_columns_be_told() -> None:
    text = 'Konto 1\n\nWann,Wieviel,Wer,Wozu,Wofuer\n2026-11-05,"1,234.50",Erika,a,b\n'
    columns = Columns(date="Wann", amount="Wieviel", name="Wer", purpose=("Wozu", "Wofuer"))
    (one,) = parse_csv(text.encode(), "f.csv", columns)
    assert (one.amount, one.purpose, one.currency) == (Decimal("1234.50"), "a b", "EUR")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a;b\n1;2\n", "no line has the headings"),
        ("date;amount;name;purpose\n", "has no entries"),
        ("date;amount;name;purpose\n2026-11-05;x;a;b\n", "line 2: the amount 'x'"),
        ("date;amount;name;purpose\n2026-13-05;1;a;b\n", "line 2: the date '2026-13-05'"),
        ("date;amount;name;purpose\n2026-11-05;1;a;b;c;d\n", "line 2 has more fields"),
        ("date;amount;name;purpose\n2026-11-05;1.00;a;b\n2026-11-05;;;\n", "line 3: the amount"),
        ("date;amount;name;purpose\n2026-11-05;0,00;a;b\n", "is no amount that can be booked"),
        ("date;amount;name;purpose;account\n2026-11-05;1;a;b;X\n2026-11-05;1;a;b;Y\n", "several accounts"),
        ('date;amount;name;purpose\n2026-11-05;1;"a;b\n', "no CSV"),
        ("\x00", "no text"),
    ],
)
def test_malformed_csv_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(BankFileError, match=words):
        parse_csv(text.encode(), "f.csv")
