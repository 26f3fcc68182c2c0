"""How well a tariff fits each version of OCPI, and its JSON in that version.

What a version can't say is listed with its reason; the JSON then says what comes next to it. An element whose
condition can't be said is left out, so that the elements after it apply. Amounts in CDRs never come from here: they
come from the tariff itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from backend.core.rates.explain import LANGUAGES, number_text
from backend.core.tariffs.fit_texts import COUNTERS, LOSS_TEXTS, Level
from backend.core.tariffs.net_export import OCPI_DECIMALS, net_price, worst_drift
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_model import (
    WEEKDAYS,
    ComponentCap,
    Dimension,
    DurationCounter,
    Element,
    PriceBasis,
    PriceComponent,
    PriceLimit,
    Restrictions,
    Span,
    Tariff,
)

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
"""Of OCPI. 2.2 is replaced by 2.2.1, whose tariffs are the same."""

# JSON: what a tariff is written as.
Json = dict[str, object]


class Verdict(StrEnum):
    """How well a version of OCPI can say a tariff."""

    EXACT = "EXACT"
    APPROXIMATED = "APPROXIMATED"
    NOT_EXPRESSIBLE = "NOT_EXPRESSIBLE"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that can't be said, or not exactly.

    Args:
        code: names the kind of loss; stays the same for programs.
        level: what it means for amounts.
        path: of the element or field concerned.
        text_de: what is lost, in German.
        text_en: the same in English.
    """

    code: str
    level: Level
    path: str
    text_de: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A tariff in one version of OCPI. `body` is its JSON; numbers are Decimal."""

    version: str
    verdict: Verdict
    losses: tuple[Loss, ...]
    body: Json


def fit(data: object) -> tuple[Fit, ...]:
    """Compare a tariff with every version of OCPI.

    Raises:
        TariffError: as `parse_tariff`.
    """
    return tuple(export(data, version) for version in VERSIONS)


def export(data: object, version: str, updated: datetime | None = None) -> Fit:
    """Write a tariff as OCPI JSON.

    Args:
        data: a tariff as `parse_tariff` takes it.
        version: one of `VERSIONS`.
        updated: stands for `last_updated` if the tariff has none; None is the begin of its validity, or 1970.

    Raises:
        TariffError: as `parse_tariff`.
    """
    tariff = parse_tariff(data)
    losses: list[Loss] = []
    plain = _without_caps(tariff, losses)
    elements = [
        (place, part)
        for place, element in enumerate(plain.elements)
        for part in _expressible(place, element, version, losses)
    ]
    losses += _extensions(tariff)
    body = _Writer(plain, version, losses).body([element for _, element in elements], [place for place, _ in elements])
    not_taxed = isinstance(data, Mapping) and data.get("tax_included") == "N/A"
    if version == "2.3.0":
        body["tax_included"] = "N/A" if not_taxed else "YES" if tariff.basis is PriceBasis.GROSS else "NO"
    stamp = tariff.last_updated or updated or tariff.start_date_time or datetime.fromtimestamp(0, UTC)
    body["last_updated"] = _moment(stamp)
    return Fit(version, verdict(losses), tuple(losses), body)


def verdict(losses: Sequence[Loss]) -> Verdict:
    """Sum up."""
    levels = {loss.level for loss in losses}
    if Level.NOT_EXPRESSIBLE in levels:
        return Verdict.NOT_EXPRESSIBLE
    return Verdict.APPROXIMATED if Level.APPROXIMATED in levels else Verdict.EXACT


def loss(code: str, path: str, **values: object) -> Loss:
    """Fill in the texts of a loss. A value that is a pair is (German, English)."""
    row = LOSS_TEXTS[code]
    told = [{name: v[i] if isinstance(v, tuple) else v for name, v in values.items()} for i in range(len(LANGUAGES))]
    return Loss(code, row.level, path, row.text[0].format(**told[0]), row.text[1].format(**told[1]))


def _money(tariff: Tariff, amount: Decimal) -> tuple[str, str]:
    german, english = (f"{number_text(amount, language, 2)} {tariff.currency}" for language in LANGUAGES)
    return german, english


def _extensions(tariff: Tariff) -> Iterator[Loss]:
    if tariff.quota:
        yield loss("quota", "x_quota")
    if tariff.graduated:
        yield loss("graduated", "x_graduated")
    if tariff.spot:
        yield loss("spot", "x_spot")
    if tariff.taxes:
        yield loss("tax", "x_tax")


def _without_caps(tariff: Tariff, losses: list[Loss]) -> Tariff:
    """Write a cap as the duration after which its fee ends, where that is the same; leave out the others."""
    elements = list(tariff.elements)
    for n, cap in enumerate(tariff.caps):
        place = _capped_element(tariff, cap)
        seconds = _cap_seconds(elements[place], cap) if place is not None else None
        if place is None or seconds is None:
            losses.append(loss("cap", f"x_component_caps[{n}]"))
            continue
        rules = elements[place].restrictions
        ends = min(seconds, rules.max_duration or seconds)
        elements[place] = replace(elements[place], restrictions=replace(rules, max_duration=ends))
        losses.append(loss("cap_as_duration", f"x_component_caps[{n}]", amount=_money(tariff, cap.most), duration=ends))
    return replace(tariff, elements=tuple(elements), caps=())


def _capped_element(tariff: Tariff, cap: ComponentCap) -> int | None:
    """Name the only element that a cap limits; None if there are several."""
    places = [
        i
        for i, element in enumerate(tariff.elements)
        if cap.element in (None, i) and any(c.dimension in cap.dimensions and c.price for c in element.components)
    ]
    return places[0] if len(places) == 1 else None


def _cap_seconds(element: Element, cap: ComponentCap) -> int | None:
    """Tell after how many seconds of a session a fee has reached its cap.

    None if that depends on the session: the fee must run at one price, whether or not the vehicle charges, from one
    duration on and at all times, and be the last that the element has for these dimensions.
    """
    rules = element.restrictions
    fees = [c for c in element.components if c.dimension in cap.dimensions]
    steady = {c.dimension for c in fees} == {Dimension.TIME, Dimension.PARKING_TIME} and len(
        {c.price for c in fees}
    ) == 1
    only = Restrictions(min_duration=rules.min_duration, max_duration=rules.max_duration)
    if not steady or rules != only or cap.per is not Span.SESSION or len(fees) != len(element.components):
        return None
    seconds = cap.most * 3600 / fees[0].price
    return (rules.min_duration or 0) + int(seconds) if seconds == int(seconds) else None


def _expressible(place: int, element: Element, version: str, losses: list[Loss]) -> Iterator[Element]:
    """Give an element as elements without conditions that the version does not know."""
    rules, path = element.restrictions, f"elements[{place}].restrictions"
    timed = rules.min_duration is not None or rules.max_duration is not None
    if timed and rules.duration_counter is not DurationCounter.SESSION:
        losses.append(loss("counter", path, counter=COUNTERS[rules.duration_counter]))
        return
    if version == "2.1.1" and rules.reservation:
        losses.append(loss("reservation_dropped", path))
        return
    if version == "2.1.1" and (rules.min_current is not None or rules.max_current is not None):
        losses.append(loss("current_dropped", path))
        return
    for calendar in (rules.calendar, rules.not_calendar):
        if calendar:
            years = ", ".join(str(year) for year in sorted(calendar.years))
            losses.append(loss("calendar_listed", path, name=calendar.name, years=years))
    for start, end in _date_ranges(rules):
        bare = replace(rules, start_date=start, end_date=end, calendar=None, not_calendar=None)
        yield replace(element, restrictions=bare)


def _date_ranges(rules: Restrictions) -> list[tuple[date | None, date | None]]:
    """Give the ranges of days on which the dates and calendars of restrictions hold, ends exclusive."""
    ranges = [(rules.start_date, rules.end_date)]
    if rules.calendar:
        days = sorted(day for day in rules.calendar.dates if _between(day, rules.start_date, rules.end_date))
        ranges = [(day, day + timedelta(days=1)) for day in days]
    if rules.not_calendar:
        for day in sorted(rules.not_calendar.dates):
            ranges = [part for one in ranges for part in _without(day, *one)]
    return ranges


def _between(day: date, start: date | None, end: date | None) -> bool:
    return (start is None or day >= start) and (end is None or day < end)


def _without(day: date, start: date | None, end: date | None) -> list[tuple[date | None, date | None]]:
    if not _between(day, start, end):
        return [(start, end)]
    after = day + timedelta(days=1)
    parts = [(start, day)] if start is None or start < day else []
    return [*parts, *([(after, end)] if end is None or after < end else [])]


class _Writer:
    """Writes a tariff without extensions as JSON of a version, and notes what was rounded."""

    def __init__(self, tariff: Tariff, version: str, losses: list[Loss]) -> None:
        self._tariff, self._version, self._losses = tariff, version, losses

    def body(self, elements: Sequence[Element], places: Sequence[int]) -> Json:
        """Write everything but `tax_included` and `last_updated`."""
        tariff, old = self._tariff, self._version == "2.1.1"
        body: Json = {} if old else self._owner()
        body |= {"id": tariff.id, "currency": tariff.currency}
        if old:
            self._old()
        else:
            body |= {"type": tariff.type.value} if tariff.type else {}
        if tariff.alt_text:
            body["tariff_alt_text"] = [{"language": one.language, "text": one.text} for one in tariff.alt_text]
        body |= {"tariff_alt_url": tariff.alt_url} if tariff.alt_url else {}
        for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
            if limit and not old:
                body[name] = self._limit(name, limit)
        written = {place: self._components(place) for place in sorted(set(places))}
        body["elements"] = [
            {"price_components": written[place]} | self._restrictions(place, element.restrictions)
            for place, element in zip(places, elements, strict=True)
        ]
        for name, moment in (("start_date_time", tariff.start_date_time), ("end_date_time", tariff.end_date_time)):
            if moment and not old:
                body[name] = _moment(moment)
        return body | self._energy_mix()

    def _owner(self) -> Json:
        tariff = self._tariff
        if not (tariff.country_code and tariff.party_id):
            self._losses.append(loss("no_owner", "country_code"))
            return {}
        return {"country_code": tariff.country_code, "party_id": tariff.party_id}

    def _old(self) -> None:
        """Note what 2.1.1 has no fields for."""
        tariff, losses = self._tariff, self._losses
        if tariff.country_code or tariff.party_id:
            losses.append(loss("owner_dropped", "country_code"))
        if tariff.type:
            losses.append(loss("type_dropped", "type", type=tariff.type.value))
        if tariff.start_date_time or tariff.end_date_time:
            losses.append(loss("validity_dropped", "start_date_time" if tariff.start_date_time else "end_date_time"))
        losses += [loss("limit_dropped", name) for name in ("min_price", "max_price") if getattr(tariff, name)]
        if any(c.vat is not None for e in tariff.elements for c in e.components):
            losses.append(loss("no_vat", "elements"))

    def _limit(self, name: str, limit: PriceLimit) -> Json:
        names = ("before_taxes", "after_taxes") if self._version == "2.3.0" else ("excl_vat", "incl_vat")
        row: Json = {names[0]: self._number(limit.excl_vat, f"{name}.excl_vat")}
        if limit.incl_vat is not None:
            row[names[1]] = self._number(limit.incl_vat, f"{name}.incl_vat")
        return row

    def _components(self, place: int) -> list[Json]:
        rows = []
        for n, component in enumerate(self._tariff.elements[place].components):
            path = f"elements[{place}].price_components[{n}]"
            row: Json = {"type": component.dimension.value, "price": self._price(component, path)}
            if component.vat is not None and self._version != "2.1.1":
                row["vat"] = component.vat
            rows.append(row | {"step_size": component.step_size})
            if component.formula:
                self._losses.append(loss("formula", f"{path}.x_formula"))
        return rows

    def _price(self, component: PriceComponent, path: str) -> Decimal:
        """Give the price as the version has it: without VAT up to 2.2.1, as the tariff says from 2.3.0 on."""
        gross = self._version != "2.3.0" and self._tariff.basis is PriceBasis.GROSS
        if gross and component.vat is None and component.price:
            self._losses.append(loss("gross_without_rate", f"{path}.price"))
        if not gross or not component.vat:
            return self._number(component.price, f"{path}.price")
        net, drift = net_price(component), worst_drift(component)
        units = {Dimension.ENERGY: ("kWh", "kWh"), Dimension.FLAT: ("Ladevorgang", "session")}
        if drift:
            self._losses.append(
                loss(
                    "net_drift",
                    f"{path}.price",
                    net=_money(self._tariff, net),
                    quantity=(number_text(drift.quantity, "de"), number_text(drift.quantity, "en")),
                    unit=units.get(component.dimension, ("min", "min")),
                    own=_money(self._tariff, drift.own),
                    other=_money(self._tariff, drift.other),
                )
            )
        elif net * (1 + component.vat / 100) != component.price:
            self._losses.append(loss("net_rounded", f"{path}.price", net=_money(self._tariff, net)))
        return net

    def _restrictions(self, place: int, rules: Restrictions) -> Json:
        row: Json = {}
        for name in ("start_time", "end_time"):
            moment = getattr(rules, name)
            row |= {name: f"{moment:%H:%M}"} if moment is not None else {}
        for name in ("start_date", "end_date"):
            day = getattr(rules, name)
            row |= {name: day.isoformat()} if day else {}
        for name in ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power"):
            value = getattr(rules, name)
            row |= {name: self._number(value, f"elements[{place}].restrictions.{name}")} if value is not None else {}
        for name in ("min_duration", "max_duration"):
            value = getattr(rules, name)
            row |= {name: value} if value is not None else {}
        if rules.weekdays:
            row["day_of_week"] = [WEEKDAYS[day] for day in rules.weekdays]
        if rules.reservation:
            row["reservation"] = rules.reservation.value
        return {"restrictions": row} if row else {}

    def _number(self, value: Decimal, path: str) -> Decimal:
        rounded = value.quantize(OCPI_DECIMALS, ROUND_HALF_UP)
        if rounded != value:
            self._losses.append(loss("rounded", path, value=(number_text(value, "de"), number_text(value, "en"))))
            return rounded
        return value

    def _energy_mix(self) -> Json:
        mix = self._tariff.energy_mix
        if mix is None:
            return {}
        row: Json = {"is_green_energy": mix.is_green_energy}
        if mix.energy_sources:
            row["energy_sources"] = [{"source": one.name, "percentage": one.amount} for one in mix.energy_sources]
        if mix.environ_impact:
            row["environ_impact"] = [{"category": one.name, "amount": one.amount} for one in mix.environ_impact]
        for name in ("supplier_name", "energy_product_name"):
            row |= {name: getattr(mix, name)} if getattr(mix, name) else {}
        return {"energy_mix": row}


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
