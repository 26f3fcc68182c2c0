"""Prove what was issued: `emops-backend audit verify`."""

from collections.abc import Iterator

from sqlalchemy import Connection

from backend.core.audit import Audit
from backend.store.invoice_chain import missing_triggers, read_links, read_operators, read_series


def verify(connection: Connection) -> Iterator[tuple[bool, str]]:
    """Look at every invoice ever issued and tell line by line what is wrong (False) and what was proved (True).

    Reads one state of the database, while others may write; the memory it takes does not grow with the invoices.
    """
    for name in missing_triggers(connection):
        yield False, f"the trigger {name}, which keeps issued rows as they are, is missing"
    for operator_id in read_operators(connection):
        audit, wrong = Audit(read_series(connection, operator_id)), 0
        for link in read_links(connection, operator_id):
            for problem in audit.check(link):
                wrong += 1
                yield False, f"operator {operator_id}, {link.row['number']}: {problem}"
        for problem in audit.finish():
            wrong += 1
            yield False, f"operator {operator_id}: {problem}"
        told = f"{wrong} of what was looked at is wrong" if wrong else "all is as it was issued"
        yield not wrong, f"operator {operator_id}: {audit.count} invoices, {told}; head of the chain {audit.head}"
