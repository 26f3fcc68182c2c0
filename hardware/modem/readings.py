"""What a modem's answers mean. Pure; an answer that makes no sense is None, never a guess."""

import re
from datetime import UTC, datetime, timedelta

from hardware.api import RadioQuality, Registration

_REGISTRATIONS = {
    0: Registration.NOT_SEARCHING,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    4: Registration.UNKNOWN,
    5: Registration.ROAMING,
    6: Registration.SEARCHING,
    7: Registration.SEARCHING,
    8: Registration.SEARCHING,
    9: Registration.HOME,
    10: Registration.ROAMING,
}
"""27.007 §7.2. 6 and 7 (SMS only) and 8 (emergency only) carry no data: as good as searching. 9, 10: data preferred."""

_BEST_FIRST = (
    Registration.HOME,
    Registration.ROAMING,
    Registration.DENIED,
    Registration.SEARCHING,
    Registration.UNKNOWN,
    Registration.NOT_SEARCHING,
)
_CLOCK = re.compile(r'"?(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d{1,2})?"?')
_FIRST_YEAR = 24
"""Modems that were never set show 1970, 1980, 2004 and the like; none of ours was built before 2024."""
_LAST_YEAR = 69
_SIM_RETRIES = re.compile(r"63C([0-9A-F])", re.IGNORECASE)


def registration(stat: int) -> Registration:
    """Read `<stat>` of +CREG, +CGREG, +CEREG."""
    return _REGISTRATIONS.get(stat, Registration.UNKNOWN)


def best_registration(domains: list[Registration]) -> Registration:
    """Sum up the domains: LTE parts may say 0 for two of the three and be fine."""
    return min(domains, key=_BEST_FIRST.index, default=Registration.UNKNOWN)


def signal_dbm(rssi: int) -> int | None:
    """Read `<rssi>` of +CSQ, dBm (27.007 §8.5; 100 to 191 as LTE parts of some vendors count)."""
    if 0 <= rssi <= 31:
        return -113 + 2 * rssi
    return -116 + rssi - 100 if 100 <= rssi <= 191 else None


_TECHNOLOGIES = {0: "GSM", 1: "GSM", 2: "UMTS", 3: "EDGE", 4: "HSDPA", 5: "HSUPA", 6: "HSPA", 7: "LTE", 8: "EC-GSM-IoT"}
"""`<AcT>` of +COPS (27.007 §7.3)."""
_LATER_TECHNOLOGIES = {9: "NB-IoT", 10: "LTE", 11: "NR", 12: "NR", 13: "LTE"}
_UNKNOWN = 255


def technology(act: int) -> str:
    """Read `<AcT>` of +COPS; empty if it is none that is known."""
    return (_TECHNOLOGIES | _LATER_TECHNOLOGIES).get(act, "")


def quality(line: str) -> RadioQuality:
    """Read +CESQ (27.007 §8.69) or Quectel's +QCSQ: dBm and dB; what is not told stays None."""
    name, _, rest = line.partition(":")
    parts = [part.strip(' "') for part in rest.split(",")]
    numbers = [int(part) if re.fullmatch(r"-?\d{1,4}", part) else None for part in parts]
    if name == "+CESQ" and len(numbers) >= 6:
        rsrq, rsrp = numbers[4], numbers[5]
        return RadioQuality(
            rsrp_dbm=None if rsrp is None or rsrp == _UNKNOWN else rsrp - 140.0,
            rsrq_db=None if rsrq is None or rsrq == _UNKNOWN else rsrq / 2 - 19.5,
        )
    if name == "+QCSQ" and len(numbers) >= 5 and "LTE" in parts[0].upper():
        _, _, rsrp, sinr, rsrq = numbers[:5]
        return RadioQuality(rsrp_dbm=rsrp, rsrq_db=rsrq, sinr_db=None if sinr is None else sinr / 5 - 20)
    return RadioQuality()


def network_time(text: str) -> datetime | None:
    """Read +CCLK, local time with its zone in quarters of an hour (27.007 §8.15); None when it was never set."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return local - timedelta(minutes=15 * int(match[7] or 0))


def iccid(digits: str) -> str:
    """Normalise an ICCID: some modems swap the digits of each byte, as the card stores them. Empty if it is none."""
    swapped = "".join(digits[i : i + 2][::-1] for i in range(0, len(digits), 2))
    for form in (digits.upper(), swapped.upper()):
        if form.startswith("89"):
            return form.rstrip("F")
    return ""


def pin_tries(status_word: str) -> int | None:
    """Read the tries left from the status word of an empty VERIFY: 63Cx; 6983 = blocked (ETSI TS 102 221 §10.2.1)."""
    if status_word == "6983":
        return 0
    match = _SIM_RETRIES.fullmatch(status_word)
    return int(match[1], 16) if match else None
