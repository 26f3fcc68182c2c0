from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.core.rates.base_fee import (
    Agreements,
    FeeVersion,
    Holder,
    ended_spans,
    owed_fees,
    span_of,
    used_span,
    version_of,
)
from backend.core.tariffs.assignment import ALWAYS, Assignment, TariffVersion
from backend.core.tariffs.assignment import Scope as Assigned
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_model import Scope, Span
from tests.unit.backend.billing_example import BERLIN, VOLUME


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


OCTOBER = (at("2026-10-01"), at("2026-11-01"))
NOVEMBER = (at("2026-11-01"), at("2026-12-01"))


def holder(customer: str = "C-1", contract: str = "", group: str = "", user: str = "") -> Holder:
    facts = {
        Assigned.USER: user,
        Assigned.CONTRACT: contract or customer,
        Assigned.CUSTOMER: customer,
        Assigned.GROUP: group,
        Assigned.OPERATOR: "acme",
    }
    return Holder(customer, contract or customer, group, "", facts)


def fee_version(tariff: dict[str, Any] = VOLUME, valid_from: datetime = ALWAYS, **changes: Any) -> FeeVersion:
    graduated = {**tariff["x_graduated"], **changes}
    parsed = parse_tariff({**tariff, "x_graduated": {k: v for k, v in graduated.items() if v is not None}})
    return FeeVersion(f"{parsed.id}-{valid_from:%m-%d}", valid_from, parsed)


def agreed(holders: list[Holder], *assignments: Assignment, fees: tuple[FeeVersion, ...] = ()) -> Agreements:
    fees = fees or (fee_version(),)
    plain = TariffVersion("plain-1", "plain", ALWAYS)
    by_target: dict[str, list[Assignment]] = {}
    for one in assignments:
        by_target.setdefault(one.target, []).append(one)
    versions = [TariffVersion(one.id, one.tariff.id, one.valid_from) for one in fees]
    return Agreements(BERLIN, holders, by_target, {"volume": versions, "plain": [plain]}, {"volume": list(fees)})


def assign(scope: Assigned, target: str, tariff: str = "volume", **changes: Any) -> Assignment:
    return Assignment(scope, target, tariff, **changes)


def owed(book: Agreements, span: tuple[datetime, datetime] = OCTOBER) -> list[tuple[Scope, str, str, str]]:
    return [(f.scope, f.target, f.customer_id, f.tariff_version) for f in owed_fees(book, span, Span.MONTH)]


def test_spans_are_local_and_follow_the_clock_change() -> None:
    assert span_of(Span.MONTH, at("2026-10-31 23:30"), BERLIN) == OCTOBER
    begin, end = span_of(Span.DAY, at("2026-10-25 12:00"), BERLIN)
    assert (end - begin).total_seconds() == 25 * 3600
    assert span_of(Span.YEAR, at("2026-12-31 23:59"), BERLIN) == (at("2026-01-01"), at("2027-01-01"))


def test_spans_that_are_over_are_listed_and_the_running_one_is_not() -> None:
    assert list(ended_spans(Span.MONTH, OCTOBER[0], at("2026-12-15"), BERLIN)) == [OCTOBER, NOVEMBER]
    assert list(ended_spans(Span.MONTH, OCTOBER[0], at("2026-10-31 23:59"), BERLIN)) == []
    assert list(ended_spans(Span.MONTH, OCTOBER[0], OCTOBER[1], BERLIN)) == [OCTOBER]


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("2026", (at("2026-01-01"), at("2027-01-01"))),
        ("2026-10", OCTOBER),
        ("2026-10-25", (at("2026-10-25"), at("2026-10-26"))),
        ("session", NOVEMBER),
    ],
)
def test_what_a_session_used_names_its_span(name: str, span: tuple[datetime, datetime]) -> None:
    assert used_span(name, NOVEMBER, BERLIN) == span


def test_a_contract_owes_the_fee_of_the_tariff_that_is_its_own() -> None:
    contract = holder(contract="V-7")
    for scope, target in ((Assigned.CONTRACT, "V-7"), (Assigned.CUSTOMER, "C-1"), (Assigned.OPERATOR, "acme")):
        book = agreed([contract, holder("C-2")], assign(scope, target))
        expected = (Scope.CONTRACT, "V-7", "C-1", "volume-01-01")
        assert expected in owed(book)
        assert ("C-2" in [fee[2] for fee in owed(book)]) is (scope is Assigned.OPERATOR)


def test_two_cards_of_one_contract_owe_one_fee() -> None:
    cards = [holder(contract="V-7", user="anna"), holder(contract="V-7", user="ben"), holder(contract="V-7")]
    assert owed(agreed(cards, assign(Assigned.CONTRACT, "V-7"))) == [(Scope.CONTRACT, "V-7", "C-1", "volume-01-01")]


def test_who_has_another_tariff_or_one_of_a_place_owes_nothing() -> None:
    everybody = assign(Assigned.OPERATOR, "acme")
    assert owed(agreed([holder()], everybody, assign(Assigned.CUSTOMER, "C-1", "plain"))) == []
    assert owed(agreed([holder()], assign(Assigned.CHARGE_POINT, "CP-1"))) == []
    assert owed(agreed([holder()], everybody, fees=(fee_version(base_fee_net=0),))) == []


def test_the_whole_fee_is_owed_from_the_first_span_to_the_last_in_which_the_tariff_is_assigned() -> None:
    mid = assign(Assigned.CUSTOMER, "C-1", valid_from=at("2026-10-20"), valid_to=at("2026-11-02"))
    (first,) = owed_fees(agreed([holder()], mid), OCTOBER, Span.MONTH)
    assert (first.rating.total_net, first.start, first.end) == (Decimal("4.99"), *OCTOBER)
    assert len(owed(agreed([holder()], mid), NOVEMBER)) == 1
    assert owed(agreed([holder()], mid), (at("2026-12-01"), at("2027-01-01"))) == []
    assert owed(agreed([holder()], mid), (at("2026-09-01"), at("2026-10-01"))) == []


def test_the_version_with_which_a_span_begins_says_how_much() -> None:
    old, new = fee_version(), fee_version(valid_from=at("2026-10-15"), base_fee_net="5.99")
    book = agreed([holder()], assign(Assigned.CUSTOMER, "C-1"), fees=(old, new))
    amounts = [owed_fees(book, span, Span.MONTH)[0].rating.total_net for span in (OCTOBER, NOVEMBER)]
    assert amounts == [Decimal("4.99"), Decimal("5.99")]
    assert version_of([new], *OCTOBER) == new
    assert version_of([new], at("2026-09-01"), at("2026-10-01")) is None


def test_a_group_owes_one_fee_and_its_first_customer_pays() -> None:
    group = fee_version(scope="group")
    members = [holder("C-9", group="staff"), holder("C-2", group="staff"), holder("C-3")]
    book = agreed(members, assign(Assigned.OPERATOR, "acme"), fees=(group,))
    assert owed(book) == [
        (Scope.GROUP, "staff", "C-2", "volume-01-01"),
        (Scope.CONTRACT, "C-3", "C-3", "volume-01-01"),
    ]


def test_only_tariffs_of_the_span_that_ends_are_asked() -> None:
    book = agreed([holder()], assign(Assigned.CUSTOMER, "C-1"))
    assert owed_fees(book, span_of(Span.DAY, OCTOBER[0], BERLIN), Span.DAY) == []


def test_the_relationship_decides_on_the_tax() -> None:
    tariff = {**VOLUME, "x_tax": {"wholesale": "reverse_charge"}}
    partner = replace(holder(), relationship="wholesale")
    (fee,) = owed_fees(
        agreed([partner], assign(Assigned.CUSTOMER, "C-1"), fees=(fee_version(tariff),)), OCTOBER, Span.MONTH
    )
    assert (fee.rating.total_net, fee.rating.total_vat) == (Decimal("4.99"), Decimal("0.00"))


def test_a_contract_owes_nothing_for_spans_after_its_end() -> None:
    ended = replace(holder(contract="V-1"), valid_to=at("2026-10-15"))
    book = agreed([ended], assign(Assigned.CONTRACT, "V-1"))
    assert [row[1] for row in owed(book)] == ["V-1"]
    assert owed(book, NOVEMBER) == []
    begun = replace(holder(contract="V-1"), valid_from=NOVEMBER[0])
    assert owed(agreed([begun], assign(Assigned.CONTRACT, "V-1"))) == []
