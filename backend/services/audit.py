"""Prove what was issued: `emops-backend audit verify`."""

from collections.abc import Iterator
from itertools import chain as chain_from

from sqlalchemy import Connection

from backend.core.invoices.audit import Audit
from backend.core.invoices.chain import ChainCheck
from backend.store.chain import read_chain
from backend.store.datev import read_chained as read_chained_exports
from backend.store.dunning import read_chained as read_chained_dunning
from backend.store.issued import (
    lost_invoices,
    lost_pdfs,
    missing_triggers,
    purge_problems,
    read_issued,
    read_kept,
    read_operators,
    read_series,
)
from backend.store.open_items import read_chained as read_chained_bookings
from backend.store.reversal_audit import reversal_problems
from backend.store.signed import read_chained


def verify(connection: Connection) -> Iterator[tuple[bool, str]]:
    """Look at all that was ever issued and tell line by line what is wrong (False) and what was proved (True).

    Reads one state of the database, while others may write; the memory it takes does not grow with the invoices.
    """
    for name in missing_triggers(connection):
        yield False, f"the trigger {name}, which keeps issued rows as they are, is missing"
    for problem in purge_problems(connection):
        yield False, problem
    for operator_id in read_operators(connection):
        chain, audit, wrong = ChainCheck(), Audit(read_series(connection, operator_id)), 0
        for problem in _problems(connection, operator_id, chain, audit):
            wrong += 1
            yield False, f"operator {operator_id}: {problem}"
        told = f"{wrong} of what was looked at is wrong" if wrong else "all is as it was issued"
        counts = f"{audit.count} invoices, {chain.seq} entries in the chain"
        yield not wrong, f"operator {operator_id}: {counts}, {told}; head of the chain {chain.head}"


def _problems(connection: Connection, operator_id: str, chain: ChainCheck, audit: Audit) -> Iterator[str]:
    for entry in read_chain(connection, operator_id):
        yield from chain.check(entry)
    for issued in read_issued(connection, operator_id):
        for problem in audit.check(issued):
            yield f"{issued.row['number']}: {problem}"
    yield from audit.finish()
    yield from reversal_problems(connection, operator_id)
    for number in lost_invoices(connection, operator_id):
        yield f"{number}: the chain has it, but it is gone"
    for number in lost_pdfs(connection, operator_id):
        yield f"{number}: the chain has its PDF, but it is gone"
    readers = (read_kept, read_chained, read_chained_bookings, read_chained_dunning, read_chained_exports)
    for kept in chain_from.from_iterable(read(connection, operator_id) for read in readers):
        yield from kept.problems()
