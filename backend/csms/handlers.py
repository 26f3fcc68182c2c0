"""The handlers of every version that is spoken."""

from collections.abc import Callable, Mapping
from functools import partial

from backend.csms.handlers_v16 import handlers_v16
from backend.csms.handlers_v201 import handlers_v21, handlers_v201
from backend.csms.handling import Handler, on_report
from shared.money import Money
from shared.ocpp.validation import Version

RunningCost = Callable[[int], Money | None]
"""Gives what a running transaction was found to cost so far, VAT included; None where nobody has looked yet."""


SIGN_NOTHING: Handler = partial(on_report, {"status": "Rejected"})
"""Answers SignCertificate where no authority is at hand."""


def make_handlers(
    heartbeat_interval_s: int, running_cost: RunningCost, sign: Handler = SIGN_NOTHING
) -> Mapping[Version, Mapping[str, Handler]]:
    """Give the table of actions of each version. An action that is not in it is answered as not implemented.

    Args:
        heartbeat_interval_s: what stations are told at boot, s.
        running_cost: told to OCPP 2.x stations with the answer to an update.
        sign: answers SignCertificate.
    """
    signing = {"SignCertificate": sign}
    return {
        Version.V16: {**handlers_v16(heartbeat_interval_s), **signing},
        Version.V201: {**handlers_v201(heartbeat_interval_s, running_cost), **signing},
        Version.V21: {**handlers_v21(heartbeat_interval_s, running_cost), **signing},
    }
