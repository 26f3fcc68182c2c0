"""`meter read`, `meter registers`, `meter verify`: what the meters say, and whether it is what their displays say.

While the agent runs it is asked; else the meters are asked directly.
"""

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hardware.errors import HardwareError, LinkError
from hardware.meters import catalogue
from hardware.meters.register_map import MeterTable, Quantity, decode, energy, energy_step
from station.devices import Hardware, build_hardware
from station.errors import FieldError, ServiceError
from station.field.alone import alone, with_buses
from station.field.dialog import Dialog
from station.field.display_check import EXPORT, WORD_ORDER, Verdict, compare
from station.field.keeping import keep, keeping_path, kept
from station.field.meter_words import Row, Words
from station.field.text import Text
from station.german import said
from station.service_client import Facts, Service
from station.settings import EvseSettings, StationSettings
from station.wording import evse_name

WATCH_S = 1.0


async def facts_of(service: Service, settings: StationSettings, *, identify: bool = False) -> list[Facts]:
    """Read all meters. One that fails has `trouble` instead of values.

    Raises:
        FieldError: the agent does not run, but something else holds its lock.
    """
    try:
        meters: list[Facts] = (await service.call("meters"))["meters"]
    except ServiceError:
        with alone(settings):
            return await _read_directly(settings, identify=identify)
    if identify:
        try:
            meters = (await service.call("meters", {"identify": True}))["meters"]
        except ServiceError as error:
            return [{**meter, "trouble": str(error)} for meter in meters]
    return meters


async def _read_directly(settings: StationSettings, *, identify: bool) -> list[Facts]:
    hardware = build_hardware(settings, settings.clock.build())
    try:
        return [await _facts(hardware, evse, identify=identify) for evse in settings.evse]
    finally:
        _close(hardware)


async def _facts(hardware: Hardware, evse: EvseSettings, *, identify: bool) -> Facts:
    meter = next(devices.meter for evse_id, devices in hardware.evses.items() if evse_id == evse.id)
    facts: Facts = {"evse": evse.id, "energy_wh": None, "age_s": None, "power_w": None}
    try:
        if identify:
            facts |= dataclasses.asdict(await meter.identify())
        reading = await meter.read()
    except HardwareError as error:
        return {**facts, "trouble": str(error)}
    return {
        **facts,
        "energy_wh": reading.energy_import,
        "power_w": reading.power,
        "currents_ma": list(reading.currents),
        "voltages_mv": list(reading.voltages),
        "age_s": 0.0,
    }


async def read(dialog: Dialog, service: Service, settings: StationSettings, *, watch: bool = False) -> None:
    """Show all meters, with `watch` until a key is pressed.

    Raises:
        FieldError: see facts_of.
    """
    language = dialog.language
    while True:
        meters = await facts_of(service, settings, identify=not watch)
        lines = [line for facts in meters for line in described(facts, language)]
        if not watch:
            await dialog.say("\n".join(lines))
            return
        if await dialog.live(lines, for_s=WATCH_S):
            return


def described(facts: Mapping[str, Any], language: str) -> list[str]:
    """Give the facts of one meter as lines for people. Pure."""
    name = " ".join(str(facts[key]) for key in ("model", "serial") if facts.get(key))
    head = f"{evse_name(facts['evse'], language)}  {name}".rstrip()
    if facts.get("energy_wh") is None:
        silent = Text("no reading: the meter does not answer", "kein Wert: der Zähler antwortet nicht")
        return [head, f"    {said(facts.get('trouble') or '', language) or silent.of(language)}"]
    age = facts.get("age_s") or 0.0
    power = "" if facts.get("power_w") is None else f"   {facts['power_w'] / 1000:.2f} kW"
    old = Text(f"   {age:.0f} s old", f"   vor {age:.0f} s").of(language) if age >= 1 else ""
    volts, amperes = facts.get("voltages_mv") or (), facts.get("currents_ma") or ()
    phases = []
    for phase in range(max(len(volts), len(amperes))):
        values = [f"{volts[phase] / 1000:.1f} V"] if phase < len(volts) else []
        values += [f"{amperes[phase] / 1000:.2f} A"] if phase < len(amperes) else []
        phases.append(f"L{phase + 1} {'  '.join(values)}")
    lines = [head, f"    {facts['energy_wh'] / 1000:.3f} kWh{power}{old}"]
    return [*lines, f"    {'   '.join(phases)}"] if phases else lines


async def registers(dialog: Dialog, service: Service, settings: StationSettings, *, evse: int = 1) -> None:
    """Show every register of a meter's table as it is read, with its source, then what must be known of the model.

    Raises:
        FieldError: the agent runs and the person wants it to keep the line, or there is no such EVSE.
        ServiceError: somebody charges on the line.
        HardwareError: the meter does not answer.
    """
    chosen, table = _chosen(settings, evse)
    state = Text("verified on a bench", "auf dem Prüfplatz geprüft") if table.verified else _UNVERIFIED
    await dialog.say(f"{table.model}: {table.title}\n{state.of(dialog.language)}")
    async with with_buses([chosen.meter_bus], dialog, service, settings):
        rows = await _rows(settings, chosen, table)
    for row in rows:
        words = " ".join(f"{word:04X}" for word in row.words) or _REFUSED.of(dialog.language)
        register = row.register
        value = row.text or ("-" if row.value is None else f"{row.value} {register.unit}")
        place = f"{register.function}/0x{register.address:04X} {register.kind:4}"
        await dialog.say(f"{register.quantity:14} {place} {words:19} {value}  {register.source}".rstrip())
    for remark in table.remarks:
        await dialog.say(f"! {remark}")
    known = ", ".join(catalogue.MODELS)
    await dialog.say(Text(f"Known models: {known}", f"Bekannte Modelle: {known}").of(dialog.language))


async def verify(dialog: Dialog, service: Service, settings: StationSettings, *, evse: int = 1) -> Verdict:
    """Compare a meter with its display and remember the outcome for the commissioning report.

    Raises:
        FieldError: there is no such EVSE, or what was typed is no number.
        HardwareError: the meter does not answer.
    """
    chosen, table = _chosen(settings, evse)
    question = Text(
        f"EVSE {evse}: what does the meter's display show as total import, in kWh (every digit)?",
        f"Ladepunkt {evse}: Was zeigt die Anzeige des Zählers als gesamten Bezug, in kWh (alle Stellen)?",
    )
    typed = await dialog.ask(question.of(dialog.language))
    facts = next((facts for facts in await facts_of(service, settings, identify=True) if facts["evse"] == evse), {})
    if facts.get("energy_wh") is None:
        raise LinkError(str(facts.get("trouble") or f"EVSE {evse}: the meter does not answer"))
    register_wh: int = facts["energy_wh"]
    row = table.energy_import
    step = energy_step(row, Decimal(register_wh) if row.unit == "Wh" else Decimal(register_wh) / 1000)
    verdict = compare(typed, register_wh, step)
    if not verdict.passed:
        others: dict[str, int] = {}
        try:
            async with with_buses([chosen.meter_bus], dialog, service, settings):
                others = await _otherwise(settings, chosen, table)
        except (FieldError, ServiceError):
            pass  # the agent keeps the line: the verdict stands, only without its cause
        verdict = compare(typed, register_wh, step, others)
    await dialog.say(verdict.text.of(dialog.language))
    _remember(settings, facts, verdict)
    return verdict


_REFUSED = Text("refused", "verweigert")
_UNVERIFIED = Text(
    "not yet verified on a bench: compare with the display (meter verify) before anybody is billed",
    "noch nicht auf dem Prüfplatz geprüft: vor der Abrechnung mit der Anzeige vergleichen (meter verify)",
)


def _chosen(settings: StationSettings, number: int) -> tuple[EvseSettings, MeterTable]:
    evse = next((evse for evse in settings.evse if evse.id == number), None)
    if evse is None:
        raise FieldError(f"there is no EVSE {number} in the configuration: it has {len(settings.evse)}")
    by_key = {name.casefold(): name for name in (*catalogue.MODELS, *catalogue.ALIASES)}
    name = by_key.get(evse.meter.casefold())
    if name is None:
        raise FieldError(f"the meter {evse.meter} of EVSE {number} has no register table")
    return evse, catalogue.table(name)


async def _rows(settings: StationSettings, evse: EvseSettings, table: MeterTable) -> list[Row]:
    hardware = build_hardware(settings, settings.clock.build())
    try:
        words = Words(hardware.lines[evse.meter_bus], evse.meter_address)
        return await words.rows(table, table.registers)
    finally:
        _close(hardware)


async def _otherwise(settings: StationSettings, evse: EvseSettings, table: MeterTable) -> dict[str, int]:
    """Read the same meter in other ways, each of which is a mistake that is made."""
    try:
        rows = {row.register.quantity: row for row in await _rows(settings, evse, table)}
    except HardwareError:
        return {}
    others = {}
    bought, sold = rows[Quantity.ENERGY_IMPORT], rows.get(Quantity.ENERGY_EXPORT)
    turned = dataclasses.replace(bought.register, low_word_first=not bought.register.low_word_first)
    if bought.words and (value := decode(turned, bought.words)) is not None and value >= 0:
        others[WORD_ORDER] = int(energy(turned, value))
    if sold and sold.value is not None:
        others[EXPORT] = int(energy(sold.register, sold.value))
    return others


def _remember(settings: StationSettings, facts: Facts, verdict: Verdict) -> None:
    path = keeping_path(settings.journal.path)
    values = kept(path)
    values.setdefault("meters", {})[str(facts["evse"])] = {
        "at": settings.clock.build().utc().isoformat(),
        "model": facts.get("model", ""),
        "serial": facts.get("serial", ""),
        "register_wh": facts["energy_wh"],
        "display_kwh": str(verdict.display_kwh),
        "passed": verdict.passed,
    }
    keep(path, values)


def _close(hardware: Hardware) -> None:
    for line in hardware.lines.values():
        line.close()
