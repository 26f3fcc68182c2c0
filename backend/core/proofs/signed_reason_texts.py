"""What may be wrong with signed values, in German: rows of `backend.core.reason_texts`."""

SIGNED_VALUES = {
    "can't be checked here": "hier nicht prüfbar",
    "a record of the meter {name} came, but the meter {other} is the one known here": (
        "ein Messwert des Zählers {name} kam, bekannt ist hier aber der Zähler {other}"
    ),
    "it is no good OCMF record: {reason}": "er ist kein gültiger OCMF-Datensatz: {reason}",
    "the record is of version {version} of its format, known is up to 1.4": (
        "der Datensatz hat die Fassung {version} seines Formats, bekannt ist es bis 1.4"
    ),
    "the driver was not identified: the record says {level}": (
        "der Fahrer war nicht sicher erkannt: der Datensatz nennt {level}"
    ),
    "the signed {end} tells no unit or no register": "beim signierten {end} fehlt die Einheit oder das Register",
    "the meter says that its register at the {end} is not good: {status}": (
        "der Zähler nennt seinen Stand beim {end} nicht gut: {status}"
    ),
    "the meter says that its energy at the {end} can't be billed": (
        "der Zähler nennt seine Energie beim {end} nicht abrechenbar"
    ),
    "begin and end are of different meters: {first} and {second}": (
        "Anfang und Ende sind von verschiedenen Zählern: {first} und {second}"
    ),
    "begin and end are in different units: {first} and {second}": (
        "Anfang und Ende haben verschiedene Einheiten: {first} und {second}"
    ),
    "begin and end were signed by different keys": "Anfang und Ende sind mit verschiedenen Schlüsseln signiert",
    "the signed end {stop} Wh is below the begin {start} Wh": (
        "das signierte Ende mit {stop} Wh liegt unter dem Anfang mit {start} Wh"
    ),
    "the signed end is before the begin": "das signierte Ende liegt vor dem Anfang",
    "the time of the begin is relative, that of the end is not": (
        "die Zeit des Anfangs ist relativ, die des Endes ist es nicht"
    ),
    "the end ({last}) was signed before the begin ({first})": (
        "das Ende ({last}) wurde vor dem Anfang ({first}) signiert"
    ),
    "it was signed for another time: its {end} is {time}": (
        "signiert wurde für eine andere Zeit: der Zeitpunkt beim {end} ist {time}"
    ),
    "the record names another driver than the session": "der Datensatz nennt einen anderen Fahrer als der Ladevorgang",
    "a signature does not fit": "eine Signatur passt nicht",
    "there is more than one signed {end}": "es gibt mehr als einen signierten Stand beim {end}",
    "the text has {count} characters, at most {most} are read": (
        "der Text hat {count} Zeichen, gelesen werden höchstens {most}"
    ),
    "a record is OCMF|{payload}|{signature}": "ein Datensatz hat die Form OCMF|Daten|Signatur",
    "the payload holds a '|', which parts the sections": "die Daten enthalten das Trennzeichen '|'",
    "the payload has no readings (RD)": "die Daten enthalten keine Ablesung (RD)",
    "a reading (RD) is not an object": "eine Ablesung (RD) ist kein JSON-Objekt",
    "a reading's value (RV) is {value}, no number": "der Wert einer Ablesung (RV) ist {value}, keine Zahl",
    "the signature section has no signature (SD)": "im Teil der Signatur fehlt die Signatur (SD)",
    "the signature (SD) is not {encoding}": "die Signatur (SD) ist nicht als {encoding} geschrieben",
    "the {part} is not JSON": "der Teil {part} ist kein JSON",
    "the {part} is not a JSON object": "der Teil {part} ist kein JSON-Objekt",
    "the algorithm {name} is not known here": "das Verfahren {name} ist hier nicht bekannt",
    "the signature is written as {form}, not as DER": "die Signatur ist als {form} geschrieben, nicht als DER",
    "the public key is no point of {curve}": "der öffentliche Schlüssel ist kein Punkt von {curve}",
    "these {count} bytes are no public key for {algorithm}": (
        "diese {count} Bytes sind kein öffentlicher Schlüssel für {algorithm}"
    ),
    "the signature is no DER sequence": "die Signatur ist keine DER-Folge",
    "the signature is no pair of whole numbers": "die Signatur ist kein Paar ganzer Zahlen",
    "the signature is cut off": "die Signatur ist abgeschnitten",
    "the library lacks {curve}": "die Bibliothek kennt {curve} nicht",
    "the signature holds something else than whole numbers": "die Signatur enthält anderes als ganze Zahlen",
}

WORDS = {
    "without a number": "ohne Nummer",
    "begin": "Anfang",
    "end": "Ende",
    "no status": "kein Zustand",
    "not told": "nicht genannt",
    "unknown format": "unbekanntes Format",
    "payload": "Daten",
    "signature": "Signatur",
}
"""Values that are words themselves."""
