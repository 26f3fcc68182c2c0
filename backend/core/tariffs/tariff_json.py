"""What the tariff tools say as JSON, the same for the command line and the API. Exact numbers are text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal

from backend.core.tariffs.lint_texts import Severity
from backend.core.tariffs.price_sign import PriceSign, SignRow
from backend.core.tariffs.tariff_fit import Fit, Loss
from backend.core.tariffs.tariff_import import Imported
from backend.core.tariffs.tariff_lint import Finding
from backend.core.tariffs.tariff_model import TariffError

Json = dict[str, object]

_NOT_OF_THE_TARIFF = {"x_retail"}
"""Extensions of a scenario that say how others price it."""


def tariffs_in(data: object, wanted: str = "") -> list[Json]:
    """Find the tariffs in JSON: a tariff, a list of them, an answer of OCPI, a scenario or a file of scenarios.

    Args:
        data: the JSON.
        wanted: id of the scenario or tariff; empty for all.

    Raises:
        TariffError: there is none, or none of that id.
    """
    found = [body for body, names in _bodies(data, ()) if not wanted or wanted in names]
    if not found:
        raise TariffError("tariff", f"there is none with the id {wanted!r}" if wanted else "there is none")
    return found


def scenarios_in(data: object, wanted: str = "") -> list[object]:
    """Find the scenarios in JSON: one, a list of them, or a file with `scenarios`.

    Args:
        data: the JSON. What is no scenario is given as it is: the rating says what is wrong with it.
        wanted: id of a scenario; empty for all.

    Raises:
        TariffError: there is none of that id.
    """
    rows = data["scenarios"] if isinstance(data, Mapping) and "scenarios" in data else data
    found = [
        row
        for row in (rows if isinstance(rows, list) else [rows])
        if not wanted or (isinstance(row, Mapping) and row.get("id") == wanted)
    ]
    if not found:
        raise TariffError("scenario", f"there is none with the id {wanted!r}" if wanted else "there is none")
    return found


def _bodies(data: object, names: tuple[str, ...]) -> Iterable[tuple[Json, tuple[str, ...]]]:
    if isinstance(data, list):
        for one in data:
            yield from _bodies(one, names)
    if not isinstance(data, Mapping):
        return
    for field in ("scenarios", "data"):
        if field in data and "elements" not in data:
            yield from _bodies(data[field], names)
            return
    if "tariff" in data:
        for body, known in _bodies(data["tariff"], (*names, str(data.get("id", "")))):
            yield _extended(body, data.get("extensions")), known
    elif "scenarios" not in data:
        yield dict(data), (*names, str(data.get("id", "")))


def _extended(body: Json, extensions: object) -> Json:
    """Add the extensions of a scenario to its tariff, without what is a fact of its sessions."""
    if not isinstance(extensions, Mapping):
        return body
    more = {str(name): value for name, value in extensions.items() if name not in _NOT_OF_THE_TARIFF}
    quota = more.get("x_quota")
    if isinstance(quota, Mapping):
        more["x_quota"] = {name: value for name, value in quota.items() if name != "used_before"}
    return body | more


def findings_json(findings: Sequence[Finding]) -> Json:
    """Write what the linter found."""
    count = {severity.value: sum(f.severity is severity for f in findings) for severity in Severity}
    return {"count": count, "findings": [asdict(finding) for finding in findings]}


def sign_json(sign: PriceSign) -> Json:
    """Write a price sign."""
    return asdict(sign) | {"rows": [_row(row) for row in sign.rows]}


def _row(row: SignRow) -> Json:
    return asdict(row) | {"price": None if row.price is None else exact(row.price)}


def fit_json(fits: Iterable[Fit]) -> Json:
    """Write how a tariff fits the versions of OCPI."""
    return {"fits": [export_json(one) for one in fits]}


def export_json(one: Fit | Imported) -> Json:
    """Write a tariff in or from one version; `tariff` is its JSON."""
    return {
        "version": one.version,
        "verdict": one.verdict.value,
        "losses": losses_json(one.losses),
        "tariff": one.body,
    }


def losses_json(losses: Iterable[Loss]) -> list[Json]:
    """Write what could not be said."""
    return [asdict(loss) for loss in losses]


def exact(value: Decimal) -> str:
    """Write a number with all its digits and no more."""
    return f"{value.normalize():f}"
