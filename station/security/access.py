"""What the station presents itself with at the central system, and how that changes without locking it out. Pure.

A change is a *trial*: the next connections are made with the new access. The first OCPP reply on one of them puts it
in force. If none of the trials gets a reply, the old access has its turn; if that gets one, the trial is over and the
station has returned by itself. If that gets none either, the round begins anew: then the network is to blame, or the
central system has already forgotten the old access.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from shared.ids import Secret

KEY_BYTES = (16, 20)
"""Least and most bytes of AuthorizationKey (white paper: 32 to 40 hexadecimal digits)."""

PASSWORD_LENGTH = (16, 40)
"""Least and most characters of BasicAuthPassword."""
_PASSWORD = re.compile(r"[A-Za-z0-9*\-_=:+|@.]+")


class Profile(IntEnum):
    """Security profiles: one at a time, and by the central system's wish only upwards."""

    UNSECURED = 0
    BASIC = 1
    TLS = 2
    MUTUAL = 3


@dataclass(frozen=True, slots=True)
class Access:
    """What a connection is made with.

    Args:
        profile: the security profile.
        password: for HTTP basic auth; empty = none.
        is_key: the password is an AuthorizationKey: hexadecimal digits that stand for bytes.
        client: name of the client certificate in the store; empty = none.
    """

    profile: Profile
    password: Secret = Secret("")
    is_key: bool = False
    client: str = ""

    def with_profile(self, profile: Profile) -> "Access":
        """Give the same with another profile."""
        return replace(self, profile=profile)

    @property
    def credentials(self) -> bytes:
        """Give the bytes of the password that go on the wire, empty if this profile takes none."""
        if self.profile in (Profile.UNSECURED, Profile.MUTUAL):
            return b""
        return bytes.fromhex(self.password.value) if self.is_key else self.password.value.encode()


class Outcome(Enum):
    """What the first reply on a connection meant."""

    SAME = "nothing was on trial"
    TAKEN = "the trial is in force"
    RETURNED = "the old access works, the trial does not"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to connect with next.

    Args:
        in_force: what worked last.
        trials: what is to replace it, in the order of trying.
        what: what the trial changes, for people.
        failed: connections of this round that got no reply.
    """

    in_force: Access
    trials: tuple[Access, ...] = ()
    what: str = ""
    failed: int = 0

    @property
    def next(self) -> Access:
        """Give the access for the next connection."""
        return self.trials[self.failed] if self.failed < len(self.trials) else self.in_force

    @property
    def is_halfway(self) -> bool:
        """Tell whether another trial follows if this one fails."""
        return self.failed + 1 < len(self.trials)

    @property
    def latest(self) -> Access:
        """Give what is wanted in the end: a further change builds on it."""
        return self.trials[0] if self.trials else self.in_force

    def after_failure(self) -> "Plan":
        """Give the plan after a connection that reached the central system's address and got no reply."""
        return replace(self, failed=(self.failed + 1) % (len(self.trials) + 1)) if self.trials else self

    def after_reply(self) -> tuple["Plan", Outcome]:
        """Give the plan after the first reply on a connection, and what that means."""
        if not self.trials:
            return self, Outcome.SAME
        is_new = self.failed < len(self.trials)
        return Plan(self.next), Outcome.TAKEN if is_new else Outcome.RETURNED


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to go to a higher profile with."""

    has_root: bool
    has_client: bool


def profile_refusal(access: Access, wanted: int, means: Means) -> str:
    """Say why the security profile can't be changed (white paper A05); empty if it can."""
    if wanted not in list(Profile):
        return f"there is no security profile {wanted}"
    if wanted <= access.profile:
        return f"profile {access.profile.value} is in force: it only goes upwards"
    if wanted in (Profile.BASIC, Profile.TLS) and not access.password:
        return "there is no AuthorizationKey yet"
    if wanted >= Profile.TLS and not means.has_root:
        return "no central system root certificate is installed"
    if wanted == Profile.MUTUAL and not means.has_client:
        return "there is no charge point certificate yet"
    return ""


def key_refusal(text: str) -> str:
    """Say why a text is no AuthorizationKey; empty if it is one. Does not repeat the text."""
    least, most = KEY_BYTES
    if not text.isascii() or any(letter not in "0123456789abcdefABCDEF" for letter in text) or len(text) % 2:
        return "it is not made of hexadecimal digits, two for each byte"
    if not least <= len(text) // 2 <= most:
        return f"it has {len(text) // 2} bytes, {least} to {most} are allowed"
    return ""


def password_refusal(text: str) -> str:
    """Say why a text can't be BasicAuthPassword (OCPP 2.0.1, passwordString); empty if it can. Does not repeat it."""
    least, most = PASSWORD_LENGTH
    if not least <= len(text) <= most:
        return f"it has {len(text)} characters, {least} to {most} are allowed"
    return "" if _PASSWORD.fullmatch(text) else "it has characters that are not allowed"


def key_trials(access: Access, key: str) -> tuple[Access, ...]:
    """Give the ways to try a new AuthorizationKey: as the bytes that it stands for, then as the text that it is.

    The white paper means the bytes; many central systems compare the text.
    """
    return (
        replace(access, password=Secret(key), is_key=True),
        replace(access, password=Secret(key), is_key=False),
    )
