"""DATEV files field by field."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from backend.core.payments.datev import Head, LedgerBooking, LedgerDebtor, write_bookings, write_debtors

HEAD = Head(
    consultant=1001,
    client=1,
    year_start=date(2026, 1, 1),
    account_length=4,
    first=date(2026, 10, 1),
    last=date(2026, 10, 31),
    created_at=datetime(2026, 11, 2, 8, 30, 15, 123000, tzinfo=UTC),
    name="emops 2026-10",
    currency="EUR",
    chart="03",
    locked=False,
)
BOOKING = LedgerBooking(
    amount=Decimal("1234.50"),
    debit=True,
    account=10000,
    contra=8400,
    day=date(2026, 10, 31),
    number="RE-2026-000001",
    text='Jörg "Müßig"; Straße',
    due_on=date(2026, 11, 14),
    cost_1="RATHAUS",
    cost_2="CP-1",
    mandate="M-1",
    delivered_on=date(2026, 10, 31),
    guid="0f7e",
)


def lines(content: bytes) -> list[str]:
    text = content.decode("cp1252")
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    return text.split("\r\n")[:-1]


def test_first_line() -> None:
    head, titles = lines(write_bookings(HEAD, []).content)
    assert head == (
        '"EXTF";700;21;"Buchungsstapel";13;20261102083015123;;"RE";"";"";1001;1;20260101;4;20261001;20261031;'
        '"emops 2026-10";"";1;0;0;"EUR";;"";;;"03";;;"";""'
    )
    assert len(head.split(";")) == 31
    assert len(titles.split(";")) == 125
    assert titles.startswith("Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;")
    assert titles.split(";")[113:118] == [
        "Festschreibung",
        "Leistungsdatum",
        "Datum Zuord. Steuerperiode",
        "Fälligkeit",
        "Generalumkehr (GU)",
    ]


def test_a_booking() -> None:
    (line,) = lines(write_bookings(HEAD, [BOOKING]).content)[2:]
    assert line == (
        '1234,50;"S";"EUR";;;"";10000;8400;"";3110;"RE-2026-000001";"141126";;"Jörg ""Müßig""; Straße";;"";;;;"";'
        + '"";' * 16
        + '"RATHAUS";"CP-1";;"";;"";;;;;;'
        + '"";' * 40
        + ';;;"";;;;"";"";;"";;;;"";"0f7e";;"M-1";;"";;"";"";;"";;0;31102026;31102026;14112026;"";;"";"";;"";;'
    ).replace(';"";;;;"";"";;"";', ';"";;;;"";"";;"";')
    assert len(line.replace('""Müßig""; ', "").split(";")) == 125


def test_reversal_and_leap_day() -> None:
    booking = replace(BOOKING, day=date(2028, 2, 29), reversal=True, text="x")
    fields = lines(write_bookings(replace(HEAD, locked=True), [booking]).content)[2].split(";")
    assert (fields[9], fields[113], fields[117]) == ("2902", "1", '"1"')
    assert booking.effect == -booking.amount


def test_what_windows_1252_lacks() -> None:
    booking = replace(BOOKING, text="Łukasz Šimić 東\n€ line")
    file = write_bookings(HEAD, [booking])
    assert '"Lukasz Šimic ? € line"' in lines(file.content)[2]
    assert file.replaced == 3


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "1.001"])
def test_an_amount_is_positive_cents(amount: str) -> None:
    with pytest.raises(ValueError, match="no positive amount of cents"):
        write_bookings(HEAD, [replace(BOOKING, amount=Decimal(amount))])


def test_a_debtor() -> None:
    debtor = LedgerDebtor(
        account=10000,
        name="Beispiel GmbH",
        business=True,
        street="Weg 3",
        postcode="10117",
        city="Berlin",
        country="DE",
        vat_id="DE123456789",
        email="rechnung@example.com",
        customer_id="K-2",
    )
    head, titles, line = lines(write_debtors(HEAD, [debtor]).content)
    assert head == (
        '"EXTF";700;16;"Debitoren/Kreditoren";5;20261102083015123;;"RE";"";"";1001;1;20260101;4;;;"";"";;;;"";;"";;;'
        '"03";;;"";""'
    )
    assert len(titles.split(";")) == len(line.split(";")) == 254
    assert line.startswith(
        '10000;"Beispiel GmbH";"";"";"";"";"2";"";"DE";"123456789";"";"";"";"";"STR";"Weg 3";"";"10117"'
    )
    assert line.split(";")[98] == '"K-2"'
