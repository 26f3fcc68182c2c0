"""Messages of transactions as they are stored: a shape, kept once, and what differs (`core/packed_readings.py`)."""

from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from backend.core.packed_readings import deflate, inflate, pack, unpack
from backend.store.sql import Statement
from backend.store.tables import payload_shape, transaction_event

_S = payload_shape.c

SHAPE = select(_S.text).where(_S.id == transaction_event.c.shape_id).scalar_subquery().label("shape")
"""Column that a query of `transaction_event.payload` needs for `text_of`."""

_FIND = Statement(select(_S.id).where(_S.text == bindparam("text")))
_ADD = Statement(insert(payload_shape).values(text=bindparam("text")).returning(_S.id))
_COUNT = Statement(select(func.count()).select_from(payload_shape))

_MAX_SHAPES = 10_000
"""Each model of station has some ten. Beyond this a station makes them up, and its messages are deflated instead."""


def packed(connection: Connection, text: str) -> dict[str, object]:
    """Give the columns `payload` and `shape_id` of a message; a shape that is new is kept.

    Args:
        connection: of the unit of work.
        text: compact JSON.
    """
    if found := pack(text):
        shape, values = found
        number = _FIND.scalar(connection, text=shape)
        if number is None and _COUNT.scalar(connection) < _MAX_SHAPES:  # type: ignore[operator]  # a count
            number = _ADD.scalar(connection, text=shape)
        if number is not None:
            return {"payload": values, "shape_id": number}
    small = deflate(text)
    return {"payload": small if len(small) < len(text) else text, "shape_id": None}


def text_of(row: Any) -> str:  # Any: a row with `payload` and `shape`
    """Give a message as it came, of a row that has `payload` and `SHAPE`."""
    if isinstance(row.payload, str):
        return row.payload
    return inflate(row.payload) if row.shape is None else unpack(row.shape, row.payload)
