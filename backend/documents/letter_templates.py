"""Texts of letters: built in for each purpose in German and English, and an operator's own in their place.

A letter is a `.txt` file, whose first line is the subject, and an `.html` file; without the latter `layout.html` wraps
the text. The folder that `mail.templates` names holds `<operator>/<language>/<template>.txt` and `.html`; what is not
there is built in. Templates are Jinja's, in a sandbox; HTML is escaped by itself. They may use the values of their
letter (`values.toml` lists them with examples), and everywhere `sender`, `link` and `files`.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape
from pathlib import Path

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from backend.core.rates.explain import LANGUAGES, day_text
from backend.documents.texts import money_text
from backend.errors import MailError

_BUILT_IN = Path(__file__).parent / "letters"
_LAYOUT = "layout"
_EXAMPLE_SENDER = {
    "name": "Stadtwerke Beispielstadt",
    "street": "Marktplatz 1",
    "postcode": "12345",
    "city": "Beispielstadt",
    "phone": "+49 30 123456",
    "email": "laden@example.com",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A letter as its reader sees it."""

    subject: str
    text: str
    html: str


class LetterTemplates:
    """All texts of letters, checked."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read and check the texts.

        Args:
            folder: of the operators' own texts, None if there are none.

        Raises:
            MailError: a text can't be used; tells the file and what is wrong with it, for instance the variable that
                it names and no letter has, or that it lacks.
        """
        self._folder = folder
        self._examples = tomllib.loads((_BUILT_IN / "values.toml").read_text("utf-8"))
        self._required = self._examples.pop("required")
        self._environments: dict[tuple[str, str], SandboxedEnvironment] = {}
        self._own = self._operators()
        for operator_id in self._own:
            self._check(operator_id)

    @property
    def names(self) -> tuple[str, ...]:
        """The letters there are."""
        return tuple(self._examples)

    def write(
        self,
        operator_id: str,
        language: str,
        name: str,
        values: Mapping[str, object],
        *,
        sender: Mapping[str, str],
        link: str = "",
        files: Sequence[str] = (),
    ) -> Written:
        """Write a letter.

        Args:
            operator_id: whose texts.
            language: `de` or `en`; others read English.
            name: of the template.
            values: what it is filled with.
            sender: name, street, postcode, city, phone and email of the operator.
            link: to a page with the files that are too large to be attached.
            files: names of what is attached.

        Raises:
            MailError: there is no such template, or it needs a value that is not there.
        """
        known = language if language in LANGUAGES else "en"
        environment = self._environment(operator_id, known)
        given = {**values, "sender": sender, "link": link, "files": list(files)}
        try:
            first, _, rest = environment.get_template(f"{name}.txt").render(given).lstrip().partition("\n")
            subject, text = " ".join(first.split()), rest.strip() + "\n"
            more = given | {"subject": subject, "text": text, "language": known}
            html = environment.select_template([f"{name}.html", f"{_LAYOUT}.html"]).render(more)
        except TemplateNotFound as error:
            raise MailError(f"there is no letter {name}; there are {', '.join(self.names)}") from error
        except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
            raise MailError(f"letter {name}, {known}, of operator {operator_id}: {error}") from error
        return Written(subject, text, html)

    def preview(self, operator_id: str, language: str, name: str, *, link: str = "") -> Written:
        """Write a letter with example values. Raises as `write` does."""
        values = self._examples.get(name, {})
        return self.write(operator_id, language, name, values, sender=_EXAMPLE_SENDER, link=link, files=["example.pdf"])

    def _operators(self) -> list[str]:
        if self._folder is None:
            return [""]
        try:
            return ["", *sorted(path.name for path in self._folder.iterdir() if path.is_dir())]
        except OSError as error:
            raise MailError(f"mail.templates = {self._folder}: {error.strerror}") from error

    def _environment(self, operator_id: str, language: str) -> SandboxedEnvironment:
        """Give the texts of an operator without own ones only once: they are parsed when they are first used."""
        key = (operator_id if operator_id in self._own else "", language)
        if key not in self._environments:
            self._environments[key] = self._open(*key)
        return self._environments[key]

    def _open(self, operator_id: str, language: str) -> SandboxedEnvironment:
        loaders = [FileSystemLoader(_BUILT_IN / language), FileSystemLoader(_BUILT_IN)]
        if self._folder is not None and operator_id:
            loaders.insert(0, FileSystemLoader(self._folder / operator_id / language))
        environment = SandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            autoescape=_is_html,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= _filters(language)
        return environment

    def _check(self, operator_id: str) -> None:
        """Parse and fill every text of an operator; "" checks those built in."""
        for path in self._own_files(operator_id):
            if path.suffix not in (".txt", ".html") or path.stem not in (*self.names, _LAYOUT):
                raise MailError(f"{path} is no text of a letter; there are {', '.join(self.names)}, each .txt or .html")
        for language in LANGUAGES:
            environment = self._environment(operator_id, language)
            for name in self.names:
                self._check_names(environment, name)
                for link in ("", "https://example.com/d/1"):
                    self.preview(operator_id or "-", language, name, link=link)

    def _own_files(self, operator_id: str) -> Iterator[Path]:
        if self._folder is not None and operator_id:
            for folder in sorted((self._folder / operator_id).iterdir()):
                if folder.name not in LANGUAGES:
                    raise MailError(f"{folder} is no language; there are {', '.join(LANGUAGES)}")
                yield from sorted(folder.iterdir())

    def _check_names(self, environment: SandboxedEnvironment, name: str) -> None:
        known = {*self._examples[name], "sender", "link", "files"}
        for suffix, more in ((".txt", set()), (".html", {"subject", "text", "language"})):
            try:
                source, file = _source(environment, f"{name}{suffix}")
            except TemplateNotFound:
                continue
            try:
                used = find_undeclared_variables(environment.parse(source))
            except TemplateError as error:
                raise MailError(f"{file}: {error}") from error
            unknown = sorted(used - known - more)
            if unknown:
                raise MailError(
                    f"{file} names {unknown[0]}, which no such letter has; it has {', '.join(sorted(known))}"
                )
            missing = [one for one in self._required.get(name, ()) if one not in used and "text" not in used]
            if missing:
                raise MailError(f"{file} lacks {missing[0]}, which such a letter must tell")


def _is_html(name: str | None) -> bool:
    return bool(name) and str(name).endswith(".html")


def _filters(language: str) -> "dict[str, Callable[..., object]]":
    return {
        "day": lambda text: day_text(date.fromisoformat(text), language),
        "money": lambda text, currency: money_text(Decimal(text), currency, language),
        "paragraphs": _paragraphs,
    }


def _paragraphs(text: str) -> Markup:
    """Write plain text as HTML: empty lines part paragraphs."""
    parts = (escape(part.strip()).replace("\n", "<br>\n") for part in text.split("\n\n"))
    return Markup("\n".join(f"<p>{part}</p>" for part in parts if part))  # noqa: S704  escaped above


def _source(environment: SandboxedEnvironment, name: str) -> tuple[str, str | None]:
    assert environment.loader is not None  # noqa: S101  made with one
    source, file, _ = environment.loader.get_source(environment, name)
    return source, file
