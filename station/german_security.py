"""The German of what keys, certificates and TLS have to say, by its English; see station.german. Pure."""

SECURITY = {
    "can't read {path}: {reason}. Is it the agent's own?": (
        "{path} ist nicht lesbar: {reason}. Gehört die Datei dem Stationsprogramm?"
    ),
    "can't write {path}: {reason}. Is the disk full or read-only?": (
        "{path} ist nicht beschreibbar: {reason}. Ist der Datenträger voll oder schreibgeschützt?"
    ),
    "{path} is damaged and was put aside as {name}.bad: the settings hold again": (
        "{path} ist beschädigt und liegt jetzt unter {name}.bad: es gelten wieder die Einstellungen"
    ),
    "security.roots = {name} can't be used: {reason}": "security.roots = {name} ist nicht brauchbar: {reason}",
    "the certificates of this station can't be used: {reason}": (
        "die Zertifikate dieser Station sind nicht brauchbar: {reason}"
    ),
    "the charge point certificate in force is missing from the security folder": (
        "das geltende Zertifikat der Station fehlt im Ordner security.folder"
    ),
    "left to connect with new credentials": "getrennt, um sich mit neuen Zugangsdaten zu verbinden",
    "the central system's certificate can't be accepted: {reason}": (
        "das Zertifikat der Zentrale ist nicht annehmbar: {reason}"
    ),
    "the central system does not accept this station's certificate ({reason})": (
        "die Zentrale nimmt das Zertifikat dieser Station nicht an ({reason})"
    ),
    "the central system speaks no TLS version that may be used (1.2 or newer)": (
        "die Zentrale spricht keine erlaubte TLS-Version (1.2 oder neuer)"
    ),
    "the central system offers no cipher that may be used": "die Zentrale bietet kein erlaubtes Verfahren",
    "it expired on {day}": "abgelaufen am {day}",
    "it is valid only from {time} UTC on": "gültig erst ab {time} UTC",
}
