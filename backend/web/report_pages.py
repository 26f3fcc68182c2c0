"""Pages of reports: what a past month would have cost under other tariffs, and the proof of all ratings."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from backend.api.permissions import own_operator
from backend.core.rates.recompute import Proof
from backend.errors import ReportError
from backend.services.reports import SimulationReport, SimulationRequest, simulate_month
from backend.store.past_sessions import list_customers, list_operators, list_places
from backend.store.recompute_runs import last_run
from backend.store.tariffs import list_tariffs
from backend.web.site import Reader, Site

_MONTHS = 12
"""Past months to choose from."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form offers, of the chosen operator."""

    operators: list[str]
    months: list[str]
    tariffs: list[str]
    customers: list[tuple[str, str]]
    charge_points: list[tuple[str, str]]
    locations: list[str]


class ReportPages:
    """The pages of reports."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def simulation(self, request: Request) -> Response:
        """Ask for a month and tariffs, and show what they mean."""
        reader = await self._site.reader(request)
        query = request.query_params
        wanted = SimulationRequest(
            month=query.get("month", ""),
            tariffs=query.getlist("tariff"),
            operator=own_operator(reader.visitor, query.get("operator", "")),
            customer=query.get("customer", ""),
            charge_point=query.get("charge_point", ""),
            location=query.get("location", ""),
        )
        report: SimulationReport | None = None
        problem = ""
        store = self._site.store
        choices = await store.read(lambda connection: _choices(connection, wanted.operator, reader))
        run = await store.read(last_run)
        if wanted.month:
            try:
                report = await store.read(lambda connection: simulate_month(connection, wanted))
            except ReportError as error:
                problem = str(error)
        values = {
            "wanted": wanted,
            "choices": choices,
            "report": report,
            "problem": problem,
            "run": run,
            "proof": run.proof if run else Proof(0, ()),
            "zero": Decimal(0),
        }
        return self._site.page(request, reader, "reports", values, 422 if problem else 200)


def _choices(connection: Connection, operator_id: str, reader: Reader) -> Choices:
    own = reader.view.operator_id
    operators = [one[0] for one in list_operators(connection) if own in ("", one[0])]
    chosen = operator_id if operator_id in operators or not operators else operators[0]
    points, locations = list_places(connection, chosen)
    tariffs = [one.tariff_id for one in list_tariffs(connection) if one.operator_id == chosen]
    return Choices(
        operators=operators,
        months=_past_months(reader.now),
        tariffs=sorted(set(tariffs)),
        customers=[(one.id, one.name) for one in list_customers(connection, chosen)],
        charge_points=[(one.id, one.name or one.id) for one in points],
        locations=locations,
    )


def _past_months(now: datetime) -> list[str]:
    """Name this month and those before, the newest first."""
    months = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1
    return [f"{number // 12}-{number % 12 + 1:02}" for number in range(months, months - _MONTHS, -1)]
