"""The command line of signed values: review, verify, export, keys, links."""

import argparse
import asyncio
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError, CommandError, NotConnectedError
from backend.settings import Settings
from shared.ocpp.validation import Version
from shared.public_key import fingerprint, groups, read_public_key

if TYPE_CHECKING:
    from backend.store.writer import Store


def _review_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", nargs="?", type=int, help="decide on this one; left out = list what waits")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--waive", action="store_true", help="it costs nothing")
    what.add_argument("--fixed-fee", action="store_true", help="bill the fixed fee of its tariff, if it has one")
    what.add_argument("--judge", action="store_true", help="take back what was decided")
    parser.add_argument("--reason", default="", help="why; kept for ever")
    parser.add_argument("--by", default=getpass.getuser(), metavar="NAME", help="who decides; you")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _review(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.proofs.signed_gate import Decision
    from backend.services.signed_review import decide, waiting

    flags = {Decision.WAIVE: options.waive, Decision.FIXED_FEE: options.fixed_fee, Decision.JUDGE: options.judge}
    kind = next((one for one, is_set in flags.items() if is_set), None)
    if (options.transaction is None) != (kind is None):
        raise BackendError("to decide give a transaction and one of --waive, --fixed-fee and --judge")

    async def work(store: "Store") -> int:
        if options.transaction is not None and kind is not None:
            now, number = settings.clock.build().utc(), options.transaction
            await store.write(lambda unit: decide(unit, number, kind, reason=options.reason, by=options.by, now=now))
            print(f"transaction {number}: {kind.value}")
            return 0
        for row in await store.read(waiting):
            fields = {
                "id": row.id,
                "charge_point": row.charge_point_id,
                "evse": row.evse_id,
                "started_at": row.started_at.isoformat(),
                "told_wh": row.told_wh,
                "reason": row.reason,
            }
            text = " ".join(f"{name}={value}" for name, value in fields.items())
            print(json.dumps(fields, ensure_ascii=False) if options.json else text)
        return 0

    return with_store(settings, work)


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", nargs="+", type=int, help="check its signed values again and append")


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    """Give 0 if all are verified, else 1."""
    from backend.jobs.verify_signed import verify_again, verify_signed
    from backend.store.signed import last_verdict

    async def work(store: "Store") -> int:
        await store.write(lambda unit: verify_again(unit, options.transaction))
        await verify_signed(store, settings.clock.build())
        well = True
        for number in options.transaction:
            verdict = await store.read(lambda unit, one=number: last_verdict(unit, one))  # type: ignore[misc]
            status, reason = (verdict.judged.status, verdict.judged.reason) if verdict else ("missing", "none came")
            well = well and status == "verified"
            print(f"transaction {number}: {status}" + (f": {reason}" if reason else ""))
            for sentence in verdict.judged.findings if verdict else ():
                print(f"  note: {sentence}")
        return 0 if well else 1

    return with_store(settings, work)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", type=int, help="whose signed values are written for the transparency software")
    parser.add_argument("file", type=Path, help="the file; it must not be there yet")


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.proofs.transparency import transparency_xml
    from backend.store.signed import last_verdict, read_originals

    async def work(store: "Store") -> bytes:
        verdict = await store.read(lambda unit: last_verdict(unit, options.transaction))
        if verdict is None:
            raise BackendError(f"transaction {options.transaction} has no signed values")
        return transparency_xml(await store.read(lambda unit: read_originals(unit, [verdict.id])))

    content = with_store(settings, work)
    try:
        with options.file.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise BackendError(f"can't write {options.file}: {error.strerror}") from error
    return 0


def _key_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("charge_point", nargs="?", default="", help="list its meters; left out = all")
    parser.add_argument("--evse", type=int, default=1, help="number of the EVSE of the meter to change")
    parser.add_argument("--serial", default="", help="the meter to change")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--pin", metavar="KEY", default="", help="pin the key that was read from the meter")
    what.add_argument("--withdraw", action="store_true", help="trust its key no more")
    what.add_argument("--read", action="store_true", help="ask the station for the key; it is a proposal, never pinned")
    parser.add_argument("--by", default=getpass.getuser(), metavar="NAME", help="who read it; you")


def _key(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.meter_keys import MeterPlace, list_meter_keys, pin_key, withdraw_key

    place = MeterPlace(options.charge_point, options.evse, options.serial)
    if options.read:
        return _read_key(options, settings)
    if (options.pin or options.withdraw) and not (options.charge_point and options.serial):
        raise BackendError("name the meter: its charge point, --evse and --serial")

    async def work(store: "Store") -> int:
        now = settings.clock.build().utc()
        if options.pin:
            changed = await store.write(lambda unit: pin_key(unit, place, options.pin, options.by, now))
            print("pinned" if changed else "as it was")
        elif options.withdraw:
            changed = await store.write(lambda unit: withdraw_key(unit, place, options.by, now))
            print("withdrawn" if changed else "none was pinned")
        for one in await store.read(lambda unit: list_meter_keys(unit, options.charge_point)):
            state = "pinned" if one.public_key else "seen, to be compared with the meter" if one.seen_key else "no key"
            at = f"{one.place.charge_point_id}/{one.place.evse_id} {one.place.serial}"
            print(f"{at}: {state} {one.public_key or one.seen_key}".rstrip())
        return 0

    return with_store(settings, work)


def _read_key(options: argparse.Namespace, settings: Settings) -> int:
    """Order the key from the station through the backend that runs, and tell what became of it."""
    from backend.commands.order import follow
    from backend.core.proofs.meter_key_order import key_question
    from backend.csms.control import control_path, order
    from backend.store.told_keys import key_at_evse

    if not options.charge_point:
        raise BackendError("name the charge point whose key is to be read")

    async def ask(version: Version) -> str:
        action, payload = key_question(version, options.evse)
        path, patience_s = control_path(settings.store.path), 60.0
        return await order(
            path,
            [options.charge_point],
            action,
            payload,
            patience_s=patience_s,
            checked=True,
            ordered_by=getpass.getuser(),
        )

    try:
        batch = asyncio.run(ask(Version.V16))
    except NotConnectedError:
        raise
    except CommandError:  # the station speaks a later version
        batch = asyncio.run(ask(Version.V201))
    if with_store(settings, lambda store: follow(store, batch)):
        return 1

    async def told(store: "Store") -> str:
        return (await store.read(lambda unit: key_at_evse(unit, options.charge_point, options.evse))).told

    key = read_public_key(with_store(settings, told))
    if key is None:
        print("the station tells no key", file=sys.stderr)
        return 1
    print(f"key {groups(key.hex)}\nfingerprint {groups(fingerprint(key))}\ncompare it with the meter, then --pin it")
    return 0


def _link_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", type=int, help="whose proof the link shows")


def _link(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.proof_links import make_link

    async def work(store: "Store") -> str | None:
        now, days = settings.clock.build().utc(), settings.signed.link_days
        return await store.write(lambda unit: make_link(unit, options.transaction, now, days))

    token = with_store(settings, work)
    if token is None:
        print(f"there is no transaction {options.transaction}", file=sys.stderr)
        return 1
    print(f"/p/{token}")
    return 0


COMMANDS = (
    Command("review", "list and decide on sessions whose energy is not proved", _review_arguments, _review),
    Command("verify", "check signed values again", _verify_arguments, _verify),
    Command("export", "write signed values for the transparency software", _export_arguments, _export),
    Command("key", "list, pin and withdraw keys of meters", _key_arguments, _key),
    Command("link", "make a link to the proof of a session, for its driver", _link_arguments, _link),
)
