"""The configuration keys of OCPP 1.6 (§9, errata), as a table: exactly those that the agent obeys.

These names are those of the station whatever version it speaks; other versions map their variables to them. What only a
later version knows stands beside them, and is not told where 1.6 is spoken. A key that is in the table with access ro
is told and can't be changed. What is not in the table is not supported: there is no LightIntensity or BlinkRepeat,
because no board known so far lets them be set.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from station.core.charging_profile import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL

MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage", "Current.Offered")
"""What a meter value may hold, in the words of OCPP."""

AS_TOLD = -1
"""Of TxEndedInterval: what the end repeats are the samples that were told, as OCPP 1.6 has it."""

_YEAR_S = 366 * 86400
_WAITS = "MinimumStatusDuration"
"""Its 0 is no wait; elsewhere 0 is never."""
_USUAL = ",".join(MEASURANDS[:2])
_ROTATION = re.compile(r"(?:\d+\.)?(?:NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)")
_MOST_ROTATIONS = 100
_SPOKEN = "Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"
_START_POINT = "PowerPathClosed"
"""The one point at which a transaction begins: its first row must hold a register and a driver who may charge.

Authorized and EVConnected lie before that. A transaction that began there would be one without a begin of its energy
if the meter is silent or the program is cut just then, and one without a driver if nobody shows a card.
"""
_STOP_POINTS = frozenset({"Authorized", "EVConnected", "PowerPathClosed"})
_TIME_SOURCES = frozenset({"Heartbeat", "NTP", "RealTimeClock", "MobileNetwork"})


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key. The type of `default` is that of its values.

    Args:
        name: as on the wire.
        default: its value until somebody sets another.
        help: one line for people.
        unit: of a number.
        low: smallest number.
        high: largest number; of a text its length, 0 = any.
        access: rw, or ro = nobody changes it.
        lists: of what a comma separated list is made: measurands, rotations, or a name of _LISTS; empty = no list.
        is_set_elsewhere: its first value comes from another setting than that of its name.
        is_newer: OCPP 1.6 does not have it.
        at_start: a new value counts from the next start on.
    """

    name: str
    default: bool | int | str
    help: str
    unit: str = ""
    low: int = 0
    high: int = 0
    access: str = "rw"
    lists: str = ""
    is_set_elsewhere: bool = False
    is_newer: bool = False
    at_start: bool = False


_LISTS: Mapping[str, Callable[[list[str]], bool]] = {
    "start points": lambda names: names == [_START_POINT],
    "stop points": lambda names: set(names) <= _STOP_POINTS and bool({"Authorized", _START_POINT} & set(names)),
    "time sources": lambda names: bool(names) and set(names) <= _TIME_SOURCES,
    "slots": lambda names: bool(names) and all(len(name) < 3 and name.isdecimal() for name in names),
}
"""Which lists fit, by what they are made of. No name may stand in a list twice."""

KEYS: tuple[Key, ...] = (
    Key("AllowOfflineTxForUnknownId", False, "offline, let a card charge that nobody knows"),
    Key("AuthorizationCacheEnabled", True, "remember what the central system said of a card"),
    Key("AuthorizeRemoteTxRequests", False, "ask for authorization also before a remote start"),
    Key("ClockAlignedDataInterval", 0, "meter values at even times from 00:00 UTC, 0 = none", "s", 0, 86400),
    Key("ConnectionTimeOut", 120, "how long a tapped card waits for the plug", "s", 1, 3600),
    Key("ConnectorPhaseRotation", "NotApplicable", "how the EVSEs are wired, for instance 1.RST", lists="rotations"),
    Key("HeartbeatInterval", 900, "longest silence before a Heartbeat; the central system sets it", "s", 1, 86400),
    Key("LocalAuthListEnabled", True, "use the local list"),
    Key("LocalAuthorizeOffline", True, "offline, let the list and the cache authorize"),
    Key("LocalPreAuthorize", False, "online, start at once on a card of the list or the cache"),
    Key("MasterPassGroupId", "", "group of the cards that may end any charge and begin none; empty = none", "", 0, 36),
    Key("MaxEnergyOnInvalidId", 0, "energy that a card refused later still gets, 0 = none", "Wh", 0, 1_000_000),
    Key("MessageTimeout", 0, "an answer must come in this time", "s", 1, 600, is_set_elsewhere=True),
    Key("MeterValueSampleInterval", 300, "meter values within a transaction, 0 = none", "s", 0, 86400),
    Key("MeterValuesAlignedData", _USUAL, "measurands of clock-aligned values", lists="measurands"),
    Key("MeterValuesSampledData", _USUAL, "measurands of the samples, comma separated", lists="measurands"),
    Key("MinimumStatusDuration", 1, "a status must last so long to be reported", "s", 0, 600),
    Key("ResetRetries", 0, "how often a reset waits once more for charges to end", "", 0, 10),
    Key("StopTransactionMaxMeterValues", 100, "samples repeated at the end; more are thinned", "", 2, 500),
    Key("StopTransactionOnEVSideDisconnect", True, "unplugging ends the transaction"),
    Key("StopTransactionOnInvalidId", True, "end a transaction whose card the central system refuses later"),
    Key("StopTxnAlignedData", "", "clock-aligned measurands repeated at the end, empty = none", lists="measurands"),
    Key("StopTxnSampledData", "", "sampled measurands repeated at the end, empty = none", lists="measurands"),
    Key("TransactionMessageAttempts", 3, "how often a refused transaction message is sent", "", 1, 100),
    Key("TransactionMessageRetryInterval", 60, "wait before it is sent again, times the attempts", "s", 0, 86400),
    Key("UnlockConnectorOnEVSideDisconnect", True, "let go of the plug when the vehicle is unplugged"),
    Key("WebSocketPingInterval", 900, "longest silence before a WebSocket ping, 0 = none", "s", 0, _YEAR_S),
    Key("SecurityProfile", 0, "0 none, 1 password, 2 TLS and password, 3 TLS with certificates", "", 0, 3),
    Key("CpoName", "", "the operator's name in the charge point's certificate", "", 0, 64),
    Key("AdditionalRootCertificateCheck", False, "several root certificates may stand side by side", access="ro"),
    Key("CertificateSignedMaxChainSize", 10000, "characters of a signed certificate chain", access="ro"),
    Key("CertificateStoreMaxLength", 20, "root certificates", access="ro"),
    Key("ChargeProfileMaxStackLevel", MAX_STACK_LEVEL, "highest stack level of a charging profile", access="ro"),
    Key("ChargingScheduleAllowedChargingRateUnit", "Current,Power", "units of a schedule", access="ro"),
    Key("ChargingScheduleMaxPeriods", MAX_PERIODS, "periods of one schedule", access="ro"),
    Key("ConnectorPhaseRotationMaxLength", _MOST_ROTATIONS, "entries of ConnectorPhaseRotation", access="ro"),
    Key("ConnectorSwitch3to1PhaseSupported", False, "whether a charge may go from three phases to one", access="ro"),
    Key("GetConfigurationMaxKeys", 100, "keys in one GetConfiguration", access="ro"),
    Key("LocalAuthListMaxLength", 10000, "entries in the local list", access="ro"),
    Key("MaxChargingProfilesInstalled", MAX_PROFILES, "charging profiles kept at one time", access="ro"),
    Key("MeterValuesAlignedDataMaxLength", len(MEASURANDS), "entries of the key of that name", access="ro"),
    Key("MeterValuesSampledDataMaxLength", len(MEASURANDS), "entries of the key of that name", access="ro"),
    Key("NumberOfConnectors", 1, "EVSEs of this station", access="ro"),
    Key("ReserveConnectorZeroSupported", False, "a reservation names its EVSE", access="ro"),
    Key("SendLocalListMaxLength", 500, "entries in one SendLocalList", access="ro"),
    Key("StopTxnAlignedDataMaxLength", len(MEASURANDS), "entries of the key of that name", access="ro"),
    Key("StopTxnSampledDataMaxLength", len(MEASURANDS), "entries of the key of that name", access="ro"),
    Key("SupportedFeatureProfiles", _SPOKEN, "feature profiles of OCPP 1.6 that are spoken", access="ro"),
    Key("SupportedFileTransferProtocols", "HTTP,HTTPS", "for firmware and logs", access="ro"),
    Key("SupportedFeatureProfilesMaxLength", 6, "entries of SupportedFeatureProfiles", access="ro"),
    Key("AuthCacheLifeTime", 0, "what was said of a card holds so long, 0 = no end", "s", 0, _YEAR_S, is_newer=True),
    Key("Currency", "EUR", "of the cost that the central system tells", "", 0, 3, is_newer=True),
    Key(
        "NetworkConfigurationPriority",
        "0",
        "slots of the ways to the central system, the best first; 0 = that of the file",
        lists="slots",
        is_newer=True,
        at_start=True,
    ),
    Key("NetworkProfileConnectionAttempts", 3, "failures before the next way is tried", "", 1, 100, is_newer=True),
    Key("OfflineThreshold", 60, "offline for longer: all states are told again", "s", 0, _YEAR_S, is_newer=True),
    Key("RetryBackOffRandomRange", 10, "random part of it", "s", 0, 3600, is_set_elsewhere=True, is_newer=True),
    Key("RetryBackOffRepeatTimes", 3, "how often it doubles", "", 0, 12, is_set_elsewhere=True, is_newer=True),
    Key("RetryBackOffWaitMinimum", 3, "wait before a connection", "s", 0, 3600, is_set_elsewhere=True, is_newer=True),
    Key(
        "TimeSource",
        "Heartbeat,MobileNetwork,RealTimeClock",
        "who tells the time, the best first",
        lists="time sources",
        is_set_elsewhere=True,
        is_newer=True,
        at_start=True,
    ),
    Key("TxBeforeAcceptedEnabled", True, "charge before the central system has accepted the station", is_newer=True),
    Key("TxEndedInterval", AS_TOLD, "samples repeated at the end; -1 = those told", "s", 0, 86400, is_newer=True),
    Key("TxStartPoint", _START_POINT, "what begins a transaction", lists="start points", is_newer=True),
    Key("TxStartedMeasurands", MEASURANDS[0], "measurands of the begin", lists="measurands", is_newer=True),
    Key(
        "TxStopPoint",
        "Authorized",
        "what ends it, beside StopTransactionOnEVSideDisconnect",
        lists="stop points",
        is_newer=True,
    ),
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
        tells_newer: whether keys that OCPP 1.6 does not have are told and changed.
    """

    def __init__(self, values: Mapping[str, str] | None = None, *, tells_newer: bool = False) -> None:
        self._tells_newer = tells_newer
        self._least: Mapping[str, int] = {}
        self._only: Mapping[str, str] = {}
        self._keys = {key.name: key for key in KEYS}
        self._values = {key.name: key.default for key in KEYS}
        for name, text in (values or {}).items():
            key = self._keys.get(name)
            value = _parse(key, text) if key else None
            if value is not None:
                self._values[name] = value

    def economise(self, least: Mapping[str, int], only: Mapping[str, str]) -> None:
        """Have numbers count as no less, and lists as another, from now on; what is told of the keys stays as it is."""
        self._least, self._only = least, only

    def names(self) -> tuple[str, ...]:
        """Name all keys that the version spoken knows."""
        return tuple(name for name in self._values if self._tells_newer or not self._keys[name].is_newer)

    def show(self, name: str, text: str) -> None:
        """Tell a value from now on that nobody can change, beside those of the table."""
        self._keys[name] = Key(name, text, "", access="ro")
        self._values[name] = text

    def fix(self, name: str, value: bool | int | str) -> None:
        """Hold a key of the table at a value from now on: what the hardware lacks can't be changed."""
        key = self._keys[name]
        self._keys[name] = Key(name, value, key.help, key.unit, access="ro")
        self._values[name] = value

    def flag(self, name: str) -> bool:
        """Give a value that is true or false."""
        return self._values[name] is True

    def number(self, name: str) -> int:
        """Give a whole number."""
        value = self._values[name]
        assert isinstance(value, int)  # noqa: S101  the table says so
        return max(value, self._least.get(name, value)) if value > 0 or name == _WAITS else value

    def ordered(self, name: str) -> tuple[str, ...]:
        """Give a comma separated list in its order."""
        return tuple(filter(None, self._only.get(name, str(self._values[name])).split(",")))

    def texts(self, name: str) -> frozenset[str]:
        """Give a comma separated list."""
        return frozenset(self.ordered(name))

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
        if key is None or (key.is_newer and not self._tells_newer):
            return ChangeStatus.NOT_SUPPORTED
        if self.objection(name, text):
            return ChangeStatus.REJECTED
        return ChangeStatus.REBOOT_REQUIRED if key.at_start else ChangeStatus.ACCEPTED

    def objection(self, name: str, text: str) -> str:
        """Say why a key of the table can't take a value; empty if it can."""
        key = self._keys[name]
        if key.access == "ro":
            return "the key is read-only here"
        if _parse(key, text) is not None:
            return ""
        if isinstance(key.default, bool):
            return "the value is neither true nor false"
        if isinstance(key.default, int):
            return f"the value is no whole number from {key.low} to {key.high}"
        if not key.lists:
            return f"the value has more than {key.high} characters"
        if key.lists == "measurands":
            needs = "" if key.default == "" else f", always with {MEASURANDS[0]}"
            return f"the station gives {', '.join(MEASURANDS)} only{needs}"
        if key.lists in _LISTS:
            return f"the station can't do that with these {key.lists}"
        return "the value is no list of phase rotations such as 1.RST"

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
    if not key.lists:
        return text if key.high == 0 or len(text) <= key.high else None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if key.lists == "rotations":
        fits = 0 < len(names) <= _MOST_ROTATIONS and all(_ROTATION.fullmatch(name) for name in names)
        return ",".join(names) if fits else None
    if key.lists in _LISTS:
        return ",".join(names) if len(set(names)) == len(names) and _LISTS[key.lists](names) else None
    # Without the register a sample says nothing that could be billed. What is repeated at the end may be nothing.
    is_complete = MEASURANDS[0] in names or (key.default == "" and not names)
    return ",".join(names) if is_complete and set(names) <= set(MEASURANDS) else None
