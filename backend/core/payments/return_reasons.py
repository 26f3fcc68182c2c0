"""Why debits come back: reason codes of R-transactions in words (EPC173-14), and which of them stop a mandate. Pure."""

_REASONS = {
    "AC01": ("IBAN falsch", "account number wrong"),
    "AC04": ("Konto aufgelöst", "account closed"),
    "AC06": ("Konto gesperrt", "account blocked"),
    "AC13": ("Konto eines Verbrauchers, B2B nicht erlaubt", "account of a consumer, B2B is not allowed"),
    "AG01": ("Konto nicht für Lastschriften zugelassen", "debits are not allowed on this account"),
    "AG02": ("Lastschriftart oder Sequenz falsch", "wrong operation or sequence type"),
    "AM04": ("Konto nicht gedeckt", "insufficient funds"),
    "AM05": ("doppelt eingereicht", "collected twice"),
    "BE05": ("Gläubiger-ID unbekannt oder falsch", "creditor identifier unknown or wrong"),
    "CNOR": ("Bank des Gläubigers nicht erreichbar", "creditor's bank not reachable"),
    "DNOR": ("Bank des Zahlers nicht erreichbar", "debtor's bank not reachable"),
    "FF01": ("Dateiformat falsch", "file format wrong"),
    "FF05": ("Lastschriftart falsch", "wrong direct debit type"),
    "MD01": ("kein gültiges Mandat", "no valid mandate"),
    "MD02": ("Mandatsdaten fehlen oder sind falsch", "mandate data missing or wrong"),
    "MD06": ("Widerspruch durch den Zahler", "disputed by the debtor"),
    "MD07": ("Zahler verstorben", "debtor deceased"),
    "MS02": ("Widerspruch des Zahlers ohne Angabe von Gründen", "refused by the debtor, no reason told"),
    "MS03": ("Rückgabe durch die Bank ohne Angabe von Gründen", "returned by the bank, no reason told"),
    "RC01": ("BIC falsch", "bank identifier wrong"),
    "RR01": ("Angaben zum Konto des Zahlers fehlen", "debtor's account missing"),
    "RR02": ("Name oder Anschrift des Zahlers fehlt", "debtor's name or address missing"),
    "RR03": ("Name oder Anschrift des Gläubigers fehlt", "creditor's name or address missing"),
    "RR04": ("aufsichtsrechtliche Gründe", "regulatory reason"),
    "SL01": ("vom Zahler gesperrt", "blocked by the debtor's own list"),
    "TM01": ("nach Annahmeschluss eingereicht", "received after cut-off"),
}

_STOPS = frozenset(
    {"AC01", "AC04", "AC06", "AC13", "AG01", "BE05", "MD01", "MD02", "MD06", "MD07", "MS02", "RC01", "RR04", "SL01"}
)
"""Reasons for which the next debit would come back too, or must not be tried."""


def reason_words(code: str, language: str) -> str:
    """Say a reason code in `de` or `en`; an unknown one as it is."""
    words = _REASONS.get(code)
    if words is None:
        return code
    return f"{words[language != 'de']} ({code})"


def stops_mandate(code: str) -> bool:
    """Tell whether a mandate must rest after a debit came back for this reason; an unknown reason stops it too."""
    return code in _STOPS or code not in _REASONS
