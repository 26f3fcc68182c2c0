"""Whether a customer pays VAT, and what proves it.

A case other than the usual one may rest on evidence with validity. For days on which a piece of it is missing or has
expired the standard rate applies: whoever leaves VAT out without proof owes it himself (§ 14c, § 13b UStG).

- reseller_de: § 13b (2) No 5 b UStG: the customer owes the tax if both sides resell electricity, each proved by the
  form USt 1 TH.
- reseller_eu: § 3g (1) UStG: supplied where the reseller sits, who owes the tax there; proved by the check of its VAT
  id.
- reseller_third: § 3g (1) UStG, outside of the EU: not taxable here; proved by where the reseller sits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from backend.core.invoices.invoice_model import TaxCase

REMIND_DAYS = 60
"""So long before its last day evidence is asked for anew."""


class TaxStatus(StrEnum):
    """What a customer is to VAT. The first five say it by themselves, the others need evidence."""

    STANDARD = "standard"
    DOMESTIC = "domestic"
    REVERSE_CHARGE = "reverse_charge"
    EXEMPT = "exempt"
    OUTSIDE_SCOPE = "outside_scope"
    RESELLER_DE = "reseller_de"
    RESELLER_EU = "reseller_eu"
    RESELLER_THIRD = "reseller_third"


class Kind(StrEnum):
    """Kinds of evidence."""

    UST_1_TH = "ust_1_th"
    VAT_ID_CHECK = "vat_id_check"
    SEAT_ABROAD = "seat_abroad"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document that proves a tax case: the customer's, or the operator's own. Local days; no `last`: no end.

    `id` is that of its row.
    """

    kind: Kind
    own: bool
    reference: str
    first: date
    last: date | None
    id: int = 0

    def holds(self, day: date) -> bool:
        """Tell whether it is valid on a day."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Treatment:
    """How supplies of a day are taxed. `lapsed` tells why the standard rate applies instead of the customer's case."""

    case: TaxCase
    lapsed: str = ""


_CASES = {
    TaxStatus.STANDARD: TaxCase.STANDARD,
    TaxStatus.DOMESTIC: TaxCase.STANDARD,
    TaxStatus.REVERSE_CHARGE: TaxCase.REVERSE_CHARGE,
    TaxStatus.EXEMPT: TaxCase.EXEMPT,
    TaxStatus.OUTSIDE_SCOPE: TaxCase.OUTSIDE_SCOPE,
    TaxStatus.RESELLER_DE: TaxCase.REVERSE_CHARGE,
    TaxStatus.RESELLER_EU: TaxCase.REVERSE_CHARGE,
    TaxStatus.RESELLER_THIRD: TaxCase.OUTSIDE_SCOPE,
}
NEEDED = {
    TaxStatus.RESELLER_DE: ((Kind.UST_1_TH, False), (Kind.UST_1_TH, True)),
    TaxStatus.RESELLER_EU: ((Kind.VAT_ID_CHECK, False),),
    TaxStatus.RESELLER_THIRD: ((Kind.SEAT_ABROAD, False),),
}
"""Evidence that a case rests on: its kind, and whether it is the operator's own."""

_NAMES = {Kind.UST_1_TH: "USt 1 TH", Kind.VAT_ID_CHECK: "check of the VAT id", Kind.SEAT_ABROAD: "proof of the seat"}


def treatment(status: TaxStatus, evidence: Sequence[Evidence], day: date) -> Treatment:
    """Tell how a supply of a local day is taxed."""
    missing = "; ".join(_missing(status, evidence, day))
    return Treatment(TaxCase.STANDARD, missing) if missing else Treatment(_CASES[status])


def expiring(status: TaxStatus, evidence: Iterable[Evidence], day: date) -> Iterator[Evidence]:
    """List the evidence that a case rests on, ends within 60 days (or has ended) and has no successor."""
    known = list(evidence)
    for kind, own in NEEDED.get(status, ()):
        same = [one for one in known if (one.kind, one.own) == (kind, own)]
        newest = max(same, key=lambda one: (one.last is None, one.last or date.min), default=None)
        if newest and newest.last and newest.last - timedelta(days=REMIND_DAYS) <= day:
            yield newest


def name_of(kind: Kind, *, own: bool) -> str:
    """Name evidence for people."""
    return f"the {_NAMES[kind]} of {'the operator' if own else 'the customer'}"


def _missing(status: TaxStatus, evidence: Sequence[Evidence], day: date) -> Iterator[str]:
    for kind, own in NEEDED.get(status, ()):
        same = [one for one in evidence if (one.kind, one.own) == (kind, own)]
        if any(one.holds(day) for one in same):
            continue
        ends = [one.last for one in same if one.last and one.last < day]
        yield f"{name_of(kind, own=own)} {f'expired on {max(ends)}' if ends else 'is missing'}"
