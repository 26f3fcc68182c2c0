"""Pages of tariffs: the list, one tariff with its sign, findings, fit and a try, and a check of JSON from outside."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qs, quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.api.permissions import visitor_of
from backend.core.people.access import View
from backend.core.rates.pricing import UnratableError
from backend.core.rates.rating_model import Policy
from backend.core.tariffs.lint_texts import Severity
from backend.core.tariffs.price_sign import PriceSign, price_sign
from backend.core.tariffs.tariff import load_body, parse_tariff
from backend.core.tariffs.tariff_fit import VERSIONS, Fit, Loss, export, fit
from backend.core.tariffs.tariff_import import import_tariff
from backend.core.tariffs.tariff_json import tariffs_in
from backend.core.tariffs.tariff_lint import Finding, invalid, lint
from backend.core.tariffs.tariff_model import Tariff, TariffError
from backend.core.tariffs.tariff_trial import Trial, price_trial
from backend.store.tariffs import StoredTariff, list_tariffs
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Reader, Site
from shared.ocpp.session import dumps, loads

_MAX_JSON = 500_000
"""Bytes of a pasted tariff."""

_POWERS = (11, 22, 50, 150, 300)
"""kW to choose from."""

_GERMAN_VAT = Decimal(19)
"""Per cent, for prices of OCPI 2.1.1, which tells none."""

_LONGEST_MIN = 7 * 24 * 60
_MOST_KWH = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """A tariff with all that the tools say of it; without `tariff` it can't be read."""

    body: dict[str, object]
    tariff: Tariff | None
    findings: tuple[Finding, ...]
    sign: PriceSign | None = None
    fits: tuple[Fit, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """Give the highest severity found."""
        return self.findings[0].severity if self.findings else None


@dataclass(frozen=True, slots=True)
class TrialForm:
    """What was entered to try a tariff, as text; `wrong` names the field that does not fit."""

    kwh: str
    start: str
    charging: str
    parked: str
    power: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class CheckForm:
    """What was pasted to be checked, and what came of it; `version` is empty for our own format."""

    text: str = ""
    version: str = ""
    checked: Checked | None = None
    losses: tuple[Loss, ...] = ()
    problem: str = ""

    @property
    def own(self) -> str:
        """Give a partner's tariff in our own format."""
        return _pretty(self.checked.body) if self.version and self.checked and self.checked.tariff else ""


class TariffPages:
    """The pages of tariffs."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def list(self, request: Request) -> Response:
        """List all tariffs with their prices."""
        reader = await self._site.reader(request)
        rows = await self._rows(reader.view)
        names = sorted({row.tariff_id for row in rows})
        current = {name: _current([row for row in rows if row.tariff_id == name], reader.now) for name in names}
        checked = await asyncio.to_thread(
            lambda: {name: check(load_body(row.body), None, reader) for name, row in current.items()}
        )
        count = {name: sum(row.tariff_id == name for row in rows) for name in names}
        values = {"tariffs": [(current[name], checked[name], count[name]) for name in names]}
        return self._site.page(request, reader, "tariffs", values)

    async def tariff(self, request: Request) -> Response:
        """Show one tariff."""
        reader = await self._site.reader(request)
        versions, row = await self._chosen(request, reader.now)
        form, trial, power = _trial_form(request, reader)
        checked = await asyncio.to_thread(check, load_body(row.body), power, reader, True)
        priced, held = None, ""
        if trial and checked.tariff:
            try:
                timezone = reader.operator.timezone
                priced = await asyncio.to_thread(price_trial, trial, checked.tariff, timezone, Policy())
            except UnratableError as error:
                held = str(error)
        values = {
            "row": row,
            "versions": versions[::-1],
            "current": _current(versions, reader.now),
            "checked": checked,
            "form": form,
            "priced": priced,
            "held": held,
            "powers": _POWERS,
        }
        return self._site.page(request, reader, "tariff", values)

    async def ocpi(self, request: Request) -> Response:
        """Give a tariff as OCPI JSON for download."""
        version = request.path_params["version"]
        if version not in VERSIONS:
            raise HTTPException(404)
        _, row = await self._chosen(request, self._site.clock.utc())
        try:
            body = export(load_body(row.body), version, row.valid_from).body
        except TariffError as error:
            raise HTTPException(404) from error
        name = quote(f"{row.tariff_id}-ocpi-{version}.json", safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(_pretty(body), 200, headers, "application/json")

    async def ask_check(self, request: Request) -> Response:
        """Ask for the JSON of a tariff."""
        reader = await self._site.reader(request)
        return self._check_page(request, reader, CheckForm())

    async def check(self, request: Request) -> Response:
        """Check the JSON of a tariff, our own or a partner's. Nothing is stored."""
        fields = await _large_form(request)
        reader = await self._site.reader(request)
        version = fields.get("version", "")
        form = CheckForm(fields.get("tariff", ""), version if version in VERSIONS else "")
        if not is_own_form(request, fields.get(CSRF_FIELD, "")):
            return self._check_page(request, reader, replace(form, problem="stale_form"), 403)
        return self._check_page(request, reader, await asyncio.to_thread(_checked, form, reader))

    def _check_page(self, request: Request, reader: Reader, form: CheckForm, status: int = 200) -> Response:
        return self._site.page(request, reader, "tariff_check", {"form": form, "known_versions": VERSIONS}, status)

    async def _rows(self, view: View) -> Sequence[StoredTariff]:
        return await self._site.store.read(lambda connection: list_tariffs(connection, view))

    async def _chosen(self, request: Request, now: datetime) -> tuple[Sequence[StoredTariff], StoredTariff]:
        """Find the tariff in the address and its version: the one asked for, else the one of now."""
        versions = [
            row for row in await self._rows(visitor_of(request).view) if row.tariff_id == request.path_params["id"]
        ]
        wanted = request.query_params.get("version", "")
        chosen = [row for row in versions if row.id == wanted] if wanted else versions
        if not chosen:
            raise HTTPException(404)
        return versions, _current(chosen, now)


def check(body: dict[str, object], power_kw: Decimal | None, reader: Reader, thorough: bool = False) -> Checked:
    """Let the tools look at a tariff: the linter and the sign, and the fit too if thorough."""
    findings = lint(body, power_kw, reader.formats.zone)
    try:
        tariff = parse_tariff(body)
    except TariffError:
        return Checked(body, None, findings)
    return Checked(body, tariff, findings, price_sign(tariff, power_kw), fit(body) if thorough else ())


def _checked(form: CheckForm, reader: Reader) -> CheckForm:
    try:
        body = _pasted(form.text)
        if not form.version:
            return replace(form, checked=check(body, None, reader, True))
        imported = import_tariff(body, form.version, _GERMAN_VAT)
        return replace(form, checked=check(imported.body, None, reader, True), losses=imported.losses)
    except TariffError as error:
        return replace(form, checked=Checked({}, None, (invalid(error),)))


def _current(versions: Sequence[StoredTariff], now: datetime) -> StoredTariff:
    """Give the version that is valid, or the first one to come."""
    begun = [row for row in versions if row.valid_from <= now]
    return max(begun, key=lambda row: row.valid_from) if begun else min(versions, key=lambda row: row.valid_from)


def _trial_form(request: Request, reader: Reader) -> tuple[TrialForm, Trial | None, Decimal | None]:
    """Read what was entered to try a tariff; without anything entered an evening with 30 kWh."""
    given, zone = request.query_params, reader.formats.zone
    evening = reader.now.astimezone(zone).replace(hour=18, minute=0, second=0, microsecond=0, tzinfo=None)
    form = TrialForm(
        kwh=given.get("kwh", "30").replace(",", "."),
        start=given.get("start", evening.isoformat(timespec="minutes")),
        charging=given.get("charging", "180"),
        parked=given.get("parked", "0"),
        power=given.get("power", ""),
    )
    power = _decimal(form.power, 10_000) if form.power else None
    kwh = _decimal(form.kwh, _MOST_KWH)
    charging, parked = _decimal(form.charging, _LONGEST_MIN), _decimal(form.parked, _LONGEST_MIN)
    start = _local(form.start)
    read = {"kwh": kwh, "start": start, "charging": charging, "parked": parked}
    wrong = next((name for name, value in read.items() if value is None), "")
    if kwh is None or start is None or charging is None or parked is None:
        return replace(form, wrong=wrong), None, power
    if kwh and not charging:
        return replace(form, wrong="charging"), None, power
    minutes = [timedelta(seconds=int(value * 60)) for value in (charging, parked)]
    return form, Trial(start.replace(tzinfo=zone).astimezone(UTC), kwh, minutes[0], minutes[1]), power


def _decimal(text: str, most: int) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= most else None


def _local(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is None and 2000 <= moment.year <= 2100 else None


def _pasted(text: str) -> dict[str, object]:
    """Read the one tariff of a pasted text.

    Raises:
        TariffError: it is no JSON, or not one tariff.
    """
    try:
        found = tariffs_in(loads(text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, TariffError):
            raise
        raise TariffError("tariff", f"is not JSON: {error}") from error
    if len(found) > 1:
        raise TariffError("tariff", f"must be one, not {len(found)}")
    return found[0]


async def _large_form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > 3 * _MAX_JSON:  # what is not a letter takes three bytes in a form
            raise HTTPException(413)
    try:
        fields = parse_qs(body.decode("latin-1"), max_num_fields=20)
    except ValueError as error:
        raise HTTPException(400) from error
    return {name: values[0] for name, values in fields.items()}


def _pretty(body: object) -> str:
    return json.dumps(loads(dumps(body)), ensure_ascii=False, indent=2, default=float) + "\n"
