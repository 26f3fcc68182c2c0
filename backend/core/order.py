"""An order: one request to one station, kept from its being given to its outcome. Pure.

    waiting --sent--> sent --answer--> answered | refused | silent
    waiting --cancelled--> cancelled    --too late--> expired    --not in the station's version--> unfit

A request is sent at most once: whether a station that never answered has acted can't be known, and a second Reset or
RemoteStart may do harm. What was on its way when the program ended is `silent`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.ids import IdToken


class OrderState(StrEnum):
    """Where an order stands. Only the first two can still change."""

    WAITING = "waiting"
    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"
    EXPIRED = "expired"
    UNFIT = "unfit"
    CANCELLED = "cancelled"


_TOKENS = ("idTag", "parentIdTag", "idToken", "groupIdToken", "additionalIdToken")
_SECRETS = ("AuthorizationKey", "BasicAuthPassword", "basicAuthPassword", "password")
_HIDDEN = "***"

OPEN = (OrderState.WAITING, OrderState.SENT)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A request to be kept until it can be sent.

    Args:
        charge_point_id: to whom.
        action: name of the request.
        payload: JSON text.
        expires_at: if the station does not come before, it is not sent.
        checked: send it only if the station's version of OCPP has it so.
        ordered_by: who gave it.
        batch: the same for orders given together, and given once only: a batch that is known is not given again.
    """

    charge_point_id: str
    action: str
    payload: str
    expires_at: datetime
    checked: bool
    ordered_by: str
    batch: str


@dataclass(frozen=True, slots=True)
class Order:
    """A row. `answer` is the station's payload as JSON, `reason` says why there is none."""

    id: int
    operator_id: str
    charge_point_id: str
    batch: str
    action: str
    payload: str
    checked: bool
    ordered_by: str
    state: OrderState
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    answer: str
    reason: str

    @property
    def is_open(self) -> bool:
        """Tell whether an outcome may still come."""
        return self.state in OPEN


def masked(value: object) -> object:
    """Give a payload as people may see it: tokens by their last characters, keys and passwords not at all."""
    if isinstance(value, list):
        return [masked(part) for part in value]
    if not isinstance(value, dict):
        return value
    # ChangeConfiguration names the key beside its value, SetVariables the variable.
    variable = value.get("variable")
    hides = (variable.get("name") if isinstance(variable, dict) else value.get("key")) in _SECRETS
    return {name: _masked_field(name, part, hides) for name, part in value.items()}


def _masked_field(name: str, part: object, hides: bool) -> object:
    if name in _TOKENS and isinstance(part, str):
        return str(IdToken(part))
    if isinstance(part, str) and (name in _SECRETS or (hides and name in ("value", "attributeValue"))):
        return _HIDDEN
    return masked(part)
