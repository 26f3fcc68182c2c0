"""The configuration keys of OCPP 1.6 (§9), as a table: exactly those that the agent obeys.

A key that is in the table with access ro is told and can't be changed. What is not in the table is not supported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage")
"""What a meter reading may hold, in the words of OCPP."""

_YEAR_S = 366 * 86400


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key. The type of `default` is that of its values; `low` and `high` bound a number; `high` the
    length of a text, 0 = not.
    """

    name: str
    default: bool | int | str
    help: str
    unit: str = ""
    low: int = 0
    high: int = 0
    access: str = "rw"


KEYS: tuple[Key, ...] = (
    Key("AllowOfflineTxForUnknownId", False, "offline, let a card charge that nobody knows"),
    Key("AuthorizationCacheEnabled", True, "remember what the central system said of a card"),
    Key("AuthorizeRemoteTxRequests", False, "ask for authorization also before a remote start"),
    Key("ClockAlignedDataInterval", 0, "clock-aligned meter values, 0 = none", "s", 0, 86400),
    Key("ConnectionTimeOut", 120, "how long a tapped card waits for the plug", "s", 10, 3600),
    Key("HeartbeatInterval", 900, "longest silence before a Heartbeat; the central system sets it", "s", 5, 86400),
    Key("LocalAuthListEnabled", True, "use the local list"),
    Key("LocalAuthorizeOffline", True, "offline, let the list and the cache authorize"),
    Key("LocalPreAuthorize", False, "online, start at once on a card of the list or the cache"),
    Key("MeterValueSampleInterval", 300, "meter values within a transaction, 0 = none", "s", 0, 86400),
    Key("MeterValuesSampledData", ",".join(MEASURANDS[:2]), "measurands of the samples, comma separated"),
    Key("MinimumStatusDuration", 1, "a status must last so long to be reported", "s", 0, 600),
    Key("StopTransactionOnInvalidId", True, "end a transaction whose card the central system refuses later"),
    Key("TransactionMessageAttempts", 3, "how often a refused transaction message is sent", "", 1, 100),
    Key("TransactionMessageRetryInterval", 60, "wait before it is sent again, times the attempts", "s", 0, 86400),
    Key("WebSocketPingInterval", 0, "WebSocket pings, 0 = none", "s", 0, _YEAR_S, access="reboot"),
    Key("SecurityProfile", 0, "0 none, 1 password, 2 TLS and password, 3 TLS with certificates", "", 0, 3),
    Key("CpoName", "", "the operator's name in the charge point's certificate", "", 0, 64),
    Key("AdditionalRootCertificateCheck", False, "several root certificates may stand side by side", access="ro"),
    Key("CertificateSignedMaxChainSize", 10000, "characters of a signed certificate chain", access="ro"),
    Key("CertificateStoreMaxLength", 20, "root certificates", access="ro"),
    Key("ConnectorPhaseRotation", "NotApplicable", "unknown to the agent", access="ro"),
    Key("GetConfigurationMaxKeys", 100, "keys in one GetConfiguration", access="ro"),
    Key("LocalAuthListMaxLength", 10000, "entries in the local list", access="ro"),
    Key("NumberOfConnectors", 1, "EVSEs of this station", access="ro"),
    Key("SendLocalListMaxLength", 500, "entries in one SendLocalList", access="ro"),
    Key("MeterValuesAlignedData", ",".join(MEASURANDS[:2]), "as MeterValuesSampledData", access="ro"),
    Key("ResetRetries", 0, "a reset is tried once", access="ro"),
    Key("StopTransactionOnEVSideDisconnect", True, "unplugging ends the transaction", access="ro"),
    Key("StopTxnAlignedData", "", "nothing is repeated in StopTransaction", access="ro"),
    Key("StopTxnSampledData", "", "nothing is repeated in StopTransaction", access="ro"),
    Key("SupportedFeatureProfiles", "Core,LocalAuthListManagement,RemoteTrigger", "what we speak", access="ro"),
    Key("UnlockConnectorOnEVSideDisconnect", False, "the boards known so far have no lock to open", access="ro"),
)


class ChangeStatus(StrEnum):
    """ConfigurationStatus (OCPP 1.6 §7.22)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


class Configuration:
    """The values in force. Texts in and out are as on the wire.

    Args:
        values: those that differ from the defaults; unknown names and values that don't fit are passed over.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._keys = {key.name: key for key in KEYS}
        self._values = {key.name: key.default for key in KEYS}
        for name, text in (values or {}).items():
            key = self._keys.get(name)
            value = _parse(key, text) if key else None
            if value is not None:
                self._values[name] = value

    def names(self) -> tuple[str, ...]:
        """Name all keys."""
        return tuple(self._values)

    def show(self, name: str, text: str) -> None:
        """Tell a value from now on that nobody can change, beside those of the table."""
        self._keys[name] = Key(name, text, "", access="ro")
        self._values[name] = text

    def flag(self, name: str) -> bool:
        """Give a value that is true or false."""
        return self._values[name] is True

    def number(self, name: str) -> int:
        """Give a whole number."""
        value = self._values[name]
        assert isinstance(value, int)  # noqa: S101  the table says so
        return value

    def texts(self, name: str) -> frozenset[str]:
        """Give a comma separated list."""
        return frozenset(str(self._values[name]).split(","))

    def is_read_only(self, name: str) -> bool:
        """Tell whether the central system can't change the key."""
        return self._keys[name].access == "ro"

    def text(self, name: str) -> str | None:
        """Give a value as on the wire, None if there is no such key."""
        value = self._values.get(name)
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    def judge(self, name: str, text: str) -> ChangeStatus:
        """Tell what a change would come to, without making it."""
        key = self._keys.get(name)
        if key is None:
            return ChangeStatus.NOT_SUPPORTED
        if key.access == "ro" or _parse(key, text) is None:
            return ChangeStatus.REJECTED
        return ChangeStatus.REBOOT_REQUIRED if key.access == "reboot" else ChangeStatus.ACCEPTED

    def change(self, name: str, text: str) -> None:
        """Put a value in force that `judge` has accepted; store it first."""
        value = _parse(self._keys[name], text)
        assert value is not None  # noqa: S101  judged before
        self._values[name] = value


def _parse(key: Key, text: str) -> bool | int | str | None:
    text = text.strip()
    if isinstance(key.default, bool):
        return {"true": True, "false": False}.get(text.lower())
    if isinstance(key.default, int):
        if not text.isdecimal() or not text.isascii():
            return None
        return int(text) if key.access == "ro" or key.low <= int(text) <= key.high else None
    if key.name == "MeterValuesSampledData":
        names = [name.strip() for name in text.split(",")]
        # Without the register a sample says nothing that could be billed.
        return ",".join(names) if MEASURANDS[0] in names and set(names) <= set(MEASURANDS) else None
    return text if key.high == 0 or len(text) <= key.high else None
