"""The station's security for people: read beside a running agent, nothing secret."""

from collections.abc import Iterator
from pathlib import Path

from station.ledger_view import read_rows
from station.security.access import Access, Plan
from station.security.event_store import LOG, log_line
from station.security.files import RootUse, SecurityFiles

LOG_LINES = 20


def security_lines(journal: Path, folder: Path, initial: Access) -> Iterator[str]:
    """Tell profile, certificates and the newest lines of the security log.

    Args:
        journal: its file.
        folder: of keys and certificates.
        initial: the access of the settings.

    Raises:
        JournalError: there is no journal, or it can't be read.
        SecurityError: the folder can't be read.
    """
    from station.security.certificates import CertificateError, parse_chain

    def told(pem: str) -> str:
        try:
            certificate = parse_chain(pem)[0]
        except CertificateError as error:
            return str(error)
        return f"{certificate.name}, valid until {certificate.span.end:%Y-%m-%d}"

    files = SecurityFiles(folder)
    state = files.load()
    plan = state.plan if state else Plan(initial)
    yield f"security profile {plan.in_force.profile.value}" + (f"; on trial: {plan.what}" if plan.trials else "")
    if chain := files.chain(plan.in_force.client):
        yield f"charge point certificate: {told(chain)}"
    if state and (state.candidate or state.asked):
        yield "charge point certificate: " + ("a new one waits to be tried" if state.candidate else "one was asked for")
    for use in RootUse:
        for pem in files.roots(use).values():
            yield f"root ({use}): {told(pem)}"
    rows = read_rows(journal, LOG)
    lines = [log_line(row) for row in rows[-LOG_LINES:]]
    yield f"security events: {len(rows)}, {sum(row[5] == 'pending' for row in rows)} wait for delivery"
    yield from (f"  {line} [{line.state}]" for line in lines)
