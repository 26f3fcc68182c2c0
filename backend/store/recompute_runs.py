"""Runs of the proof that stored ratings compute again to the same: when, how many, what differed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from backend.core.rates.recompute import Proof
from backend.core.record import from_json, to_json
from backend.store.rating_tables import recompute_run
from backend.store.tables import operator


@dataclass(frozen=True, slots=True)
class Run:
    """A run and what it found."""

    at: datetime
    proof: Proof


def store_run(connection: Connection, run: Run) -> None:
    """Keep a run."""
    values = {"at": run.at, "checked": run.proof.checked, "differences": to_json(run.proof)}
    connection.execute(insert(recompute_run).values(values))


def last_run(connection: Connection) -> Run | None:
    """Give the last run, None before the first."""
    query = select(recompute_run.c.at, recompute_run.c.differences).order_by(recompute_run.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return Run(row.at, from_json(Proof, row.differences)) if row else None


def first_time_zone(connection: Connection) -> str:
    """Give the time zone of the first operator: its night is ours. UTC before there is one."""
    return connection.scalar(select(operator.c.timezone).order_by(operator.c.id).limit(1)) or "UTC"
