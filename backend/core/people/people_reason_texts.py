"""Why a user, password or token is not made or changed, in German, for `backend.core.reason_texts`."""

PEOPLE = {
    "a password has {shortest} to {longest} characters": "ein Passwort hat {shortest} bis {longest} Zeichen",
    "a login name has 2 to 100 letters, digits or . _ @ + - and begins with a letter or digit": (
        "ein Anmeldename hat 2 bis 100 Buchstaben, Ziffern oder . _ @ + - und beginnt mit Buchstabe oder Ziffer"
    ),
    "the login name {login} is taken": "den Anmeldenamen {login} gibt es schon",
    "{login} is the last administrator: make somebody else one first": (
        "{login} verwaltet als Letzter: bitte zuerst jemand anderem diese Rolle geben"
    ),
    "an account with the role {role} must say which {what} it is": (
        "zur Rolle {role} muss angegeben werden, für wen oder was sie gilt ({what})"
    ),
    "an account with the role {role} must belong to an operator": "zur Rolle {role} gehört ein Betreiber",
    "there is no operator {id}": "es gibt keinen Betreiber {id}",
    "the operator {operator} has no customer {id}": "der Betreiber {operator} hat keinen Kunden {id}",
    "{path} is not the key of this database: put the right file back": (
        "{path} ist nicht der Schlüssel dieser Datenbank: bitte die richtige Datei zurücklegen"
    ),
}
