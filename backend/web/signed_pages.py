"""Pages about signed values: what waits for a decision, keys of meters, the proof of a session, a driver's receipt."""

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.invoices.letter import SIGNED
from backend.core.proofs.signed_gate import Decision
from backend.core.proofs.transparency import FILE_NAME, MEDIA_TYPE, transparency_xml
from backend.core.rates.rating import Rating
from backend.errors import ApplyError
from backend.services.signed_review import decide, waiting
from backend.store.calibration import endings
from backend.store.invoice_files import invoice_file
from backend.store.meter_keys import list_meter_keys
from backend.store.orders import stations_of
from backend.store.proof_links import SessionReceipt, follow_link, make_link
from backend.store.signed import findings, last_verdict, read_originals
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id, read_record
from shared.public_key import groups

_FINDINGS = 50


class SignedPages:
    """The pages about signed values."""

    def __init__(self, site: Site, link_days: int) -> None:
        self._site, self._link_days = site, link_days

    async def review(self, request: Request) -> Response:
        """List what waits for a decision, the keys of meters and what is odd."""
        return await self._review(request)

    async def decide(self, request: Request) -> Response:
        """Decide on a session."""
        form, number = await self._form(request), parse_id(request.path_params["id"])
        now = self._site.clock.utc()
        try:
            kind = Decision(form.get("kind", ""))
        except ValueError as error:
            raise HTTPException(422) from error
        reason, by = form.get("reason", ""), visitor_of(request).name
        try:
            await self._site.store.write(lambda unit: decide(unit, number, kind, reason=reason, by=by, now=now))
        except ApplyError as error:
            return await self._review(request, str(error))
        return RedirectResponse(f"{request.scope.get('root_path', '')}/signed", 303)

    async def link(self, request: Request) -> Response:
        """Make a link for the driver and show it once."""
        await self._form(request)
        number, now = parse_id(request.path_params["id"]), self._site.clock.utc()
        token = await self._site.store.write(lambda unit: make_link(unit, number, now, self._link_days))
        if token is None:
            raise HTTPException(404)
        reader = await self._site.reader(request)
        url = str(request.base_url).rstrip("/") + f"/p/{token}"
        return self._site.page(request, reader, "proof_link", {"url": url, "days": self._link_days, "number": number})

    async def messdaten(self, request: Request) -> Response:
        """Give the signed values of a session for the transparency software."""
        return await self._file(parse_id(request.path_params["id"]))

    async def invoice_messdaten(self, request: Request) -> Response:
        """Give the signed values of an invoice for the transparency software."""
        number, view = request.path_params["number"], visitor_of(request).view
        file = await self._site.store.read(lambda unit: invoice_file(unit, number, SIGNED, view))
        if file is None:
            raise HTTPException(404)
        return Response(file.content, 200, {"Content-Disposition": file.disposition}, file.media_type)

    async def receipt(self, request: Request) -> Response:
        """Show a driver their session; whoever has the link may see it."""
        found = await self._receipt(request)
        reader = await self._site.reader(request)
        rating = read_record(Rating, found.rating.body) if found.rating else None
        key = groups(found.verdict.judged.key) if found.verdict else ""
        values = {"receipt": found, "rating": rating, "key": key, "token": request.path_params["token"]}
        return self._site.page(request, reader, "receipt", values)

    async def receipt_pdf(self, request: Request) -> Response:
        """Give a driver who paid at the charge point their receipt."""
        found = await self._receipt(request)
        if found.paper is None:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="{found.transaction_id}.pdf"'}
        return Response(found.paper, 200, headers, "application/pdf")

    async def receipt_messdaten(self, request: Request) -> Response:
        """Give a driver the signed values of their session."""
        return await self._file((await self._receipt(request)).transaction_id)

    async def _receipt(self, request: Request) -> SessionReceipt:
        token, now = request.path_params["token"], self._site.clock.utc()
        found = await self._site.store.read(lambda unit: follow_link(unit, token, now))
        if found is None:
            raise HTTPException(404)
        return found

    async def _file(self, number: int) -> Response:
        def read(unit: Connection) -> bytes | None:
            verdict = last_verdict(unit, number)
            return transparency_xml(read_originals(unit, [verdict.id])) if verdict else None

        content = await self._site.store.read(read)
        if content is None:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="{number}-{FILE_NAME}"'}
        return Response(content, 200, headers, MEDIA_TYPE)

    async def _review(self, request: Request, problem: str = "") -> Response:
        reader = await self._site.reader(request)
        now = self._site.clock.utc()
        rows, keys, odd, points, ending = await self._site.store.read(
            lambda unit: (
                waiting(unit, reader.view),
                list_meter_keys(unit, view=reader.view),
                findings(unit, _FINDINGS, reader.view),
                stations_of(unit, view=reader.view),
                list(endings(unit, now, reader.view)),
            )
        )
        values = {
            "rows": rows,
            "keys": keys,
            "findings": odd,
            "problem": problem,
            "groups": groups,
            "points": points,
            "endings": ending,
        }
        return self._site.page(request, reader, "signed", values, 422 if problem else 200)

    async def _form(self, request: Request) -> dict[str, str]:
        form = await read_form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            raise HTTPException(403)
        return form
