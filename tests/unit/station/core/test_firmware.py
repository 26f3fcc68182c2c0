"""An update's states: the table, what is kept over a restart, what is told."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core import log_orders
from station.core.firmware import MOVES, FirmwareOrder, FirmwareStatus, IllegalStepError, begin, decode
from station.core.log_orders import LogKind, LogOrder, LogStatus, Upload

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
ORDER = FirmwareOrder("https://files.example.com/x", NOW, 3, 60, 7, NOW + timedelta(hours=1), "c2ln", "PEM")


def test_every_step_and_what_was_not_told_outlives_a_restart() -> None:
    update = begin(ORDER, NOW).become(FirmwareStatus.DOWNLOADED).told(FirmwareStatus.DOWNLOADING)
    assert decode(update.encode()) == update
    assert update.untold == (FirmwareStatus.DOWNLOADED,)
    assert decode("") is decode("{}") is decode("[1]") is None


def test_only_the_moves_of_the_table_exist() -> None:
    for status, targets in MOVES.items():
        for target in FirmwareStatus:
            update = begin(ORDER, NOW)
            object.__setattr__(update, "status", status)
            if target in targets:
                assert update.become(target).untold[-1] is target
            else:
                with pytest.raises(IllegalStepError):
                    update.become(target)


def test_an_order_for_later_is_scheduled() -> None:
    assert begin(ORDER, NOW - timedelta(seconds=1)).status is FirmwareStatus.DOWNLOAD_SCHEDULED


def test_an_upload_outlives_a_restart_and_covers_its_time() -> None:
    order = LogOrder(LogKind.SECURITY, "http://files.example.com/", 2, 0, None, NOW, NOW + timedelta(hours=1))
    upload = Upload(order, "x.gz").end(LogStatus.UPLOADED).told(LogStatus.UPLOADING)
    assert log_orders.decode(upload.encode()) == upload
    assert (upload.shown, upload.untold) == (LogStatus.IDLE, (LogStatus.UPLOADED,))
    assert [order.covers(NOW + timedelta(minutes=minutes)) for minutes in (-1, 0, 60, 61)] == [False, True, True, False]
