"""The words inside e-invoices, German and English."""

WORDS: dict[str, dict[str, str]] = {
    "de": {
        "sample": "MUSTER / SAMPLE: Vorführung mit beschleunigter Zeit, keine Rechnung im Sinne des "
        "Umsatzsteuergesetzes",
        "corrects": "Berichtigung der Rechnung {number} vom {date}",
        "session": "Ladevorgang {id}",
        "fee_of": "Grundgebühr für",
        "charge_point": "Ladepunkt",
        "evse": "Anschluss",
        "place": "Ort",
        "token": "Ladekarte",
        "start": "Beginn",
        "end": "Ende",
        "register_start": "Zählerstand zu Beginn",
        "register_end": "Zählerstand am Ende",
        "preceding": "Berichtigt Rechnung",
        "payable_by": "Zahlbar bis {date} ohne Abzug.",
        "refund_by": "Erstattung bis {date}.",
    },
    "en": {
        "sample": "MUSTER / SAMPLE: demonstration in accelerated time, not an invoice for tax purposes",
        "corrects": "Correction of invoice {number} of {date}",
        "session": "Session {id}",
        "fee_of": "Base fee of",
        "charge_point": "Charge point",
        "evse": "EVSE",
        "place": "Place",
        "token": "Charging card",
        "start": "Start",
        "end": "End",
        "register_start": "Register at start",
        "register_end": "Register at end",
        "preceding": "Corrects invoice",
        "payable_by": "Payable by {date} without deduction.",
        "refund_by": "Refund by {date}.",
    },
}
