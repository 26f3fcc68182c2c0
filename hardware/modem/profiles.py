"""Families of modems as data: a new one is a table here and a recorded transcript in tests/cases.

Texts in braces are filled in when a command is sent. Patterns match a whole line. What a family does not say is generic
3GPP TS 27.007. Time-outs are link time; where 27.007 gives none they are those of the vendor's AT manual.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hardware.errors import DeviceError
from hardware.modem.at_session import Request


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a family.

    Args:
        text: the command, with `{name}` where a value goes.
        response: see Request.
        timeout_s: see Request.
        finals: see Request.
        final_may_lack: see Request.
        is_secret: see Request.
    """

    text: str
    response: str = ""
    timeout_s: float = 3.0
    finals: Mapping[str, bool] = field(default_factory=dict)
    final_may_lack: bool = False
    is_secret: bool = False

    def request(self, payload: bytes = b"", **values: str | int) -> Request:
        """Fill in the values.

        Raises:
            DeviceError: a value holds a character that can't stand in a command.
        """
        for name, value in values.items():
            if not re.fullmatch(r"[!#-~]*", str(value)):
                raise DeviceError(f"{name} can't be sent to a modem: use printable ASCII without blanks and quotes")
        return Request(
            self.text.format_map(values),
            self.response,
            self.timeout_s,
            payload,
            self.finals,
            self.final_may_lack,
            self.is_secret,
        )


@dataclass(frozen=True, slots=True)
class SocketDialect:
    """TCP by AT commands, one connection, received bytes kept in the modem until they are read.

    Args:
        open: with `{host}` and `{port}`; its OK only says that it begins.
        opened: line that tells the result; group `error` is 0 when the connection stands.
        opened_within_s: longest wait for that line.
        is_open: a query that answers with a line when the connection stands, should that line have been lost.
        send: with `{size}`; the payload goes behind its prompt. A final of its own that means failure: buffer is full.
        send_max: most bytes in one `send`.
        read: with `{size}`; the answer's payload is what was received, none when all has been read.
        read_max: most bytes in one `read`.
        close: closes the connection, if there is one.
        received: line that says that there is something to read. It is not repeated before all has been read.
        closed: line that says that the peer or the network ended the connection.
    """

    open: Command
    opened: str
    opened_within_s: float
    is_open: Command
    send: Command
    send_max: int
    read: Command
    read_max: int
    close: Command
    received: str
    closed: str


@dataclass(frozen=True, slots=True)
class ContextDialect:
    """The packet data context.

    Args:
        define: commands that set it up, with `{apn}`, `{user}`, `{password}` and `{auth}`: 3 = PAP or CHAP, 0 = none.
        is_active: a query that answers with a line when the context is active.
        activate: brings it up.
        deactivate: takes it down; needed after the network took it, before `activate` works again.
        lost: line that says that the network took it.
    """

    define: tuple[Command, ...]
    is_active: Command
    activate: Command
    deactivate: Command
    lost: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A family.

    Args:
        name: of the family.
        models: pattern of what `+CGMM` answers.
        gap_s: least time between an answer and the next command.
        set_up: commands after the first contact; refused ones are passed over, since firmwares lack some.
        iccid: answers with the ICCID of the SIM, group 1 of its response, also while the SIM is locked.
        pin_counter: answers with the tries left for the PIN, group 1 of its response, without costing one.
        restarted: lines that say that the modem has restarted by itself or is switching off.
        never_answers: lines without prefix that are never part of an answer.
        payload_headers: lines behind which payload follows, group 1 is its size.
        quality: answers with the finer figures of the signal, as `readings.quality` reads them.
        context: None where we know none.
        sockets: None where we know none.
    """

    name: str
    models: str
    gap_s: float
    set_up: tuple[Command, ...]
    iccid: Command
    pin_counter: Command
    restarted: str
    never_answers: str
    payload_headers: tuple[str, ...] = ()
    context: ContextDialect | None = None
    sockets: SocketDialect | None = None
    quality: Command = Command("AT+CESQ", r"\+CESQ: ?.+")


_BARE = r"[^+*#^].*"
"""Answers without prefix: any line that does not begin like an unsolicited one."""

AT = Command("AT", timeout_s=0.5, finals={"OK": True, "0": True})
"""`0` is OK of a modem that was left with ATV0."""
ECHO_OFF = Command("ATE0", finals={"OK": True, "0": True})
VERBOSE = Command("ATV1", finals={"OK": True, "0": True})
NUMBERED_ERRORS = Command("AT+CMEE=1")
MANUFACTURER = Command("AT+CGMI", _BARE)
MODEL = Command("AT+CGMM", _BARE)
REVISION = Command("AT+CGMR", _BARE)
IMEI = Command("AT+CGSN", r"(?:\+CGSN: ?)?\"?(\d{15,17})\"?")
IMSI = Command("AT+CIMI", r"(?:\+CIMI: ?)?\"?(\d{14,15})\"?")
SIM_STATE = Command("AT+CPIN?", r"\+CPIN: ?(.+)", 10.0, final_may_lack=True)
ENTER_PIN = Command('AT+CPIN="{pin}"', timeout_s=10.0, is_secret=True)
EMPTY_VERIFY = Command('AT+CSIM=10,"0020000100"', r'\+CSIM: ?4, ?"([0-9A-Fa-f]{4})"', 10.0)
"""Asks the card itself for the tries left: VERIFY without a PIN costs none (ETSI TS 102 221 §11.1.9)."""
REGISTRATIONS = tuple(
    Command(f"AT+{name}?", rf"\+{name}: ?\d{{1,3}}, ?(\d{{1,3}})(?:,.*)?") for name in ("CEREG", "CGREG", "CREG")
)
"""A second number of up to three digits makes it the answer; unsolicited, the area code stands there, or nothing."""
OPERATOR = Command("AT+COPS?", r'\+COPS: ?\d(?:, ?\d, ?"([^"]*)".*)?', 10.0)
SIGNAL = Command("AT+CSQ", r"\+CSQ: ?(\d{1,3}), ?\d{1,3}")
NETWORK_TIME = Command("AT+CCLK?", r"\+CCLK: ?(.+)")
IS_ATTACHED = Command("AT+CGATT?", r"\+CGATT: ?([01])")
ATTACH = Command("AT+CGATT=1", timeout_s=75.0)
TECHNOLOGY = Command("AT+COPS?", r'\+COPS: ?\d, ?\d, ?"[^"]*", ?(\d{1,2})', 10.0)
CELL = Command("AT+CEREG?", r'\+CEREG: ?2, ?\d{1,2}, ?"?[0-9A-Fa-f]+"?, ?"?([0-9A-Fa-f]+)"?.*')
LAST_CAUSE = Command("AT+CEER", r"\+CEER: ?(.+)")
RADIO_OFF = Command("AT+CFUN=4", timeout_s=15.0)
RADIO_ON = Command("AT+CFUN=1", timeout_s=15.0)
RESTART = Command("AT+CFUN=1,1", timeout_s=15.0)

GENERIC = Profile(
    name="generic",
    models=".*",
    gap_s=0.1,
    set_up=(Command("AT+CREG=1"), Command("AT+CEREG=2"), Command("AT+CTZU=1"), Command("AT+CPSMS=0")),
    iccid=Command("AT+CCID", r'(?:\+I?CCID: ?)?"?([0-9A-Fa-f]{19,22})"?'),
    pin_counter=Command("AT+CPINR", r"\+CPINRE?: ?SIM PIN, ?(\d+).*"),
    restarted=r"RDY|NORMAL POWER DOWN|POWERED DOWN",
    never_answers=r"RDY|(?:NORMAL |UNDER-VOLTAGE )?POWER(?:ED)? DOWN|Call Ready|SMS Ready|(?:SMS|PB) DONE|RING|APP RDY"
    r"|VOICE CALL:.*|MISSED_CALL:.*|(?:UNDER|OVER)-VOLTAGE WARNN?ING|DST:.*",
)

QUECTEL_EC25 = replace(
    GENERIC,
    name="Quectel EC2x",
    models=r"(?:EC2[015]|EG25|EG91|EG95).*",
    gap_s=0.0,
    iccid=Command("AT+QCCID", r"\+QCCID: ?([0-9A-Fa-f]{19,22})"),
    pin_counter=Command("AT+QPINC?", r'\+QPINC: ?"SC", ?(\d+).*|\+QPINC: ?"P2".*'),
    payload_headers=(r"\+QIRD: ?(\d{1,4})",),
    quality=Command("AT+QCSQ", r"\+QCSQ: ?.+"),
    context=ContextDialect(
        define=(
            Command('AT+CGDCONT=1,"IP","{apn}"'),
            Command('AT+QICSGP=1,1,"{apn}","{user}","{password}",{auth}', is_secret=True),
        ),
        is_active=Command("AT+QIACT?", r"\+QIACT: ?1, ?1,.*"),
        activate=Command("AT+QIACT=1", timeout_s=150.0),
        deactivate=Command("AT+QIDEACT=1", timeout_s=40.0),
        lost=r'\+QIURC: ?"pdpdeact", ?1',
    ),
    sockets=SocketDialect(
        open=Command('AT+QIOPEN=1,0,"TCP","{host}",{port},0,0'),
        opened=r"\+QIOPEN: ?0, ?(?P<error>\d+)",
        opened_within_s=150.0,
        is_open=Command("AT+QISTATE=1,0", r'\+QISTATE: ?0,"TCP","[^"]*",\d+,\d+,2,.*'),
        send=Command("AT+QISEND=0,{size}", timeout_s=10.0, finals={"SEND OK": True, "SEND FAIL": False}),
        send_max=1460,
        read=Command("AT+QIRD=0,{size}", r"\+QIRD: ?\d{1,4}"),
        read_max=1500,
        close=Command("AT+QICLOSE=0,1", timeout_s=15.0),
        received=r'\+QIURC: ?"recv", ?0',
        closed=r'\+QIURC: ?"closed", ?0',
    ),
)
"""Buffer access mode: `+QIURC: "recv"` announces, `+QIRD` fetches (Quectel EC2x TCP/IP AT commands manual)."""

FAMILIES = (QUECTEL_EC25,)


def profile_of(model: str) -> Profile:
    """Find the family of a model as `+CGMM` names it; the generic one where none fits."""
    return next((family for family in FAMILIES if re.fullmatch(family.models, model)), GENERIC)
