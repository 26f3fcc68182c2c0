"""Errors of the hardware.

HardwareError
 +-- LinkError          the line or device did not answer (now); trying again may help
 |    +-- PortError     the serial port itself is missing, busy or forbidden
 +-- DeviceError        the device answered and refuses, or what it says can't be right
      +-- SimError      the SIM: locked, missing, rejected; trying again may do harm

Every text is one line that names the port, the setting and what to try; it is shown to technicians as it is.
"""


class HardwareError(Exception):
    """Something of the hardware failed."""


class LinkError(HardwareError):
    """No answer, or a broken one. The caller may try again."""


class PortError(LinkError):
    """The serial port can't be opened or went away. The caller may try again after a pause."""


class DeviceError(HardwareError):
    """The device answered with a refusal, or with something that can't be right. Trying the same again is of no use."""


class SimError(DeviceError):
    """The SIM needs a person: PIN missing or wrong, PUK asked, no SIM."""
