"""Why something is refused or held, in German: one row per sentence that the program says or stores in English.

Reasons are made, stored and logged in English, and translated where a person reads them. So a reason that was stored
years ago reads well too, and nothing but this table knows German. A sentence that stands in no row stays as it is; a
test looks for the rows of all that the code can say. `{names}` stand for values; a `{reason}` is a sentence again.
"""

import re
from functools import cache

from backend.core.clarification.clarification_texts import CLARIFICATION
from backend.core.invoices.draft_reason_texts import DRAFTS
from backend.core.people.people_reason_texts import PEOPLE
from backend.core.proofs.signed_reason_texts import SIGNED_VALUES, WORDS

_FIELDS = {
    "must be an object": "muss ein JSON-Objekt sein",
    "is missing": "fehlt",
    "is not a known field": "ist kein bekanntes Feld",
    "must be a list of at least one": "muss eine Liste mit mindestens einem Eintrag sein",
    "must be text of 1 to {limit} printable characters": "muss ein Text aus 1 bis {limit} druckbaren Zeichen sein",
    "{value} is not one of {choices}": "{value} ist keiner der Werte {choices}",
    "must be an ISO 4217 code such as EUR": "muss ein Kürzel nach ISO 4217 sein, zum Beispiel EUR",
    "{value} must be 0 or more and below {most}": "{value} muss mindestens 0 und kleiner als {most} sein",
    "{value} is not a number": "{value} ist keine Zahl",
    "{value} has more than {count} decimals": "{value} hat mehr als {count} Nachkommastellen",
    "{value} is no percentage": "{value} ist kein Prozentsatz",
    "{value} must be a whole number": "{value} muss eine ganze Zahl sein",
    "{value} is not true or false": "{value} ist weder true noch false",
    "{value} is no time of day such as 22:00": "{value} ist keine Uhrzeit wie 22:00",
    "{value} is no date such as 2026-12-31": "{value} ist kein Datum wie 2026-12-31",
    "{value} is no time such as 2026-12-31T22:00:00Z": "{value} ist kein Zeitpunkt wie 2026-12-31T22:00:00Z",
    "{value} is not a known time zone": "{value} ist keine bekannte Zeitzone",
    "{value} is not in the years 2000 to 2199": "{value} liegt nicht in den Jahren 2000 bis 2199",
    "{value} stands there twice": "{value} steht zweimal da",
    "stands beside {field}, give one of them": "steht neben {field}; eines davon angeben",
    "stands there twice, give it net or gross": "steht zweimal da; netto oder brutto angeben",
}
_TARIFFS = {
    "is not JSON": "ist kein JSON",
    "is not JSON: {detail}": "ist kein JSON: {detail}",
    "is not a JSON object": "ist kein JSON-Objekt",
    "must be one, not {count}": "muss genau einer sein, nicht {count}",
    "there is none": "es gibt keinen",
    "there is none with the id {id}": "es gibt keinen mit der id {id}",
    "is missing, so nothing has a price": "fehlt, also hat nichts einen Preis",
    "is above max_price": "liegt über max_price",
    "is below excl_vat": "liegt unter excl_vat",
    "must be after start_date_time, else the tariff is never valid": (
        "muss nach start_date_time liegen, sonst gilt der Tarif nie"
    ),
    "contradicts tax_included N/A": "widerspricht tax_included N/A",
    "contradicts {field}": "widerspricht {field}",
    "names spot, but the tariff has no x_spot": "nennt spot, aber der Tarif hat kein x_spot",
    "must be that of x_graduated": "muss dieselbe Reihenfolge wie in x_graduated sein",
    "a second {dimension} price in one element would never apply": (
        "ein zweiter Preis für {dimension} in einem Element würde nie gelten"
    ),
    "must be above {field}, else the element never applies": ("muss über {field} liegen, sonst gilt das Element nie"),
    "must be a list of years from 1990 to 2200": "muss eine Liste von Jahren von 1990 bis 2200 sein",
    "must be an object of named calendars": "muss ein JSON-Objekt mit benannten Kalendern sein",
    "is missing: publish the tariff, then the holidays are listed here": (
        "fehlt: mit dem Veröffentlichen des Tarifs werden die Feiertage hier eingetragen"
    ),
    "must hold the year of every date": "muss das Jahr jedes Datums enthalten",
    "the tariff has no element {number}": "der Tarif hat kein Element {number}",
    "must rise, and none but the last may be without end": (
        "müssen steigen, und nur die letzte Stufe darf ohne Ende sein"
    ),
    "must be null, else the rest has no price": "muss null sein, sonst hat der Rest keinen Preis",
    "{value} is not standard, reverse_charge, exempt or a rate in per cent": (
        "{value} ist weder standard, reverse_charge, exempt noch ein Satz in Prozent"
    ),
    "must divide a day": "muss einen Tag ohne Rest teilen",
    "must give the prices or name their series": "muss die Preise enthalten oder ihre Reihe nennen",
    "{time} lies inside the interval before it": "{time} liegt im Abschnitt davor",
    "must be the least and the highest price": "muss aus dem niedrigsten und dem höchsten Preis bestehen",
    "is {currency}, the scenario's is {other}": "ist {currency}, die des Szenarios ist {other}",
    "must be given without VAT, as hub_fee_net": "muss ohne Umsatzsteuer angegeben werden, als hub_fee_net",
    "must share one currency and one price basis": "müssen dieselbe Währung und dieselbe Preisbasis haben",
}
_FORMULAS = {
    "is longer than {count} characters": "ist länger als {count} Zeichen",
    "has a character that is not printable ASCII": "hat ein Zeichen, das kein druckbares ASCII ist",
    "is not an expression": "ist kein Rechenausdruck",
    "has more than {count} parts": "hat mehr als {count} Teile",
    "is nested more than {count} deep": "ist mehr als {count}-fach verschachtelt",
    "names {name}, which is not one of {names}": "nennt {name}, aber bekannt sind nur {names}",
    "holds {part}, which is not arithmetic": "enthält {part}, das ist keine Rechnung",
    "holds {part}, write numbers in digits with a point": "enthält {part}; Zahlen mit Ziffern und Punkt schreiben",
    "divides by 0 or leaves the range of numbers": "teilt durch 0 oder verlässt den Zahlenbereich",
    "leaves the range of numbers": "verlässt den Zahlenbereich",
    "needs {name}, which is not known": "braucht {name}, das nicht bekannt ist",
}
_SESSIONS = {
    "lies before its start": "liegt vor dem Beginn",
    "is negative": "ist negativ",
    "a reservation takes no energy": "eine Reservierung nimmt keine Energie auf",
    "overlaps the period before": "überschneidet sich mit dem Abschnitt davor",
    "leaves a gap to the period before": "lässt eine Lücke zum Abschnitt davor",
    "spans a price change at {time}": "überspannt einen Preiswechsel um {time}",
    "spans a price change after {energy} kWh": "überspannt einen Preiswechsel nach {energy} kWh",
    "numbers leave the range that can be computed": "Zahlen verlassen den Bereich, in dem gerechnet werden kann",
    "the tariff is not valid at {time}": "der Tarif gilt um {time} nicht",
    "no prices of {series} are known": "von {series} sind keine Preise bekannt",
    "has no price for {time}": "hat keinen Preis für {time}",
    "none has an ENERGY price at {time}, so the spot price is not used": (
        "keines hat um {time} einen Preis für ENERGY, also bleibt der Börsenpreis ungenutzt"
    ),
    "is {told}, the formula gives {price}": "ist {told}, die Formel ergibt {price}",
    "{rule} needs prices without VAT, but these include it": (
        "{rule} braucht Preise ohne Umsatzsteuer, diese enthalten sie"
    ),
    "{year} is missing, so the day has no price": "{year} fehlt, also hat der Tag keinen Preis",
    "a session needs a register at its start and one at its end": (
        "ein Ladevorgang braucht einen Zählerstand am Beginn und einen am Ende"
    ),
    "the session ends at {time}, before it starts": "der Ladevorgang endet um {time}, bevor er beginnt",
    "values are not in order of time at {time}": "die Messwerte sind um {time} nicht in zeitlicher Reihenfolge",
    "the register runs backwards at {time}: from {before} to {after} Wh": (
        "der Zähler läuft um {time} rückwärts: von {before} auf {after} Wh"
    ),
    "the tariff can't be used: {reason}": "der Tarif ist nicht verwendbar: {reason}",
    "the operator's time zone {name} is not known": "die Zeitzone {name} des Betreibers ist nicht bekannt",
    "it was rated in {currency}, the tariff is in {other}": ("berechnet wurde in {currency}, der Tarif ist in {other}"),
}
_SIGNED = {
    "no energy is billed without a verified pair of signed values: {reason}": (
        "ohne geprüftes Paar signierter Messwerte wird keine Energie berechnet: {reason}"
    ),
    "its energy price changes by the clock, and no register was signed at {time}": (
        "sein Energiepreis wechselt nach der Uhr, und um {time} wurde kein Zählerstand signiert"
    ),
    "the calibration of the meter {serial} ended on {day}": "die Eichung des Zählers {serial} endete am {day}",
    "no signed record came": "es kam kein signierter Messwert",
    "no signed record tells the energy at begin or end": (
        "kein signierter Messwert nennt die Energie zu Beginn oder Ende"
    ),
    "there is no signed begin": "der signierte Anfang fehlt",
    "there is no signed end": "das signierte Ende fehlt",
    "the signature does not belong to these bytes and this key": (
        "die Signatur gehört nicht zu diesen Daten und diesem Schlüssel"
    ),
    "the key of the meter {serial} was never compared with the one on it": (
        "der Schlüssel des Zählers {serial} wurde nie mit dem am Zähler verglichen"
    ),
    "the public key of the meter {serial} is not known": (
        "der öffentliche Schlüssel des Zählers {serial} ist nicht bekannt"
    ),
    "it was waived": "er wurde erlassen",
    "its tariff asks for more than a fixed fee even without energy ({more}): waive it": (
        "sein Tarif verlangt auch ohne Energie mehr als einen Grundpreis ({more}): erlassen"
    ),
    "it can't be checked here: {format}": "hier nicht prüfbar: {format}",
    "it is of the meter {other}, here is the meter {serial}": (
        "er ist vom Zähler {other}, hier sitzt aber der Zähler {serial}"
    ),
    "the same signed record came for transaction {number} before": (
        "derselbe signierte Messwert kam schon für Ladevorgang {number}"
    ),
    "its tariff has no fixed fee that could be billed: waive it": (
        "sein Tarif hat keinen Grundpreis, der berechnet werden könnte: erlassen"
    ),
    "the station told {told} Wh, {signed} Wh were signed": "die Station nannte {told} Wh, signiert sind {signed} Wh",
    "a key of the meter {serial} came for the first time: compare it": (
        "ein Schlüssel des Zählers {serial} kam zum ersten Mal: vergleichen"
    ),
    "the station sends another key for the meter {serial} than the one that is known": (
        "die Station sendet für den Zähler {serial} einen anderen Schlüssel als den bekannten"
    ),
    "meter {name}: pages {span} are missing": "Zähler {name}: die Seiten {span} fehlen",
    "meter {name}: page {number} came after page {last}": "Zähler {name}: Seite {number} kam nach Seite {last}",
    "meter {name}: page {number} came with more than one content": (
        "Zähler {name}: Seite {number} kam mit mehr als einem Inhalt"
    ),
    "meter {name}: page {number}, which was missing, has come": (
        "Zähler {name}: die fehlende Seite {number} ist gekommen"
    ),
    "charge point {name} is not connected: its key can't be read now": (
        "die Ladestation {name} ist nicht verbunden: ihr Schlüssel lässt sich jetzt nicht lesen"
    ),
    "give the number of the meter as it is printed on it": "die Nummer des Zählers angeben, wie sie auf ihm steht",
    "meter {serial}: this is no public key; type it as it is printed on the meter or its QR code holds it": (
        "Zähler {serial}: das ist kein öffentlicher Schlüssel; so eingeben, wie ihn der Zähler oder sein QR-Code zeigt"
    ),
    "what the station tells as the public key of EVSE {number} is no key": (
        "was die Station als öffentlichen Schlüssel des Ladepunkts {number} nennt, ist kein Schlüssel"
    ),
    "asked for the key of EVSE {number}, the station told {print}, which is not the pinned one": (
        "nach dem Schlüssel des Ladepunkts {number} gefragt, nannte die Station {print}; bestätigt ist ein anderer"
    ),
    "meter {serial}: the key on the meter is another one than came": (
        "Zähler {serial}: der Schlüssel am Zähler ist ein anderer als der, der kam"
    ),
}
_TRANSACTIONS = {
    "nobody pays for the token {token}: add it to a customer": (
        "für das Token {token} zahlt niemand: es bei einem Kunden eintragen"
    ),
    "its end is not known": "sein Ende ist nicht bekannt",
    "no tariff was assigned when it began": "als er begann, war kein Tarif zugeordnet",
    "who pays is not known, so no tariff is chosen": "wer zahlt, ist nicht bekannt; deshalb ist kein Tarif gewählt",
    "no tariff is assigned to the customer, the charge point or the operator": (
        "weder dem Kunden noch der Ladestation noch dem Betreiber ist ein Tarif zugeordnet"
    ),
    "tariff {tariff} of {target} has no version valid at {time}": (
        "Tarif {tariff} für {target} hat am {time} keine gültige Fassung"
    ),
    "can't be rated again ({why}): {reason}": "kann nicht neu berechnet werden ({why}): {reason}",
    "its start is unknown: the station called it {id}, which is none of its transactions here": (
        "sein Beginn ist unbekannt: die Station nannte ihn {id}, das ist hier keiner ihrer Ladevorgänge"
    ),
    "its token {token} is unknown": "sein Token {token} ist unbekannt",
    "its token {token} is blocked": "sein Token {token} ist gesperrt",
    "its token {token} is expired": "sein Token {token} ist abgelaufen",
    "connector {number} was never reported by this charge point": (
        "den Ladepunkt {number} hat diese Ladestation nie gemeldet"
    ),
    "it ended before it began": "er endete, bevor er begann",
    "the register falls from {before} to {after} Wh between {from} and {to}": (
        "der Zähler fällt zwischen {from} und {to} von {before} auf {after} Wh"
    ),
    "the register jumps from {before} to {after} Wh between {from} and {to}": (
        "der Zähler springt zwischen {from} und {to} von {before} auf {after} Wh"
    ),
    "the first stop says {first} Wh at {time}, another says {others}": (
        "das erste Ende nennt {first} Wh um {time}, ein weiteres {others}"
    ),
    "a late message names another token: {token}": "eine späte Meldung nennt ein anderes Token: {token}",
    "its start has not come": "sein Beginn ist nicht eingetroffen",
    "it was started more than once: {times}": "er wurde mehrmals begonnen: {times}",
    "more than one token was presented: {tokens}": "mehr als ein Token wurde vorgezeigt: {tokens}",
    "its messages name more than one EVSE: {numbers}": "seine Meldungen nennen mehr als einen Ladepunkt: {numbers}",
    "nobody presented a token": "niemand hat ein Token vorgezeigt",
    "its EVSE was never told": "sein Ladepunkt wurde nie genannt",
    "no register was told before its end": "vor seinem Ende wurde kein Zählerstand genannt",
}
_PATH = re.compile(r"([A-Za-z_][\w.\[\]/@-]*): (.+)", re.DOTALL)
_NAME = re.compile(r"\{(\w+)\}")


def reason_text(text: str, language: str) -> str:
    """Write a reason for a person, in `de` or `en`.

    Args:
        text: in English: a reason, one with the path of a field before it, or several with `; ` between them.
        language: of the reader.
    """
    if language != "de":
        return text
    return _german(text) or "; ".join(_german(part) or part for part in text.split("; "))


def _german(text: str) -> str | None:
    for pattern, german in _rows():
        found = pattern.fullmatch(text)
        if found:
            values = {name: WORDS.get(value, value) for name, value in found.groupdict().items()}
            if "reason" in values:
                values["reason"] = reason_text(values["reason"], "de")
            return german.format(**values)
    found = _PATH.fullmatch(text)
    inner = _german(found[2]) if found else None
    return f"{found[1]}: {inner}" if found and inner else None


@cache
def _rows() -> list[tuple[re.Pattern[str], str]]:
    """Give the table as patterns, sentences with most words of their own first."""
    table = _FIELDS | _TARIFFS | _FORMULAS | _SESSIONS | _SIGNED | SIGNED_VALUES | _TRANSACTIONS
    table |= DRAFTS | PEOPLE | CLARIFICATION
    order = sorted(table, key=lambda english: len(_NAME.sub("", english)), reverse=True)
    return [(re.compile(_pattern(english), re.DOTALL), table[english]) for english in order]


def _pattern(english: str) -> str:
    parts = _NAME.split(english)
    return "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
