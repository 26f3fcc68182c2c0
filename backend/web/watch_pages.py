"""Pages that watch: all stations live, one station's link, faults and availability, alerts and their rules."""

from collections.abc import Mapping
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import own_operator, visitor_of
from backend.core.watch.alert import UNITS, AlertKind, Plan, Rule
from backend.core.watch.alert_texts import alert_title
from backend.core.watch.availability import Mode, Span, summed
from backend.core.watch.fault import telling
from backend.errors import AlertError
from backend.people.vault import Vault
from backend.services.alerting import checked, keep_plan
from backend.store.alerts import acknowledge, list_alerts, operators, read_plan
from backend.store.watch_view import availabilities, evses, fault_history, links_of, stations
from backend.web.remote import read_fields, read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Reader, Site
from backend.web.views import parse_id
from shared.ids import ChargePointId, Secret

SPANS = (1, 7, 30, 90)
"""Days that availability is shown for."""

_MOST = 100
_MAX_FORM, _MOST_FIELDS = 16_000, 60


class WatchPages:
    """See the module."""

    def __init__(self, site: Site, vault: Vault) -> None:
        self._site, self._vault = site, vault

    async def stations(self, request: Request) -> Response:
        """List stations with what they do now."""
        reader = await self._site.reader(request)
        rows, alerts = await self._site.store.read(
            lambda unit: (stations(unit, reader.view), list_alerts(unit, 1000, reader.view, is_open=True))
        )
        links = {row.id: self._site.connections.find(ChargePointId(row.id)) for row in rows}
        count: dict[str, int] = {}
        for one in alerts:
            count[one.charge_point_id] = count.get(one.charge_point_id, 0) + 1
        values = {
            "rows": [(row, links[row.id], evses(row.connectors), telling(row.faults)) for row in rows],
            "online": sum(1 for link in links.values() if link),
            "alerts": count,
        }
        return self._site.page(request, reader, "stations", values)

    async def station(self, request: Request) -> Response:
        """Show one station."""
        reader, name = await self._site.reader(request), request.path_params["id"]
        days = _days(request.query_params.get("days", "30"))
        span = Span(reader.now - timedelta(days=days), reader.now)
        found, faults, shares, online, alerts = await self._site.store.read(
            lambda unit: (
                stations(unit, reader.view, name),
                fault_history(unit, name, 50),
                availabilities(unit, name, span),
                links_of(unit, name, span),
                list_alerts(unit, 20, reader.view, charge_point_id=name),
            )
        )
        if not found:
            raise HTTPException(404)
        values = {
            "row": found[0],
            "link": self._site.connections.find(ChargePointId(name)),
            "evses": evses(found[0].connectors),
            "faults": faults,
            "shares": [*shares.items(), (0, summed(list(shares.values())))] if shares else [],
            "breaks": max(0, len(online) - 1),
            "alerts": alerts,
            "days": days,
            "spans": SPANS,
            "modes": tuple(Mode),
        }
        return self._site.page(request, reader, "station", values | _titles(reader))

    async def alerts(self, request: Request) -> Response:
        """List alerts: those that are open, and the last that were."""
        reader = await self._site.reader(request)
        is_open, over = await self._site.store.read(
            lambda unit: (
                list_alerts(unit, _MOST, reader.view, is_open=True),
                list_alerts(unit, _MOST, reader.view, is_open=False),
            )
        )
        return self._site.page(request, reader, "alerts", {"open_alerts": is_open, "over": over} | _titles(reader))

    async def acknowledge(self, request: Request) -> Response:
        """Take note of an alert: it is not told any more."""
        form = await read_form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            raise HTTPException(403)
        number, by, now = parse_id(request.path_params["id"]), visitor_of(request).name, self._site.clock.utc()
        await self._site.store.write(lambda unit: acknowledge(unit, number, by, now))
        return RedirectResponse(f"{request.scope.get('root_path', '')}/alerts", 303)

    async def rules(self, request: Request) -> Response:
        """Show what an operator wants to be told."""
        operator_id = await self._operator(request, request.query_params.get("operator", ""))
        plan, secret = await self._site.store.read(lambda unit: read_plan(unit, operator_id))
        return await self._rules(request, operator_id, plan, has_secret=bool(secret))

    async def set_rules(self, request: Request) -> Response:
        """Keep what an operator wants to be told."""
        fields = await read_fields(request, _MAX_FORM, _MOST_FIELDS)
        form = {name: values[0] for name, values in fields.items()}
        operator_id = await self._operator(request, form.get("operator", ""))
        _, secret = await self._site.store.read(lambda unit: read_plan(unit, operator_id))
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            raise HTTPException(403)
        plan = Plan()
        try:
            plan = _plan(form)
            checked(plan)
        except AlertError as error:
            return await self._rules(request, operator_id, plan, has_secret=bool(secret), problem=str(error))
        given = Secret(form.get("webhook_secret", ""))
        await self._site.store.write(lambda unit: keep_plan(unit, operator_id, plan, given, self._vault.seal))
        return await self._rules(request, operator_id, plan, has_secret=bool(secret or given), done=True)

    async def _rules(
        self,
        request: Request,
        operator_id: str,
        plan: Plan,
        *,
        has_secret: bool,
        problem: str = "",
        done: bool = False,
    ) -> Response:
        reader = await self._site.reader(request)
        values = {
            "operator_id": operator_id,
            "plan": plan,
            "units": UNITS,
            "has_secret": has_secret,
            "problem": problem,
            "done": done,
        }
        return self._site.page(request, reader, "alert_rules", values | _titles(reader), 422 if problem else 200)

    async def _operator(self, request: Request, named: str) -> str:
        """Give the operator that is meant: the visitor's own, the named one, or the first there is."""
        known = [one for one, _ in await self._site.store.read(operators)]
        wanted = own_operator(visitor_of(request), named) or next(iter(known), "")
        if wanted not in known:
            raise HTTPException(404)
        return wanted


def _plan(form: Mapping[str, str]) -> Plan:
    rules = tuple(
        Rule(kind, _whole(f"limit.{kind}", form.get(f"limit.{kind}", "")), f"on.{kind}" in form) for kind in AlertKind
    )
    return Plan(
        rules=rules,
        emails=tuple(dict.fromkeys(form.get("emails", "").replace(",", " ").replace(";", " ").split())),
        language=form.get("language", "de"),
        webhook=form.get("webhook", "").strip(),
        mqtt="mqtt" in form,
        quiet_from=form.get("quiet_from", ""),
        quiet_to=form.get("quiet_to", ""),
        calm_min=_whole("calm_min", form.get("calm_min", "")),
    )


def _whole(name: str, given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) < 8):
        raise AlertError(f"{name}: give a whole number")
    return int(given)


def _days(given: str) -> int:
    if given not in {str(one) for one in SPANS}:
        raise HTTPException(404)
    return int(given)


def _titles(reader: Reader) -> dict[str, object]:
    return {"titles": {kind: alert_title(kind, reader.texts.language) for kind in AlertKind}}
