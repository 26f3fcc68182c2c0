"""Whether the kernel's clock is kept by NTP: what chrony, ntpd and timesyncd tell the kernel, adjtimex(2)."""

import ctypes

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """The begin of struct timex of linux/timex.h; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


def is_synchronised() -> bool:
    """Ask the kernel; it only reads, so no rights are needed."""
    state = _Timex()
    result = ctypes.CDLL(None).adjtimex(ctypes.byref(state))
    return 0 <= result < _TIME_ERROR and not state.status & _STA_UNSYNC
