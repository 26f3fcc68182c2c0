"""The proof that a stored rating follows from what is stored with it: price it again and compare.

Amounts, quantities, prices and periods must be the very same. Sentences that explain them may be worded better by later
versions of this program, so they are left out, and so is the version itself.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from backend.core.rates.pricing import Inputs, UnratableError, price, read_tariff
from backend.core.rates.rating import Rating
from backend.core.record import to_json
from backend.core.tariffs.tariff import version_id

_LEFT_OUT = frozenset(("reason_de", "reason_en", "when_de", "when_en", "notes", "engine"))


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored rating that does not compute again to the same; `what` names each field that differs."""

    transaction_id: int
    rating_id: int
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What computing stored ratings again gave: how many were checked, and those that differ."""

    checked: int
    differences: tuple[Difference, ...]


def check(stored: str, versions: Mapping[str, str], inputs: Inputs) -> tuple[str, ...]:
    """Compute a stored rating (JSON) again and name what differs, nothing if it is the same.

    Args:
        stored: the rating as it was stored.
        versions: canonical JSON of each tariff version by its name, which must be the hash of that; in the order in
            which they were given to the rating.
        inputs: that it was priced from.
    """
    for name, body in versions.items():
        if version_id(body) != name:
            return (f"the content of tariff version {name[:12]} is not what its hash says",)
    try:
        return differences(stored, price(inputs, [read_tariff(body) for body in versions.values()]).rating)
    except UnratableError as error:
        return (f"can't be priced again: {error}",)


def differences(stored: str, recomputed: Rating) -> tuple[str, ...]:
    """Compare a stored rating (JSON) with the one made again; names each field that differs, none if they are equal."""
    try:
        before = json.loads(stored)
    except ValueError:
        return ("the stored rating is not JSON",)
    return tuple(_compare(before, json.loads(to_json(recomputed)), ""))


def _compare(before: object, after: object, path: str) -> Iterator[str]:
    """Compare what was stored; fields that only the newer program knows are not."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before:
            if name not in _LEFT_OUT:
                yield from _compare(before[name], after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{path}: {len(before)} stored, {len(after)} recomputed"
        for i, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from _compare(one, other, f"{path}[{i}]")
    elif before != after and not _same_number(before, after):
        yield f"{path}: {before} stored, {after} recomputed"


def _same_number(one: object, other: object) -> bool:
    """Tell whether two texts are one number: 4.000 kWh are 4 kWh."""
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return False
