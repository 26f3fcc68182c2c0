"""Routes of reports: energy and revenue. Amounts, kWh and hours are texts with their own digits."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from backend.api.permissions import Who, needs, own_operator
from backend.core.people.access import Permission
from backend.core.report import By, Subject
from backend.errors import ReportError
from backend.services.energy_reports import make_report, parse_wanted, report_json
from backend.store.writer import Store

Day = Annotated[str, Query(description="local day, for instance 2026-10-01")]


def make_report_routes(store: Store) -> APIRouter:
    """Build the routes under /api/v1/reports."""
    router = APIRouter(prefix="/api/v1/reports", tags=["reports"])
    _add(router, store, Subject.ENERGY, "Sum up sessions by the day of their begin, as they are rated now.")
    _add(router, store, Subject.REVENUE, "Sum up what documents charged, by the day of issue.")
    return router


def _add(router: APIRouter, store: Store, subject: Subject, about: str) -> None:
    async def report(
        who: Who,
        first: Day,
        last: Day,
        by: Annotated[By, Query(description="what a row stands for")] = By.MONTH,
        operator: Annotated[str, Query(description="id; left out, all that you see")] = "",
    ) -> Response:
        try:
            wanted = parse_wanted(subject, by, first, last, own_operator(who, operator))
            found = await store.read(lambda connection: make_report(connection, wanted))
        except ReportError as error:
            raise HTTPException(422, str(error)) from error
        return JSONResponse(report_json(found))

    router.add_api_route(
        f"/{subject}",
        report,
        response_class=JSONResponse,
        dependencies=[needs(Permission.SEE_REPORTS)],
        description=about,
        name=f"report_{subject}",
    )
