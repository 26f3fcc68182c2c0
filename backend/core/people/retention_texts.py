"""What an erasure does, in words. Pure."""

from backend.core.people.retention import Part

_TEXTS = {
    "running": ("Ladevorgänge laufen noch", "charging sessions are still running"),
    "unbilled": (
        "Ladevorgänge oder Gebühren sind noch nicht bewertet, geklärt oder abgerechnet",
        "sessions or fees are not rated, clarified or billed yet",
    ),
    "unsettled": ("Posten oder Guthaben sind nicht ausgeglichen", "documents or credits are not settled"),
    "debits": ("Lastschriften sind unterwegs", "direct debits are under way"),
    "letters_waiting": ("Mails sind unterwegs", "mails are under way"),
    "profile": ("Name, Anschrift und Kontaktdaten", "name, address and contacts"),
    "persons": ("Nutzer mit Namen und Adressen", "users with names and addresses"),
    "accounts": ("Zugänge mit ihren Anmeldungen", "accounts with their logins"),
    "tokens": ("Ladekarten", "charging cards"),
    "letters": ("Inhalte und Empfänger von Mails", "contents and recipients of mails"),
    "sessions": (
        "Ladevorgänge ohne Rechnung verlieren die Ladekarte und die signierten Werte",
        "sessions on no invoice lose their card and their signed values",
    ),
    "mandates": ("nie genutzte Lastschriftmandate", "mandates that were never used"),
    "invoices": ("Rechnungen und Belege", "invoices and vouchers"),
    "billed_sessions": ("abgerechnete Ladevorgänge", "sessions on invoices"),
    "tokens_billed": ("Kartennummern abgerechneter Ladevorgänge, gesperrt", "cards of billed sessions, blocked"),
    "evidence": ("Steuernachweise", "tax evidence"),
    "home_years": ("Nachweise zum Laden zu Hause", "proofs of home charging"),
    "mandates_used": ("genutzte Lastschriftmandate, widerrufen", "mandates that were used, revoked"),
}
LANGUAGES = ("de", "en")


def part_text(part: Part, language: str) -> str:
    """Give a line such as `2 invoices and vouchers, until 1 January 2035` (ISO 8601 day).

    Args:
        part: from `plan_erasure`.
        language: `de` or `en`.
    """
    text = f"{part.count} × {_TEXTS[part.name][LANGUAGES.index(language)]}"
    if part.until is None:
        return text
    return f"{text}, {'bis' if language == 'de' else 'until'} {part.until.isoformat()}"
