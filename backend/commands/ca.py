"""The command line of our certificate authority and of the certificates that it signed for stations."""

import argparse
import asyncio
import getpass

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import AccessError
from backend.settings import Settings
from shared.ocpp.validation import Version

_YEARS = 20
_PATIENCE_S = 86400.0


def _init_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="emops station CA", help="its common name")
    parser.add_argument("--years", type=int, default=_YEARS, help=f"how long it is valid; {_YEARS}")
    parser.add_argument("--again", action="store_true", help="make another one; those of before stay trusted")


def _install_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("station", nargs="+", help="identities of the stations")
    parser.add_argument("--ocpp", choices=tuple(Version), default=Version.V16, help="their version; 1.6")


def _revoke_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("serial", help="as ca list tells it")


def _init(options: argparse.Namespace, settings: Settings) -> int:
    from sqlalchemy import Connection

    from backend.csms.certificates import make_authority
    from backend.people.vault import Vault, key_path
    from backend.store.audit_log import Done, record
    from backend.store.certificates import AuthorityRow, add_authority, list_authorities

    now = settings.clock.build().utc()
    made, key = make_authority(options.name, now, options.years * 365)
    sealed = Vault(key_path(settings.store.path)).seal(key)

    def work(unit: Connection) -> None:
        if list_authorities(unit) and not options.again:
            raise AccessError("there is a certificate authority already: ca show tells which; --again makes another")
        add_authority(unit, AuthorityRow(0, options.name, made.pem, sealed, now, made.ends_at))
        record(unit, Done(now, "", "", getpass.getuser(), "authority_made", options.name, "command line"))

    with_store(settings, lambda store: store.write(work))
    print(
        f"{options.name} signs certificates of stations until {made.ends_at:%Y-%m-%d}; restart the backend to trust it"
    )
    return 0


def _show(_options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.certificates import list_authorities

    found = with_store(settings, lambda store: store.read(list_authorities))
    for one in found:
        state = "signs" if one is found[-1] else "trusted"
        print(f"{one.id}\t{state}\tuntil {one.ends_at:%Y-%m-%d}\t{one.name}")
    if not found:
        print("there is no certificate authority: make one with emops-backend ca init")
    return 0


def _export(_options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.certificates import list_authorities

    found = with_store(settings, lambda store: store.read(list_authorities))
    print("".join(one.certificate for one in found), end="")
    return int(not found)


def _list(_options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.certificates import list_certificates

    for one in with_store(settings, lambda store: store.read(list_certificates)):
        revoked = f"\trevoked by {one.revoked_by}" if one.revoked_at else ""
        print(f"{one.serial}\t{one.charge_point_id}\tuntil {one.ends_at:%Y-%m-%d}{revoked}")
    return 0


def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    from sqlalchemy import Connection

    from backend.store.audit_log import Done, record
    from backend.store.certificates import revoke

    now, who = settings.clock.build().utc(), getpass.getuser()

    def work(unit: Connection) -> None:
        if not revoke(unit, options.serial.upper().lstrip("0"), who, now):
            raise AccessError(f"there is no certificate {options.serial} that counts: ca list tells them")
        record(unit, Done(now, "", "", who, "certificate_revoked", options.serial, "command line"))

    with_store(settings, lambda store: store.write(work))
    print(f"{options.serial} opens no door any more; a connection that exists goes on until it ends")
    return 0


def _install(options: argparse.Namespace, settings: Settings) -> int:
    from backend.csms.control import control_path, order
    from backend.store.certificates import list_authorities

    found = with_store(settings, lambda store: store.read(list_authorities))
    if not found:
        raise AccessError("there is no certificate authority: make one with emops-backend ca init")
    kind = "CentralSystemRootCertificate" if options.ocpp == Version.V16 else "CSMSRootCertificate"
    asyncio.run(
        order(
            control_path(settings.store.path),
            options.station,
            "InstallCertificate",
            {"certificateType": kind, "certificate": found[-1].certificate},
            patience_s=_PATIENCE_S,
            checked=True,
            ordered_by=getpass.getuser(),
        )
    )
    print(f"{len(options.station)} ordered; emops-backend order list tells what became of it")
    return 0


COMMANDS = (
    Command("init", "make the authority that signs certificates of stations", _init_arguments, _init),
    Command("show", "tell which authorities there are", lambda _parser: None, _show),
    Command("export", "write their certificates as PEM", lambda _parser: None, _export),
    Command("list", "list certificates of stations, those first that end first", lambda _parser: None, _list),
    Command("revoke", "revoke the certificate of a station", _revoke_arguments, _revoke),
    Command("install", "order stations to trust our authority", _install_arguments, _install),
)
"""The commands below `emops-backend ca`."""
