"""What the tariff linter says: one row per code, in German and English. Values stand in braces."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: wrong or unlawful, probably not meant, worth knowing."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    HINT = "HINT"


@dataclass(frozen=True, slots=True)
class FindingText:
    """What is wrong and what to do about it."""

    severity: Severity
    text: tuple[str, str]
    advice: tuple[str, str]


_E, _W, _H = Severity.ERROR, Severity.WARNING, Severity.HINT

FINDING_TEXTS = {
    "invalid": FindingText(
        _E,
        ("Der Tarif kann nicht gelesen werden: {reason}.", "The tariff can't be read: {reason}."),
        (
            "Das genannte Feld berichtigen; bis dahin wird nichts mit diesem Tarif berechnet.",
            "Correct the field named; until then nothing is rated with this tariff.",
        ),
    ),
    "unreachable_element": FindingText(
        _W,
        (
            "Dieses Element kommt nie zum Zug: frühere Elemente gelten in jedem seiner Fälle.",
            "This element never gets a turn: earlier elements apply in each of its cases.",
        ),
        (
            "Vor die allgemeineren Elemente stellen, seine Bedingungen ändern oder entfernen.",
            "Move it before the more general elements, change its conditions or remove it.",
        ),
    ),
    "unreachable_price": FindingText(
        _W,
        (
            "Dieser Preis ({item}) gilt nie: frühere Elemente haben in jedem seiner Fälle einen.",
            "This price ({item}) never applies: earlier elements have one in each of its cases.",
        ),
        (
            "Das Element vor die allgemeineren stellen oder den Preis entfernen.",
            "Move the element before the more general ones or remove the price.",
        ),
    ),
    "never_applies": FindingText(
        _E,
        (
            "Die Bedingungen widersprechen sich oder liegen außerhalb der Gültigkeit: sie treffen nie zu.",
            "The conditions contradict each other or lie outside the tariff's validity: they never hold.",
        ),
        (
            "Daten, Wochentage und Gültigkeit des Tarifs vergleichen.",
            "Compare the dates, the weekdays and the tariff's validity.",
        ),
    ),
    "no_fallback": FindingText(
        _W,
        (
            "Nicht jede kWh hat einen Preis, sonst ist sie kostenlos. Zum Beispiel: {case}.",
            "Not every kWh has a price, without one it is free. For instance: {case}.",
        ),
        (
            "Als letztes ein Element ohne Bedingungen mit einem Preis je kWh anfügen (auch 0, wenn das gemeint ist).",
            "Add a last element without conditions that has a price per kWh (0 too, if that is meant).",
        ),
    ),
    "too_complex": FindingText(
        _H,
        (
            "Zu viele Elemente: ob jedes zum Zug kommt, wurde nicht geprüft.",
            "Too many elements: whether each gets a turn was not checked.",
        ),
        ("Elemente mit gleichem Preis zusammenfassen.", "Join elements with the same price."),
    ),
    "no_kwh_price": FindingText(
        _E,
        ("Der Tarif hat keinen Preis je kWh.", "The tariff has no price per kWh."),
        (
            "Einen Preis je kWh angeben: in Deutschland ist beim punktuellen Laden nach kWh abzurechnen (§ 14 PAngV).",
            "Give a price per kWh: in Germany ad hoc charging is sold by the kWh (section 14 PAngV).",
        ),
    ),
    "start_fee_fast": FindingText(
        _E,
        (
            "Startgebühr {price}: ab 50 kW darf Ad-hoc-Laden nur je kWh und für langes Belegen je Minute kosten.",
            "Start fee of {price}: from 50 kW on, ad hoc charging may cost only per kWh and per minute of occupancy.",
        ),
        (
            "Die Startgebühr entfernen und in den Preis je kWh einrechnen (AFIR Art. 5 Abs. 4).",
            "Remove the start fee and put it into the price per kWh (AFIR art. 5(4)).",
        ),
    ),
    "start_fee_fast_contract": FindingText(
        _W,
        (
            "Startgebühr {price}: ab 50 kW nur zulässig, wenn der Tarif nicht ad hoc angeboten wird.",
            "Start fee of {price}: from 50 kW on allowed only if the tariff is not offered ad hoc.",
        ),
        (
            "Für Ad-hoc-Laden einen Tarif der Art AD_HOC_PAYMENT ohne Startgebühr anlegen (AFIR Art. 5 Abs. 4).",
            "Make a tariff of its own for ad hoc charging, type AD_HOC_PAYMENT, without a start fee (AFIR art. 5(4)).",
        ),
    ),
    "start_fee_if_fast": FindingText(
        _H,
        (
            "Startgebühr {price}: an Ladepunkten ab 50 kW ist sie beim Ad-hoc-Laden nicht erlaubt.",
            "Start fee of {price}: at charging points of 50 kW and more it is not allowed for ad hoc charging.",
        ),
        (
            "Den Tarif ad hoc nur Ladepunkten unter 50 kW zuordnen (AFIR Art. 5 Abs. 4).",
            "Assign the tariff for ad hoc charging only to points below 50 kW (AFIR art. 5(4)).",
        ),
    ),
    "time_price_fast": FindingText(
        _W,
        (
            "Zeitpreis ab der ersten Minute: ab 50 kW darf ein Preis je Minute nur langes Belegen verhindern.",
            "Price for time from the first minute: from 50 kW on, a price per minute may only prevent long occupancy.",
        ),
        (
            "Den Zeitpreis erst nach einer Frist beginnen lassen (min_duration).",
            "Let the price for time begin after a while (min_duration).",
        ),
    ),
    "validity_gap": FindingText(
        _W,
        (
            "Zwischen den Fassungen klafft eine Lücke: von {end} bis {start} gilt keine.",
            "There is a gap between the versions: from {end} to {start} none is valid.",
        ),
        (
            "end_date_time der früheren und start_date_time der späteren Fassung gleich setzen.",
            "Let start_date_time of the later version be end_date_time of the earlier one.",
        ),
    ),
    "validity_overlap": FindingText(
        _E,
        (
            "Zwei Fassungen gelten zugleich: von {start} bis {end}.",
            "Two versions are valid at once: from {start} to {end}.",
        ),
        (
            "end_date_time der früheren und start_date_time der späteren Fassung gleich setzen.",
            "Let start_date_time of the later version be end_date_time of the earlier one.",
        ),
    ),
    "profiles_without_regular": FindingText(
        _E,
        (
            "Keiner dieser Tarife ist der reguläre: solange kein Profil gemeldet ist, fehlte der Preis.",
            "None of these tariffs is the regular one: until a profile is reported a session would have no price.",
        ),
        (
            "Einen Tarif vom Typ REGULAR hinzufügen.",
            "Add a tariff of type REGULAR.",
        ),
    ),
    "profile_twice": FindingText(
        _E,
        (
            "Zwei Tarife für dasselbe Profil ({profile}): {first} und dieser.",
            "Two tariffs for one profile ({profile}): {first} and this one.",
        ),
        (
            "Einen davon entfernen oder seinen Typ ändern.",
            "Remove one of them or change its type.",
        ),
    ),
    "profiles_mixed": FindingText(
        _E,
        (
            "Anders als {first} ist dieser Tarif in {currency} ({basis}): sie können sich nicht abwechseln.",
            "Other than {first} this tariff is in {currency} ({basis}): they can't take turns in one session.",
        ),
        (
            "Allen Tarifen dieselbe Währung geben, und alle Preise mit oder alle ohne Umsatzsteuer angeben.",
            "Give all tariffs one currency, and all prices with or all without VAT.",
        ),
    ),
    "whole_day": FindingText(
        _W,
        (
            "Beginn und Ende sind gleich ({time} Uhr): das gilt als ganzer Tag, nicht als nie.",
            "Start and end are the same ({time}): that counts as the whole day, not as never.",
        ),
        ("Beide Zeiten weglassen oder das Ende ändern.", "Leave both times out or change the end."),
    ),
    "gross_drift": FindingText(
        _W,
        (
            (
                "Als Nettopreis nach OCPI 2.2.1 ({net} je {per}) weicht der Preis ab: "
                "{quantity} {unit} kosten {own}, nachgerechnet {other}."
            ),
            (
                "As a net price for OCPI 2.2.1 ({net} per {per}) the price drifts: "
                "{quantity} {unit} cost {own}, recomputed {other}."
            ),
        ),
        (
            "Partnern mit OCPI 2.3.0 brutto übermitteln; der Betrag im CDR stammt immer aus dem Bruttopreis.",
            "Send it gross to partners with OCPI 2.3.0; the amount in the CDR always comes from the gross price.",
        ),
    ),
    "step_size": FindingText(
        _H,
        (
            "Abrechnungsschritt {step}: je Ladevorgang werden bis zu {surplus} für nicht Bezogenes berechnet.",
            "Billing step of {step}: up to {surplus} a session is charged for what was not taken.",
        ),
        (
            "step_size 1 verwenden; in OCPI 3.0 entfällt das Feld.",
            "Use step_size 1; OCPI 3.0 has no such field any more.",
        ),
    ),
    "fee_stops": FindingText(
        _W,
        (
            "Die Gebühr {after} gilt nur {state_de} und setzt aus, wenn das Fahrzeug {change_de}.",
            "The fee {after} applies only {state_en} and pauses when the vehicle {change_en}.",
        ),
        (
            "Für eine Gebühr, die immer gilt, TIME und PARKING_TIME mit demselben Preis in das Element setzen.",
            "For a fee that always applies, put TIME and PARKING_TIME with the same price into the element.",
        ),
    ),
    "price_per_minute": FindingText(
        _W,
        (
            "{price} je Stunde ist ungewöhnlich wenig: vielleicht ist der Preis je Minute gemeint.",
            "{price} per hour is unusually little: maybe the price per minute is meant.",
        ),
        ("OCPI nennt Zeitpreise je Stunde: mit 60 malnehmen.", "OCPI gives prices of time per hour: multiply by 60."),
    ),
    "price_unusual": FindingText(
        _W,
        (
            "{price} je kWh ist ungewöhnlich viel: vielleicht sind Cent gemeint.",
            "{price} per kWh is unusually much: maybe cents are meant.",
        ),
        ("Preise stehen in der Währung, nicht in Cent.", "Prices are in the currency, not in cents."),
    ),
    "vat_missing": FindingText(
        _W,
        (
            "Ohne Umsatzsteuersatz: dieser Teil des Preises gilt als nicht umsatzsteuerbar.",
            "Without a VAT rate: this part of the price counts as not subject to VAT.",
        ),
        (
            "Den Satz angeben, zum Beispiel 19, wenn Umsatzsteuer anfällt.",
            "Give the rate, 19 for instance, if VAT is due.",
        ),
    ),
    "max_below_flat": FindingText(
        _W,
        (
            "Der Höchstpreis {limit} liegt unter der Startgebühr {price}.",
            "The maximum price of {limit} is below the start fee of {price}.",
        ),
        ("Höchstpreis anheben oder Startgebühr senken.", "Raise the maximum price or lower the start fee."),
    ),
    "limit_without_vat": FindingText(
        _H,
        (
            "Die Preisgrenze passt zu keinem Umsatzsteuersatz des Tarifs: brutto wären es {gross}.",
            "The price limit fits none of the tariff's VAT rates: with VAT it would be {gross}.",
        ),
        ("excl_vat und incl_vat vergleichen.", "Compare excl_vat and incl_vat."),
    ),
    "cap_without_price": FindingText(
        _W,
        (
            "Der Höchstbetrag begrenzt nichts: kein Element hat einen solchen Preis.",
            "The cap limits nothing: no element has such a price.",
        ),
        ("dimensions und element des Höchstbetrags prüfen.", "Check dimensions and element of the cap."),
    ),
    "cap_zero": FindingText(
        _W,
        (
            "Der Höchstbetrag ist 0: dieser Preisteil ist immer kostenlos.",
            "The cap is 0: this part of the price is always free.",
        ),
        ("Den Höchstbetrag anheben oder den Preis entfernen.", "Raise the cap or remove the price."),
    ),
    "cap_without_effect": FindingText(
        _W,
        (
            "Der Höchstbetrag wirkt nie: ein anderer begrenzt dasselbe auf weniger.",
            "The cap never acts: another one limits the same to less.",
        ),
        ("Einen der beiden entfernen.", "Remove one of the two."),
    ),
    "cap_below_flat": FindingText(
        _W,
        (
            "Der Höchstbetrag {limit} liegt unter der Startgebühr {price}, die er begrenzt.",
            "The cap of {limit} is below the start fee of {price} that it limits.",
        ),
        ("Höchstbetrag anheben oder Startgebühr senken.", "Raise the cap or lower the start fee."),
    ),
    "quota_zero": FindingText(
        _W,
        ("Die Freimenge ist 0 kWh.", "The quota is 0 kWh."),
        ("x_quota entfernen oder eine Menge angeben.", "Remove x_quota or give an amount."),
    ),
    "quota_dearer": FindingText(
        _W,
        (
            "Die Freimenge kostet {price} je kWh, mehr als der günstigste andere Preis ({other}).",
            "The quota costs {price} per kWh, more than the lowest other price ({other}).",
        ),
        ("Den Preis der Freimenge prüfen.", "Check the price of the quota."),
    ),
    "tiers_rise": FindingText(
        _H,
        ("Die Staffel wird mit der Menge teurer.", "The volume price rises with the volume."),
        ("Prüfen, ob die Reihenfolge der Preise stimmt.", "Check the order of the prices."),
    ),
    "spot_band": FindingText(
        _E,
        (
            "Der Höchstpreis {high} liegt unter dem Mindestpreis {low}.",
            "The cap of {high} is below the floor of {low}.",
        ),
        ("floor und cap vertauscht? Beide prüfen.", "Are floor and cap swapped? Check both."),
    ),
}
"""By code. `{x_de}` and `{x_en}` are values that differ by language."""
