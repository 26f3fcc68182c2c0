"""The story: two charges on one evening, bad coverage, a killed agent, one invoice. Each claim is checked when told.

The driver acts through the simulator's control port as a person would: plugs, taps, looks, and taps again if nothing
happened. So the story also holds when programs are killed in between; they are supervised and come back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from hardware.rfid.presence import PRESENCE_S
from shared.clock import Clock
from shared.units import Wh, kwh
from simulators.demo.narrator import Narrator
from simulators.demo.programs import Program
from simulators.demo.world import ClaimError, Json, World, until

T = TypeVar("T")

CARD = "04A1B2C3D4"
CUSTOMER = "Musterbau GmbH"
_GOOD_SIGNAL_DBM = -71
_SOME_ENERGY = 2_500
"""Wh: a quarter of an hour at 11 kW."""

_PATIENCE_S = 20.0
"""How long a step may take, link time. Steps take a second or two; a slow machine or a killed program needs more."""

_CARD_AWAY_S = PRESENCE_S + 0.2

_CLOCK_TOLERANCE = timedelta(minutes=20)
"""Of the station's clock, world time: three seconds of link time at 400 times the speed."""


@dataclass(slots=True)
class Story:
    """Tells and checks.

    Args:
        world: what it looks at and touches.
        clock: world time.
        station: the agent's process.
        narrator: who tells.
        night: world time at which the night price begins.
        month_end: world time at which the month ends and invoices are due.
    """

    world: World
    clock: Clock
    station: Program
    narrator: Narrator
    night: datetime
    month_end: datetime
    invoice_file: Path
    _register_before: Wh = field(default=Wh(0), init=False)
    _may_tap_at: float = field(default=0.0, init=False)
    _plugged_between: tuple[datetime, datetime] = field(init=False)

    async def tell(self) -> None:
        """Tell the whole story.

        Raises:
            ClaimError: a claim does not hold.
        """
        self._register_before = Wh((await self._sees(self.world.evse, "the simulator answers"))["register_wh"])
        await self._first_charge_offline()
        await self._coverage_comes()
        await self._first_charge_ends()
        await self._second_charge_begins_online()
        await self._agent_is_killed_in_the_dead_spot()
        await self._second_charge_ends_offline()
        await self._coverage_returns()
        await self._month_ends()

    async def _first_charge_offline(self) -> None:
        self.narrator.chapter("A charge where there is no coverage")
        modem = (await self.world.state())["modem"]
        _claim(not modem["registered"], "the modem finds no network at boot")
        self.narrator.confirm("the station boots; its modem answers over AT and finds no network")
        before = self.clock.utc()
        await self._plug_and_tap()
        self._plugged_between = before, self.clock.utc()
        await self._logged("authorized", "the card is authorised from the local list", source="local_list")
        self.narrator.confirm(f"a driver plugs in and taps card ***{CARD[-2:]}: authorised offline from the local list")
        await self._sees(self._charged(1), "energy flows and the meter's register rises")
        transactions = await self._transactions()
        _claim(not transactions, "the backend knows nothing of it yet")
        evse = await self.world.evse()
        self.narrator.confirm(
            f"charging with {evse['power_w'] / 1000:.1f} kW, register {_kwh(evse['register_wh'])}; "
            "the backend knows nothing yet"
        )

    async def _coverage_comes(self) -> None:
        self.narrator.chapter("Coverage comes")
        await self.world.act("coverage", dbm=_GOOD_SIGNAL_DBM)
        await self._logged("clock_set", "the station learns the time")
        first = await self._sees(self._transaction(0), "the backlog arrives: the backend has the transaction")
        modem = (await self.world.state())["modem"]
        _claim(modem["bytes_sent"] > 0 and modem["bytes_received"] > 0, "OCPP crosses the modem's serial line")
        self.narrator.confirm(
            f"registered at {_GOOD_SIGNAL_DBM} dBm; OCPP runs through the modem's serial line "
            f"({modem['bytes_sent'] + modem['bytes_received']} bytes so far)"
        )
        began = _time(first["started_at"])
        earliest, latest = self._plugged_between
        _claim(
            earliest - _CLOCK_TOLERANCE < began < latest + _CLOCK_TOLERANCE,
            f"its begin has the true time, not {first['started_at']}",
        )
        self.narrator.confirm(
            f"clock set, backlog delivered: transaction {first['id']} began {_ago(self.clock.utc() - began)} ago "
            f"at {_kwh(first['meter_start_wh'])}"
        )

    async def _first_charge_ends(self) -> None:
        self.narrator.chapter("The charge ends")
        await self._sees(self._charged(_SOME_ENERGY), "the charge goes on")
        await self._tap_until(closed=False)
        ended = await self._sees(self._transaction(0, ended=True), "the backend has the end of the first charge")
        register = (await self.world.evse())["register_wh"]
        _claim(
            ended["meter_stop_wh"] == register,
            f"its end is the meter's register {register}, not {ended['meter_stop_wh']}",
        )
        await self.world.act("unplug", evse=1)
        self.narrator.confirm(
            f"the driver taps again and leaves with {_kwh(ended['energy_wh'])}; register {_kwh(register)}"
        )

    async def _second_charge_begins_online(self) -> None:
        self.narrator.chapter("A second charge, online")
        await self._plug_and_tap()
        await self._sees(self._transaction(1), "the backend has the second transaction at once")
        self.narrator.confirm("authorised by the backend, transaction open on both sides")

    async def _agent_is_killed_in_the_dead_spot(self) -> None:
        self.narrator.chapter("Coverage is lost, the agent is killed")
        await self.world.act("coverage", dbm=None)
        self.narrator.tell("no network any more, the connection is half-open")
        await self._sees(self._charged(_SOME_ENERGY), "the charge goes on without coverage")
        pid, seen = self.station.pid, len(self.station.facts)
        self.station.kill()
        self.narrator.tell(f"the agent (process {pid}) is killed with SIGKILL; the supervisor starts it again")
        await self._logged("transaction_resumed", "the agent finds the open transaction in its journal", since=seen)
        evse = await self.world.evse()
        _claim(evse["contactor_closed"], "the vehicle was never disconnected")
        await self._sees(self._charged(1), "the charge goes on after the restart")
        self.narrator.confirm(f"the same transaction goes on, register {_kwh(evse['register_wh'])}")

    async def _second_charge_ends_offline(self) -> None:
        self.narrator.tell(f"the night price begins at {self.narrator.local(self.night)}; the vehicle charges on")
        await self._sees(self._later_than(self.night + timedelta(minutes=40)), "night comes", timeout_s=90.0)
        await self._tap_until(closed=False)
        await self.world.act("unplug", evse=1)
        second = await self._sees(self._transaction(1), "the backend knows the second transaction")
        _claim(second["ended_at"] is None, "the backend can't know of the end yet")
        self.narrator.confirm("the charge ends offline; for the backend it is still running")

    async def _coverage_returns(self) -> None:
        self.narrator.chapter("Coverage returns")
        await self.world.act("coverage", dbm=_GOOD_SIGNAL_DBM)
        await self._sees(
            self._transaction(1, ended=True), "the backlog arrives: the backend has the end", timeout_s=45.0
        )
        await self._sees(self._all_rated, "both transactions are rated")
        transactions = await self._transactions()
        _claim(len(transactions) == 2, f"the backend holds exactly two transactions, not {len(transactions)}")
        register = Wh((await self.world.evse())["register_wh"])
        energy = sum(t["meter_stop_wh"] - t["meter_start_wh"] for t in transactions)
        _claim(
            energy == register - self._register_before,
            f"meter {register - self._register_before} Wh, backend {energy} Wh",
        )
        self.narrator.confirm(f"exactly two transactions, {_kwh(energy)}: no Wh lost, none twice")

    async def _month_ends(self) -> None:
        self.narrator.chapter("The month ends")
        self.narrator.tell(f"invoices are due at {self.narrator.local(self.month_end)}; nobody presses a button")
        await self._sees(self._later_than(self.month_end), "the month ends", timeout_s=120.0)
        invoices = await self._sees(self._invoices, "an invoice is issued by itself", timeout_s=45.0)
        _claim(len(invoices) == 1, f"one invoice, not {len(invoices)}")
        detail = await self.world.api(f"invoices/{invoices[0]['number']}")
        invoice = detail["summary"]
        self.narrator.confirm(f"invoice {invoice['number']} to {CUSTOMER}: {_amount(invoice, 'total_gross')}")
        mail = await self._sees(self._mail, "the invoice arrives in the customer's mailbox", timeout_s=45.0)
        pdf = _attachment(mail)
        _claim(pdf.startswith(b"%PDF-"), "the attachment is a PDF")
        self.invoice_file.write_bytes(pdf)
        self.narrator.confirm(f"mailed to {mail['To']}: {mail['Subject'].strip()}")
        await self._summary(invoice, detail["lines"])

    async def _summary(self, invoice: Json, lines: list[Json]) -> None:
        after = Wh((await self.world.evse())["register_wh"])
        counted = kwh(Wh(after - self._register_before))
        invoiced = sum((Decimal(line["quantity"]) for line in lines if line["unit"] == "KWH"), Decimal())
        net = sum((Decimal(line["net"]) for line in lines), Decimal())
        rows = [("register before", _kwh(self._register_before)), ("register after", _kwh(after))]
        rows.append(("counted by the meter", f"{counted} kWh"))
        rows += [
            (
                f"  {line['text']} (transaction {line['transaction_id']})",
                f"{line['quantity']} kWh x {line['unit_price']}",
            )
            for line in lines
        ]
        rows += [("invoiced", f"{invoiced} kWh"), ("net", _amount(invoice, "total_net"))]
        rows.append(("gross", _amount(invoice, "total_gross")))
        self.narrator.table("Meter and invoice", rows)
        late = [row for row in await self._transactions() if _time(row["started_at"]) >= self.month_end]
        if late:
            counted -= kwh(Wh(sum(row["energy_wh"] for row in late)))
            self.narrator.warn("so much was killed that a charge began after midnight: it is due next month")
        prices = sorted({line["unit_price"] for line in lines})
        _claim(len(prices) == 2 or bool(late), f"the invoice has a day and a night price, not {prices}")
        _claim(invoiced == counted, f"the meter counted {counted} kWh and {invoiced} kWh were invoiced")
        _claim(net == Decimal(invoice["total_net"]), f"the lines sum to the invoice's net amount, not to {net}")
        self.narrator.confirm(f"every Wh of the meter is on the invoice, once. The PDF: {self.invoice_file}")

    # What the driver does.

    async def _plug_and_tap(self) -> None:
        await self.world.act("plug", evse=1)
        await self._tap_until(closed=True)

    async def _tap(self) -> None:
        """Hold the card to the reader, no sooner than the reader takes it for a new presentation."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._may_tap_at - loop.time())
        await self.world.act("tag", token=CARD)
        self._may_tap_at = loop.time() + _CARD_AWAY_S

    async def _tap_until(self, *, closed: bool) -> None:
        """Tap the card; tap again only if nothing has happened for a while, as a driver would."""

        async def contactor() -> bool:
            return bool((await self.world.evse())["contactor_closed"]) is closed

        wish = "charging starts" if closed else "charging stops"
        for patience_s in (3.5, 5.0, _PATIENCE_S):
            await self._tap()
            try:
                await until(f"the card is tapped and {wish}", contactor, patience_s)
            except ClaimError:
                if patience_s == _PATIENCE_S:
                    raise
                self.narrator.warn("nothing happened; the driver taps again")
            else:
                return

    # What is looked at. Each gives something true when it has come true.

    async def _sees(self, probe: Callable[[], Awaitable[T | None]], claim: str, timeout_s: float = _PATIENCE_S) -> T:
        return await until(claim, probe, timeout_s)

    async def _logged(self, event: str, claim: str, since: int = 0, **fields: str) -> None:
        try:
            fact = await self.station.fact(event, since, _PATIENCE_S)
        except TimeoutError as error:
            raise ClaimError(f"{claim} (the agent did not log {event})") from error
        for name, value in fields.items():
            _claim(fact.fields.get(name) == value, f"{claim}: {name} is {value}, not {fact.fields.get(name)}")

    async def _transactions(self) -> list[Json]:
        return sorted(await self.world.api("transactions"), key=lambda row: int(row["id"]))

    def _transaction(self, index: int, *, ended: bool = False) -> Callable[[], Awaitable[Json | None]]:
        async def probe() -> Json | None:
            rows = await self._transactions()
            return rows[index] if len(rows) > index and (rows[index]["ended_at"] or not ended) else None

        return probe

    def _charged(self, energy: int) -> Callable[[], Awaitable[bool]]:
        """Look whether so much more has been charged since the first look."""
        target: list[int] = []

        async def probe() -> bool:
            register = int((await self.world.evse())["register_wh"])
            target[:] = target or [register + energy]
            return register >= target[0]

        return probe

    def _later_than(self, moment: datetime) -> Callable[[], Awaitable[bool]]:
        async def probe() -> bool:
            return self.clock.utc() >= moment

        return probe

    async def _all_rated(self) -> bool:
        held = [row for row in await self._transactions() if row["state"] == "held"]
        _claim(not held, f"nothing is held: {[row['held_reason'] for row in held]}")
        return all(row["state"] == "rated" for row in await self._transactions())

    async def _invoices(self) -> list[Json]:
        rows: list[Json] = await self.world.api("invoices")
        return rows

    async def _mail(self) -> EmailMessage | None:
        mails = self.world.mails()
        return mails[-1] if mails else None


def _claim(holds: bool, claim: str) -> None:
    if not holds:
        raise ClaimError(claim)


def _attachment(mail: EmailMessage) -> bytes:
    for part in mail.iter_attachments():
        if part.get_content_type() == "application/pdf":
            content = part.get_content()
            return content if isinstance(content, bytes) else b""
    raise ClaimError("the mail has a PDF attached")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _amount(invoice: Json, name: str) -> str:
    return f"{invoice[name]} {invoice['currency']}"


def _ago(age: timedelta) -> str:
    return f"{round(age.total_seconds() / 60)} min"


def _kwh(energy: int) -> str:
    return f"{kwh(Wh(energy))} kWh"
