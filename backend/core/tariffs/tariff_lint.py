"""The tariff linter: what in a tariff is wrong, unlawful or probably not meant, and what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise, product
from zoneinfo import ZoneInfo

from backend.core.rates.explain import LANGUAGES, condition_text, item_name, number_text
from backend.core.reason_texts import reason_text
from backend.core.tariffs.lint_texts import FINDING_TEXTS, Severity
from backend.core.tariffs.net_export import OCPI_DECIMALS, worst_drift
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_cover import Case, Cover, CoverError
from backend.core.tariffs.tariff_model import (
    Dimension,
    DurationCounter,
    Element,
    PriceBasis,
    PriceComponent,
    Restrictions,
    Tariff,
    TariffError,
    TariffType,
)
from shared.money import CENT

FAST_KW = Decimal(50)
"""From this power on, the components of an ad hoc price are limited (AFIR art. 5(4))."""

_MOST_PER_KWH = Decimal(3)
_LEAST_PER_HOUR = Decimal("0.60")
"""One cent a minute; below, the author probably wrote a price per minute."""

_SESSION = ("Ladevorgang", "session")
_UNITS = {Dimension.ENERGY: (("kWh", "kWh"), ("kWh", "kWh")), Dimension.FLAT: (_SESSION, _SESSION)}
"""What a price is for, and what is counted; times are priced per hour and counted in minutes."""

_BEGIN_OF_TIME = datetime.min.replace(tzinfo=UTC)

_TIMES = (Dimension.TIME, Dimension.PARKING_TIME)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Args:
        code: names the kind of finding; stays the same for programs.
        severity: how bad it is.
        path: of the element concerned, for instance `elements[1].price_components[0]`.
        text_de: what is wrong, in German.
        text_en: the same in English.
        advice_de: what to do, in German.
        advice_en: the same in English.
    """

    code: str
    severity: Severity
    path: str
    text_de: str
    text_en: str
    advice_de: str
    advice_en: str


def lint(data: object, power_kw: Decimal | None = None, zone: ZoneInfo | None = None) -> tuple[Finding, ...]:
    """Check a tariff, the worst findings first.

    Args:
        data: a tariff as `parse_tariff` takes it; one that it refuses gives a single finding.
        power_kw: of the fastest charging point that the tariff is for; None if unknown.
        zone: local time of the charging points, to compare dates with the validity; None skips that.
    """
    try:
        tariff = parse_tariff(data)
    except TariffError as error:
        return (invalid(error),)
    findings = [
        *_restrictions(tariff),
        *_cover(tariff, zone),
        *_law(tariff, power_kw),
        *_prices(tariff),
        *_drift(tariff),
        *_limits(tariff),
        *_caps(tariff),
        *_quantities(tariff),
    ]
    return tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity)))


def lint_versions(bodies: Sequence[object]) -> tuple[Finding, ...]:
    """Compare the validity of versions of one tariff: they must hand over without a gap and without overlap.

    Args:
        bodies: tariffs as `parse_tariff` takes them. One without end is valid until the next begins; one that can't be
            read is passed over, `lint` tells of it.
    """
    read = []
    for place, body in enumerate(bodies):
        with suppress(TariffError):
            read.append((place, parse_tariff(body)))
    begun = [(tariff.start_date_time or _BEGIN_OF_TIME, place, tariff) for place, tariff in read]
    findings = []
    for (_, _, earlier), (start, place, later) in pairwise(sorted(begun, key=lambda one: one[:2])):
        end = earlier.end_date_time
        if end is None or later.start_date_time is None or end == start:
            continue
        ends = min(end, later.end_date_time or end)
        code, until = ("validity_gap", end) if end < start else ("validity_overlap", ends)
        told = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        findings.append(_found(code, f"tariff[{place}].start_date_time", **told))
    return tuple(findings)


def lint_profiles(bodies: Sequence[object]) -> tuple[Finding, ...]:
    """Check that tariffs can take turns in one session, by profile: a set needs a regular one.

    Args:
        bodies: tariffs as `parse_tariff` takes them, told apart by their type; one without is regular. One that can't
            be read is passed over, `lint` tells of it.
    """
    findings: list[Finding] = []
    known: dict[TariffType, Tariff] = {}
    first: Tariff | None = None
    for place, body in enumerate(bodies):
        with suppress(TariffError):
            tariff = parse_tariff(body)
            profile = tariff.type or TariffType.REGULAR
            first = first or tariff
            twin = known.setdefault(profile, tariff)
            if twin.id != tariff.id:
                findings.append(_found("profile_twice", f"tariff[{place}].type", profile=profile, first=twin.id))
            if (tariff.currency, tariff.basis) != (first.currency, first.basis):
                told = {"currency": tariff.currency, "basis": tariff.basis}
                findings.append(_found("profiles_mixed", f"tariff[{place}].currency", first=first.id, **told))
    if known and TariffType.REGULAR not in known:
        findings.append(_found("profiles_without_regular", "tariff"))
    return tuple(findings)


def is_profile_set(bodies: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether several tariffs are meant to take turns: one of them is for a profile."""
    types = [body.get("type") for body in bodies]
    return len(bodies) > 1 and any(isinstance(one, str) and one.startswith("PROFILE_") for one in types)


def invalid(error: TariffError) -> Finding:
    """Tell as a finding that a tariff can't be read."""
    return _found("invalid", error.path, reason=(reason_text(error.reason, "de"), error.reason))


def reachable(tariff: Tariff) -> frozenset[tuple[int, int]]:
    """Name the prices that get a turn, as (element, component). All of a dimension if that is too complex to tell."""
    wanted: set[tuple[int, int]] = set()
    for dimension in Dimension:
        for places, cover in _covers(tariff, dimension, None):
            try:
                wanted |= {place for n, place in enumerate(places) if cover.use(n) is not None}
            except CoverError:
                wanted |= set(places)
    return frozenset(wanted)


def _found(code: str, path: str, **values: object) -> Finding:
    """Fill in the texts of a finding. A value that is a pair is (German, English)."""
    row = FINDING_TEXTS[code]
    told = [{name: v[i] if isinstance(v, tuple) else v for name, v in values.items()} for i in range(len(LANGUAGES))]
    texts = [text.format(**told[i]) for i, text in enumerate(row.text)]
    return Finding(code, row.severity, path, texts[0], texts[1], *row.advice)


def _components(tariff: Tariff) -> Iterator[tuple[str, Element, PriceComponent]]:
    for i, element in enumerate(tariff.elements):
        for j, component in enumerate(element.components):
            yield f"elements[{i}].price_components[{j}]", element, component


def _money(tariff: Tariff, amount: Decimal, least: int = 2) -> tuple[str, str]:
    german, english = (number_text(amount, language, least) for language in LANGUAGES)
    return f"{german} {tariff.currency}", f"{english} {tariff.currency}"


def _restrictions(tariff: Tariff) -> Iterator[Finding]:
    for i, element in enumerate(tariff.elements):
        rules = element.restrictions
        start, end = rules.start_time, rules.end_time
        if start is not None and start == end and start != time(0):
            yield _found("whole_day", f"elements[{i}].restrictions.end_time", time=f"{start:%H:%M}")
        since_end = rules.duration_counter is DurationCounter.SINCE_CHARGING_END
        if rules.min_duration and rules.reservation is None and not since_end:
            yield from _fee_that_stops(i, element)


def _fee_that_stops(index: int, element: Element) -> Iterator[Finding]:
    """Find a fee for staying long that depends on whether the vehicle charges (two components are needed)."""
    priced = [c.dimension for c in element.components if c.dimension in _TIMES and c.price]
    if len(priced) != 1:
        return
    charging = priced[0] is Dimension.TIME
    rules = element.restrictions
    yield _found(
        "fee_stops",
        f"elements[{index}]",
        after=tuple(condition_text(Restrictions(min_duration=rules.min_duration), language) for language in LANGUAGES),
        state_de="während des Ladens" if charging else "ohne Laden",
        state_en="while charging" if charging else "without charging",
        change_de="nicht mehr lädt" if charging else "wieder lädt",
        change_en="stops charging" if charging else "charges again",
    )


def _covers(
    tariff: Tariff, dimension: Dimension, zone: ZoneInfo | None
) -> Iterator[tuple[list[tuple[int, int]], Cover]]:
    """Give, for sessions and for each kind of reservation, the prices of a dimension and the cases that they cover."""
    first, last = _valid_days(tariff, zone)
    kinds = {element.restrictions.reservation for element in tariff.elements}
    for kind in sorted(kinds, key=str):
        places = [
            (i, j)
            for i, element in enumerate(tariff.elements)
            for j, component in enumerate(element.components)
            if element.restrictions.reservation is kind and component.dimension is dimension
        ]
        if places:
            rules = [tariff.elements[i].restrictions for i, _ in places]
            yield places, Cover(rules, first, last)


def _valid_days(tariff: Tariff, zone: ZoneInfo | None) -> tuple[date | None, date | None]:
    if zone is None:
        return None, None
    first = tariff.start_date_time.astimezone(zone).date() if tariff.start_date_time else None
    last = (tariff.end_date_time - timedelta(seconds=1)).astimezone(zone).date() if tariff.end_date_time else None
    return (None, None) if first and last and last < first else (first, last)


def _cover(tariff: Tariff, zone: ZoneInfo | None) -> Iterator[Finding]:
    """Find prices that never get a turn, and energy without a price."""
    dead: dict[int, list[int]] = {}
    never: set[int] = set()
    for dimension in Dimension:
        for places, cover in _covers(tariff, dimension, zone):
            try:
                for place, (i, j) in enumerate(places):
                    if not cover.ever(place):
                        never.add(i)
                    elif cover.use(place) is None:
                        dead.setdefault(i, []).append(j)
                if dimension is Dimension.ENERGY and tariff.elements[places[0][0]].restrictions.reservation is None:
                    yield from _gap(cover.gap())
            except CoverError:
                yield _found("too_complex", "elements")
    for i in sorted(never):
        yield _found("never_applies", f"elements[{i}].restrictions")
    for i, components in sorted(dead.items()):
        if i in never:
            continue
        if len(components) == len(tariff.elements[i].components):
            yield _found("unreachable_element", f"elements[{i}]")
            continue
        for j in components:
            name = tariff.elements[i].components[j].dimension
            items = (item_name(name, "de"), item_name(name, "en"))
            yield _found("unreachable_price", f"elements[{i}].price_components[{j}]", item=items)


def _gap(case: Case | None) -> Iterator[Finding]:
    if case:
        yield _found("no_fallback", "elements", case=(case.text_de, case.text_en))


def _law(tariff: Tariff, power_kw: Decimal | None) -> Iterator[Finding]:
    """Compare with what an ad hoc price may be made of (AFIR art. 5(4), PAngV section 14)."""
    priced = [part for part in _components(tariff) if part[2].price]
    usual = [part for part in priced if part[1].restrictions.reservation is None]
    if priced and not any(
        c.dimension is Dimension.ENERGY for _, e, c in _components(tariff) if not e.restrictions.reservation
    ):
        yield _found("no_kwh_price", "elements")
    ad_hoc = tariff.type in (None, TariffType.AD_HOC_PAYMENT)
    for path, element, component in usual:
        rules = element.restrictions
        slow_only = rules.max_power is not None and rules.max_power <= FAST_KW
        fast = (power_kw or rules.min_power or 0) >= FAST_KW
        if slow_only or (power_kw is not None and not fast):
            continue
        if component.dimension is Dimension.FLAT:
            code = ("start_fee_fast" if ad_hoc else "start_fee_fast_contract") if fast else "start_fee_if_fast"
            yield _found(code, path, price=_money(tariff, component.price))
        elif fast and ad_hoc and component.dimension is Dimension.TIME and not rules.min_duration:
            yield _found("time_price_fast", path)


def _prices(tariff: Tariff) -> Iterator[Finding]:
    taxed = any(component.vat is not None for _, _, component in _components(tariff))
    for path, _, component in _components(tariff):
        price = _money(tariff, component.price)
        if component.dimension is Dimension.ENERGY and component.price > _MOST_PER_KWH:
            yield _found("price_unusual", f"{path}.price", price=price)
        if component.dimension in _TIMES and 0 < component.price < _LEAST_PER_HOUR:
            yield _found("price_per_minute", f"{path}.price", price=price)
        if component.vat is None and component.price and (taxed or tariff.basis is PriceBasis.GROSS):
            yield _found("vat_missing", f"{path}.vat")
        if component.step_size > 1 and component.price and component.dimension is not Dimension.FLAT:
            yield _found("step_size", f"{path}.step_size", **_step(tariff, component))


def _step(tariff: Tariff, component: PriceComponent) -> dict[str, object]:
    """Say what a billing step may cost at most: one unit less than the step."""
    energy = component.dimension is Dimension.ENERGY
    surplus = component.price * (component.step_size - 1) / (1000 if energy else 3600)
    step = f"{component.step_size} Wh" if energy else _seconds(component.step_size)
    return {"step": step, "surplus": _money(tariff, surplus.quantize(OCPI_DECIMALS, ROUND_HALF_UP))}


def _seconds(count: int) -> str:
    return f"{count} s" if count % 60 else f"{count // 60} min"


def _drift(tariff: Tariff) -> Iterator[Finding]:
    """Show where gross prices, exported as net ones, give another amount."""
    if tariff.basis is not PriceBasis.GROSS:
        return
    for path, _, component in _components(tariff):
        worst = worst_drift(component)
        if worst is None:
            continue
        per, unit = _UNITS.get(component.dimension, (("h", "h"), ("min", "min")))
        yield _found(
            "gross_drift",
            f"{path}.price",
            net=_money(tariff, worst.net_price),
            per=per,
            unit=unit,
            quantity=tuple(number_text(worst.quantity, language) for language in LANGUAGES),
            own=_money(tariff, worst.own),
            other=_money(tariff, worst.other),
        )


def _limits(tariff: Tariff) -> Iterator[Finding]:
    flats = [
        c.price for _, e, c in _components(tariff) if c.dimension is Dimension.FLAT and not e.restrictions.reservation
    ]
    rates = {component.vat or Decimal(0) for _, _, component in _components(tariff)}
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit is None or limit.incl_vat is None:
            continue
        grosses = [limit.excl_vat * (1 + rate / 100) for rate in sorted(rates)]
        if len(rates) == 1 and all(abs(gross - limit.incl_vat) >= CENT for gross in grosses):
            yield _found("limit_without_vat", name, gross=_money(tariff, grosses[0]))
    if tariff.max_price and flats:
        most = tariff.max_price.excl_vat if tariff.basis is PriceBasis.NET else tariff.max_price.incl_vat
        if most is not None and most < max(flats):
            yield _found("max_below_flat", "max_price", limit=_money(tariff, most), price=_money(tariff, max(flats)))


def _caps(tariff: Tariff) -> Iterator[Finding]:
    """Find caps that limit nothing, everything or less than another one."""
    for n, cap in enumerate(tariff.caps):
        path = f"x_component_caps[{n}]"
        limited = [
            component
            for i, element in enumerate(tariff.elements)
            for component in element.components
            if cap.element in (None, i)
            and component.dimension in cap.dimensions
            and element.restrictions.reservation is None
        ]
        flats = [component.price for component in limited if component.dimension is Dimension.FLAT]
        same = [one for one in tariff.caps if (one.per, one.scope) == (cap.per, cap.scope)]
        wider = [one for one in same if {*cap.dimensions} <= {*one.dimensions} and one.element in (None, cap.element)]
        if not any(component.price or component.formula for component in limited):
            yield _found("cap_without_price", path)
        elif cap.most == 0:
            yield _found("cap_zero", path)
        elif any(one.most < cap.most for one in wider):
            yield _found("cap_without_effect", path)
        elif flats and cap.most < max(flats):
            yield _found("cap_below_flat", path, limit=_money(tariff, cap.most), price=_money(tariff, max(flats)))


def _quantities(tariff: Tariff) -> Iterator[Finding]:
    """Look at quota, volume prices and spot band."""
    energy = [c.price for _, _, c in _components(tariff) if c.dimension is Dimension.ENERGY and not c.formula]
    if tariff.graduated:
        energy = [tier.price for tier in tariff.graduated.tiers]
        if any(after > before for before, after in pairwise(energy)):
            yield _found("tiers_rise", "x_graduated.tiers")
    if tariff.quota and tariff.quota.free_kwh == 0:
        yield _found("quota_zero", "x_quota.free_kwh")
    elif tariff.quota and energy and not tariff.spot and tariff.quota.price > min(energy):
        prices = {"price": _money(tariff, tariff.quota.price), "other": _money(tariff, min(energy))}
        yield _found("quota_dearer", "x_quota.price", **prices)
    if tariff.spot:
        for low, high in product(tariff.spot.floor, tariff.spot.cap):
            if low.basis is high.basis and high.value < low.value:
                yield _found("spot_band", "x_spot.cap", low=_money(tariff, low.value), high=_money(tariff, high.value))


def worst(findings: Sequence[Finding]) -> Severity | None:
    """Give the highest severity found, None if nothing was."""
    return min((finding.severity for finding in findings), key=list(Severity).index, default=None)
