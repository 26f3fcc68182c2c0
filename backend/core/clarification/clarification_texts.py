"""Why a decision on a session can't be made or taken back, in German, for `backend.core.reason_texts`."""

CLARIFICATION = {
    "seqNo {first} to {last} never came": "seqNo {first} bis {last} kamen nie an",
    "seqNo {number} never came": "seqNo {number} kam nie an",
    "what was decided on it was taken back": "was darüber entschieden war, wurde zurückgenommen",
    "a person decided on it": "jemand hat darüber entschieden",
    "transaction {id} does not wait for this decision ({kind})": (
        "Ladevorgang {id} wartet nicht auf diese Entscheidung ({kind})"
    ),
    "operator {operator} has no customer {customer}": "der Betreiber {operator} hat keinen Kunden {customer}",
    "the token of transaction {id} is known already and can't be given to anybody": (
        "das Token des Ladevorgangs {id} ist schon bekannt und kann niemandem mehr gegeben werden"
    ),
    "transaction {id} of this token was priced for another customer: assign it to that one": (
        "Ladevorgang {id} mit diesem Token ist schon für einen anderen Kunden berechnet: bitte diesem zuordnen"
    ),
    "operator {operator} has no tariff {tariff} that was valid when it began": (
        "der Betreiber {operator} hat keinen Tarif {tariff}, der zu Beginn galt"
    ),
    "nothing was decided on transaction {id}": "über Ladevorgang {id} wurde nichts entschieden",
    "transaction {id} is billed: cancel the invoice first": (
        "Ladevorgang {id} ist abgerechnet: zuerst die Rechnung stornieren"
    ),
}
