"""Pages of letters: the outbox with reasons and a button to send again, previews, and the trial of the mail server."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from backend.api.permissions import own_operator, visitor_of
from backend.core.invoices.letter import Purpose, State
from backend.core.people.masking import mask_mail
from backend.core.rates.explain import LANGUAGES
from backend.documents.letter_templates import Written
from backend.errors import MailError
from backend.jobs.relay import MailSettings, Step, probe
from backend.jobs.send_mail import open_templates, write_message, write_probe
from backend.services.entry_checks import EMAIL
from backend.store import outbox
from backend.store.outbox import Posted
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import PAGE_LENGTH, parse_id
from shared.log import Log

log = Log(__name__)

_LETTER_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""A letter brings its styles inline, as mail programs want it; nothing else of it is let in."""

_TROUBLE = (State.RETRY, State.BOUNCED, State.FAILED)


class MailPages:
    """The pages of letters."""

    def __init__(self, site: Site, settings: MailSettings) -> None:
        self._site, self._settings = site, settings
        self._templates = open_templates(settings)

    async def letters(self, request: Request) -> Response:
        """List letters, the newest first; only those of one state, if asked."""
        reader = await self._site.reader(request)
        wanted, before = request.query_params.get("state", ""), request.query_params.get("before", "")
        states = [state for state in State if state.value == wanted]
        last = parse_id(before) if before else None
        rows, counts = await self._site.store.read(
            lambda unit: (
                outbox.list_letters(unit, states, limit=PAGE_LENGTH + 1, before=last, view=reader.view),
                outbox.count_states(unit, reader.view),
            )
        )
        values = {
            "rows": rows[:PAGE_LENGTH],
            "more": len(rows) > PAGE_LENGTH,
            "before": last,
            "state": wanted if states else "",
            "counts": [(state.value, counts[state]) for state in State if counts.get(state)],
            "trouble": any(counts.get(state) for state in _TROUBLE),
            "host": self._settings.host,
        }
        return self._site.page(request, reader, "letters", values)

    async def letter(self, request: Request) -> Response:
        """Show a letter and what became of it."""
        return await self._letter_page(request, await self._find(request))

    async def html(self, request: Request) -> Response:
        """Give a letter as a mail program shows it."""
        return HTMLResponse(self._written(await self._find(request)).html, headers=_LETTER_POLICY)

    async def resend(self, request: Request) -> Response:
        """Send a letter once more."""
        form = await read_form(request)
        posted = await self._find(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._letter_page(request, posted, "stale_form", 403)
        to = [part.strip() for part in form.get("to", "").split(",") if part.strip()]
        if form.get("to") == mask_mail(", ".join(posted.letter.to)):
            to = list(posted.letter.to)  # it was shown masked and left as it was
        if not to or not all(EMAIL.fullmatch(address) for address in to):
            return await self._letter_page(request, posted, "bad_address", 422)
        changed = () if tuple(to) == posted.letter.to else tuple(to)
        now = self._site.clock.utc()
        try:
            new = await self._site.store.write(lambda unit: outbox.resend(unit, posted.id, now, changed))
        except MailError:
            return await self._letter_page(request, posted, "not_now", 409)
        log.info("mail_resent", letter=posted.id, new=new)
        reader = await self._site.reader(request)
        values = {"result": "again.sent", "good": True, "reason": "", "back": f"/mail/{new}"}
        return self._site.page(request, reader, "result", values)

    async def preview(self, request: Request) -> Response:
        """Show all texts with example values."""
        reader = await self._site.reader(request)
        language, operator_id = self._choice(request, reader.texts.language)
        names = self._templates.names
        texts = [(name, self._templates.preview(operator_id, language, name)) for name in names]
        values = {"texts": texts, "of": language, "choices": LANGUAGES, "operator_id": operator_id}
        return self._site.page(request, reader, "letter_preview", values)

    async def preview_html(self, request: Request) -> Response:
        """Give a text with example values as a mail program shows it."""
        language, operator_id = self._choice(request, LANGUAGES[0])
        name = request.path_params["name"]
        if name not in self._templates.names:
            raise HTTPException(404)
        return HTMLResponse(self._templates.preview(operator_id, language, name).html, headers=_LETTER_POLICY)

    async def ask_probe(self, request: Request) -> Response:
        """Ask where the trial mail goes."""
        return await self._probe_page(request, "", [])

    async def probe(self, request: Request) -> Response:
        """Try the mail server and tell each step."""
        form = await read_form(request)
        address = form.get("address", "").strip()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._probe_page(request, address, [], "stale_form", 403)
        if not EMAIL.fullmatch(address):
            return await self._probe_page(request, address, [], "bad_address", 422)
        try:
            own = visitor_of(request).view.operator_id
            who = await self._site.store.read(lambda unit: outbox.read_sender(unit, own))
        except MailError as error:
            raise HTTPException(404) from error
        message = write_probe(self._templates, self._settings, who, address, self._site.clock.utc())
        sender = self._settings.sender or who[1].email
        return await self._probe_page(
            request, address, [step async for step in probe(self._settings, message, sender, address)]
        )

    def _choice(self, request: Request, default: str) -> tuple[str, str]:
        language = request.query_params.get("of", default)
        own = own_operator(visitor_of(request), request.query_params.get("operator", ""))
        return language if language in LANGUAGES else LANGUAGES[0], own

    async def _find(self, request: Request) -> Posted:
        letter_id = parse_id(request.path_params["id"])
        posted = await self._site.store.read(lambda unit: outbox.find(unit, letter_id))
        if posted is None:
            raise HTTPException(404)
        return posted

    def _written(self, posted: Posted) -> Written:
        """Write a letter as it was or will be sent, without its files."""
        try:
            mail = write_message(self._templates, self._settings, posted, [], link="", at=posted.created_at)
        except MailError as error:
            return Written("", str(error), str(error))
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        return Written(mail["Subject"], plain.get_content() if plain else "", html.get_content() if html else "")

    async def _letter_page(self, request: Request, row: Posted, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        files = await self._site.store.read(lambda unit: outbox.file_names(unit, row.id))
        values = {
            "row": row,
            "files": files,
            "written": self._written(row) if row.letter.to else None,
            "invoice": row.letter.document if row.letter.purpose is Purpose.INVOICE else "",
            "may_resend": row.state not in (State.QUEUED, State.SENDING),
            "problem": problem,
        }
        return self._site.page(request, reader, "letter", values, status)

    async def _probe_page(
        self, request: Request, address: str, steps: list[Step], problem: str = "", status: int = 200
    ) -> Response:
        reader = await self._site.reader(request)
        values = {"address": address, "steps": steps, "problem": problem, "host": self._settings.host}
        return self._site.page(request, reader, "mail_probe", values, status)
