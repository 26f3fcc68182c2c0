"""Meters whose calibration ends soon or has ended, and the letter that tells their operator, once for each last day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from backend.core.invoices.letter import Letter, Purpose
from backend.core.people.access import EVERYTHING, View
from backend.core.proofs.calibration import is_near, is_over
from backend.store import outbox
from backend.store.scope import charge_points_in
from backend.store.signed_tables import meter_key
from backend.store.tables import charge_point, operator

_GERMAN = ("DE", "AT", "CH", "LI", "LU")
_TITLES = {"de": "Die Eichung eines Zählers endet", "en": "the calibration of a meter ends"}
_LINES = {
    "de": "{place}, Ladepunkt {evse}, Zähler {serial}: geeicht bis {until}",
    "en": "{place}, EVSE {evse}, meter {serial}: calibrated until {until}",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """A meter whose last day is near or over."""

    operator_id: str
    charge_point_id: str
    evse_id: int
    serial: str
    until: str
    is_over: bool


def endings(connection: Connection, now: datetime, view: View = EVERYTHING) -> Iterator[Ending]:
    """List the meters whose calibration ends within 60 days or has ended, the earliest first."""
    m, c, o = meter_key.c, charge_point.c, operator.c
    query = (
        select(m.charge_point_id, m.evse_id, m.serial, m.calibrated_until, o.id, o.timezone)
        .join(charge_point, c.id == m.charge_point_id)
        .join(operator, o.id == c.operator_id)
        .where(m.calibrated_until != "", charge_points_in(view))
        .order_by(m.calibrated_until, m.charge_point_id, m.evse_id)
    )
    for row in connection.execute(query):
        today = now.astimezone(ZoneInfo(row.timezone)).date()
        if is_near(row.calibrated_until, today):
            over = is_over(row.calibrated_until, today)
            yield Ending(row.id, row.charge_point_id, row.evse_id, row.serial, row.calibrated_until, over)


def remind(connection: Connection, now: datetime) -> list[Ending]:
    """Order the letters to operators about what ends, one for each meter and last day, and give what is new.

    Runs inside one unit of work of `Store.write`; the outbox knows which letters were ordered before.
    """
    new = []
    for one in list(endings(connection, now)):
        told = connection.execute(select(operator.c.email, operator.c.country).where(operator.c.id == one.operator_id))
        email, country = told.one()
        language = "de" if country in _GERMAN else "en"
        line = _LINES[language].format(place=one.charge_point_id, evse=one.evse_id, serial=one.serial, until=one.until)
        letter = Letter(
            operator_id=one.operator_id,
            purpose=Purpose.ALERT,
            document=f"calibration {one.charge_point_id}/{one.evse_id} {one.serial} {one.until}",
            to=(email,),
            language=language,
            values={"title": _TITLES[language], "lines": [line]},
        )
        if email and outbox.is_new(connection, letter):
            outbox.queue(connection, letter, now)
            new.append(one)
    return new
