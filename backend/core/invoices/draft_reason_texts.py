"""Why a draft does not go out, in German, for `backend.core.reason_texts`: one row per sentence of the self-check."""

DRAFTS = {
    "seller: {field} is missing": "Aussteller: {field} fehlt",
    "buyer: {field} is missing": "Kunde: {field} fehlt",
    "{name} has a character that can't be printed: {code}": (
        "{name} enthält ein Zeichen, das nicht gedruckt werden kann: {code}"
    ),
    "{role}: {address} is no e-mail address": "{role}: {address} ist keine E-Mail-Adresse",
    "{role}: {address} is no address of an electronic mailbox (BR-DE-28)": (
        "{role}: {address} ist keine Adresse eines elektronischen Postfachs (BR-DE-28)"
    ),
    "seller: the phone number has fewer than three digits": (
        "Aussteller: die Telefonnummer hat weniger als drei Ziffern"
    ),
    "seller: the IBAN {iban} is not valid": "Aussteller: die IBAN {iban} ist nicht gültig",
    "buyer: the IBAN of the mandate is not valid": "Kunde: die IBAN des Mandats ist nicht gültig",
    "buyer: payment is direct_debit, but there is no mandate; enter one or choose another payment": (
        "Kunde: Zahlung per Lastschrift, aber es gibt kein Mandat; eines eintragen oder anders zahlen lassen"
    ),
    "buyer: payment by card needs the last 4 to 6 digits of the card, and no other payment has them": (
        "Kunde: Kartenzahlung braucht die letzten 4 bis 6 Ziffern der Karte, andere Zahlungen haben keine"
    ),
    "seller: the creditor identifier is missing; direct debits need it": (
        "Aussteller: die Gläubiger-Identifikationsnummer fehlt; Lastschriften brauchen sie"
    ),
    "buyer: the mandate reference {reference} is not 1 to {most} characters": (
        "Kunde: die Mandatsreferenz {reference} hat nicht 1 bis {most} Zeichen"
    ),
    "{amount} was paid already, which is not all of {due}": (
        "{amount} sind schon bezahlt, das ist nicht alles von {due}"
    ),
    "place of delivery {place}: {field} is missing": "Lieferort {place}: {field} fehlt",
    "the language {language} is not one of {known}": "die Sprache {language} ist keine von {known}",
    "it is due before it is issued": "sie wäre fällig, bevor sie ausgestellt ist",
    "it has neither sessions nor base fees": "sie hat weder Ladevorgänge noch Grundgebühren",
    "it charges nothing": "sie berechnet nichts",
    "a session is on it twice": "ein Ladevorgang steht zweimal darauf",
    "session {id} ends before it starts": "Ladevorgang {id} endet vor seinem Beginn",
    "session {id}: {energy} kWh, but the registers say {counted} kWh": (
        "Ladevorgang {id}: {energy} kWh, aber die Zählerstände ergeben {counted} kWh"
    ),
    "session {id} lies outside the period": "Ladevorgang {id} liegt außerhalb des Zeitraums",
    "a base fee is on it twice": "eine Grundgebühr steht zweimal darauf",
    "its base fees are not on one line each": "ihre Grundgebühren stehen nicht auf je einer Position",
    "the base fee of {target} from {first} to {last} lies outside the period": (
        "die Grundgebühr von {target} für {first} bis {last} liegt außerhalb des Zeitraums"
    ),
    "line {number}: {reason}": "Position {number}: {reason}",
    "the tariff names no VAT rate for it; give the price component a vat": (
        "der Tarif nennt keinen Steuersatz dafür; dem Preis ein vat geben"
    ),
    "its price is negative": "ihr Preis ist negativ",
    "it has no text": "sie hat keinen Text",
    "the amount due is negative: {amount}": "der Zahlbetrag ist negativ: {amount}",
    "the customer's tax_case allows no VAT, but {rate} % is charged: name it in the tariff's x_tax": (
        "der Steuerfall des Kunden lässt keine Umsatzsteuer zu, berechnet sind {rate} %: im Tarif bei x_tax angeben"
    ),
    "VAT categories {categories} can't stand on one invoice": (
        "die Umsatzsteuer-Kategorien {categories} dürfen nicht auf einer Rechnung stehen"
    ),
    "buyer: reverse charge needs the customer's vat_id (BR-AE-02)": (
        "Kunde: die Steuerschuld des Empfängers braucht seine USt-IdNr. (BR-AE-02)"
    ),
    "{reason}: {rate} % VAT is charged": "{reason}: es werden {rate} % Umsatzsteuer berechnet",
    "{reason}, and gross prices without VAT can't have it added: enter the evidence, or net prices": (
        "{reason}, und Bruttopreise ohne Umsatzsteuer bleiben, wie sie sind: Nachweis oder Nettopreise eintragen"
    ),
    "the USt 1 TH of the customer is missing": "der Nachweis USt 1 TH des Kunden fehlt",
    "the USt 1 TH of the operator is missing": "der eigene Nachweis USt 1 TH fehlt",
    "the check of the VAT id of the customer is missing": "die Prüfung der USt-IdNr. des Kunden fehlt",
    "the proof of the seat of the customer is missing": "der Nachweis des Sitzes des Kunden fehlt",
    "the USt 1 TH of the customer expired on {day}": "der Nachweis USt 1 TH des Kunden ist am {day} abgelaufen",
    "the USt 1 TH of the operator expired on {day}": "der eigene Nachweis USt 1 TH ist am {day} abgelaufen",
    "the check of the VAT id of the customer expired on {day}": (
        "die Prüfung der USt-IdNr. des Kunden ist am {day} abgelaufen"
    ),
    "the proof of the seat of the customer expired on {day}": (
        "der Nachweis des Sitzes des Kunden ist am {day} abgelaufen"
    ),
    "the USt 1 TH of the customer": "der Nachweis USt 1 TH des Kunden",
    "the USt 1 TH of the operator": "der eigene Nachweis USt 1 TH",
    "the check of the VAT id of the customer": "die Prüfung der USt-IdNr. des Kunden",
    "the proof of the seat of the customer": "der Nachweis des Sitzes des Kunden",
    "less than {threshold}: carried forward, at the latest until {day}": (
        "weniger als {threshold}: vorgetragen, längstens bis {day}"
    ),
    "session {id} was rated again, but {numbers} gave back {amount} of it by hand: cancel {again}, and it is corrected "
    "by itself": (
        "Ladevorgang {id} wurde neu berechnet, aber {numbers} hat davon {amount} von Hand zurückgegeben: {again} "
        "stornieren, dann wird er von selbst berichtigt"
    ),
    "name who paid (emops-backend invoice payer SESSION ...), then it is an invoice to them": (
        "eintragen, wer bezahlt hat (emops-backend invoice payer SESSION ...), dann wird es eine Rechnung an diesen"
    ),
    "an invoice in {currency} needs a buyer (§ 33 UStDV): {reason}": (
        "eine Rechnung in {currency} braucht einen Empfänger (§ 33 UStDV): {reason}"
    ),
    "{amount} EUR is more than the {limit} EUR up to which no buyer is needed (§ 33 UStDV): {reason}": (
        "{amount} EUR sind mehr als die {limit} EUR, bis zu denen kein Empfänger nötig ist (§ 33 UStDV): {reason}"
    ),
    "without a buyer there is no exemption from VAT (§ 33 UStDV): see the customer's tax_case": (
        "ohne Empfänger gibt es keine Befreiung von der Umsatzsteuer (§ 33 UStDV): tax_case des Kunden prüfen"
    ),
    "nobody owes a base fee at the charge point: give ad-hoc payers a tariff without one": (
        "am Ladepunkt schuldet niemand eine Grundgebühr: Ad-hoc-Zahlern einen Tarif ohne Grundgebühr geben"
    ),
    "a session paid by card was rated again; {amount} more can't be taken: {reason}": (
        "ein mit Karte bezahlter Ladevorgang wurde neu berechnet; {amount} mehr können nicht abgebucht werden: {reason}"
    ),
    "give the reason: it stands on the document": "Bitte den Grund angeben: er steht auf dem Dokument",
    "there is no document {number}": "es gibt kein Dokument {number}",
    "{number} is a Storno itself: what it took back is billed again by the next run": (
        "{number} ist selbst ein Storno: was sie zurücknahm, berechnet der nächste Lauf neu"
    ),
    "{number} was cancelled by {other} already": "{number} wurde schon durch {other} storniert",
    "{number} was corrected by {others}: that would be given back twice; cancel {again} first, the latest first": (
        "{number} wurde durch {others} berichtigt, das würde doppelt zurückgegeben: zuerst {again} stornieren, "
        "das späteste zuerst"
    ),
    "{number} is no invoice: only what an invoice charged can be given back in part": (
        "{number} ist keine Rechnung: nur was eine Rechnung berechnet hat, kann in Teilen zurückgegeben werden"
    ),
    "{number} was credited meanwhile: look at what is left": (
        "von {number} wurde inzwischen etwas gutgebracht: bitte ansehen, was übrig ist"
    ),
    "name the lines and amounts that are given back": "Bitte Positionen und Beträge angeben, die zurückgegeben werden",
    "there are lines 1 to {last}": "es gibt die Positionen 1 bis {last}",
    "{amount} is no amount in cents above 0": "{amount} ist kein Betrag in Cent über 0",
    "{amount} is more than the {left} that are left of the {charged} it charged": (
        "{amount} ist mehr als die {left}, die von den berechneten {charged} noch übrig sind"
    ),
    "{number} has put it right since; give it back there": (
        "{number} hat sie inzwischen berichtigt; bitte dort zurückgeben"
    ),
    "the draft is blocked: {reason}": "der Entwurf ist gesperrt: {reason}",
    "there is no such draft: what it charged was billed or has changed; look at the preview again": (
        "den Entwurf gibt es nicht mehr: sein Inhalt ist berechnet oder geändert; bitte die Vorschau neu ansehen"
    ),
}
