"""Certificates against the judgement of another program: openssl."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from simulators.authority import Authority, Life
from station.security.certificates import (
    CertificateError,
    new_key,
    parse_chain,
    parse_root,
    public_key_of,
    signing_request,
)
from station.security.files import RootUse, SecurityFiles
from station.security.lifetime import Moment

NOW = Moment(datetime(2026, 10, 31, tzinfo=UTC), is_certain=True)


def openssl(*arguments: str, given: str = "") -> str:
    return subprocess.run(
        ["openssl", *arguments], input=given.encode(), capture_output=True, check=True
    ).stdout.decode()  # fmt: skip


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_the_hashes_of_a_root_are_those_of_an_ocsp_request(tmp_path: Path, kind: str) -> None:
    root = Authority("Example Root", kind=kind)
    path = tmp_path / "root.pem"
    path.write_text(root.pem)
    told = openssl(
        "ocsp", "-sha256", "-issuer", str(path), "-cert", str(path), "-req_text", "-no_nonce"
    )  # fmt: skip
    facts = dict(line.strip().split(": ") for line in told.splitlines() if ": " in line)
    named = parse_chain(root.pem)[0].hash_data()
    assert named.issuer_name == facts["Issuer Name Hash"].lower()
    assert named.issuer_key == facts["Issuer Key Hash"].lower()
    assert named.serial == facts["Serial Number"].lower().lstrip("0")


def test_a_signing_request_is_taken_by_openssl() -> None:
    key = new_key()
    request = signing_request(key, "CP1", "Example Operator")
    told = openssl("req", "-noout", "-verify", "-subject", "-nameopt", "RFC2253", given=request)
    assert told.strip() == "subject=O=Example Operator,CN=CP1"
    assert public_key_of(key)


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (lambda root: root.server("localhost").chain, "no root certificate"),
        (lambda root: Authority("Between", issuer=root).pem, "no root certificate"),
        (lambda root: root.pem + root.pem, "these are 2"),
        (lambda root: "nothing", "not a certificate"),
        (lambda root: root.pem.replace("M", "N", 3), "certificate"),
        (lambda _: Authority("Old", life=Life(datetime(2010, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))).pem,
         "it expired on 2020-01-01"),
    ],
)  # fmt: skip
def test_what_is_no_root_to_trust_is_refused(pem: object, reason: str) -> None:
    assert callable(pem)
    with pytest.raises(CertificateError, match=reason):
        parse_root(pem(Authority("Example Root")), NOW)


def test_a_root_named_by_any_allowed_hash_is_the_same() -> None:
    root = parse_root(Authority("Example Root").pem, NOW)
    assert len({root.hash_data(name).issuer_key for name in ("SHA256", "SHA384", "SHA512")}) == 3


def test_keys_are_for_their_owner_only_and_a_damaged_state_is_put_aside(tmp_path: Path) -> None:
    from shared.ids import Secret
    from station.security.access import Access, Profile
    from station.security.memory import open_memory

    folder, initial = tmp_path / "security", Access(Profile.BASIC, Secret("pw"))
    memory = open_memory(folder, initial, "")
    name = memory.files.add_key(new_key())
    asyncio.run(memory.change(lambda state: state))
    assert (folder / "client" / f"{name}.key.pem").stat().st_mode & 0o777 == 0o600
    assert "pw" not in repr(memory.state)
    (folder / "access.json").write_text("{half")
    assert open_memory(folder, initial, "").plan.in_force == initial
    assert (folder / "access.json.bad").exists()
    assert SecurityFiles(folder).roots(RootUse.CENTRAL_SYSTEM) == {}


def test_a_damaged_root_is_left_out_and_the_others_hold(tmp_path: Path) -> None:
    files = SecurityFiles(tmp_path)
    roots = [parse_chain(Authority(name).pem)[0] for name in ("one", "two", "three")]
    for root in roots:
        files.add_root(RootUse.CENTRAL_SYSTEM, root.fingerprint, root.pem)
    (tmp_path / "roots" / f"csms-{roots[0].fingerprint}.pem").write_bytes(b"\xff\x00" * 40)
    (tmp_path / "roots" / f"csms-{roots[1].fingerprint}.pem").write_text(roots[1].pem[:200])
    assert files.roots(RootUse.CENTRAL_SYSTEM) == {roots[2].fingerprint: roots[2].pem}


def test_settings_that_were_changed_count_again(tmp_path: Path) -> None:
    from dataclasses import replace

    from shared.ids import Secret
    from station.security.access import Access, Plan, Profile
    from station.security.memory import open_memory

    initial = Access(Profile.BASIC, Secret("of the settings"))
    memory = open_memory(tmp_path, initial, "")
    changed = Access(Profile.TLS, Secret("00" * 16), is_key=True, client="abc")
    asyncio.run(memory.change(lambda state: replace(state, plan=Plan(changed))))
    assert open_memory(tmp_path, initial, "").plan.in_force == changed
    by_hand = Access(Profile.BASIC, Secret("corrected by hand"))
    assert open_memory(tmp_path, by_hand, "").plan.in_force == replace(by_hand, client="abc")


def test_a_station_without_certificates_does_not_load_cryptography() -> None:
    program = (
        "import sys, station.app, station.ocpp16.requests, station.security.assembly\n"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_request_holds_no_more_than_the_wire_takes() -> None:
    request = signing_request(new_key(), "C" * 64, "O" * 64)
    assert len(request) < 5500
    assert x509.load_pem_x509_csr(request.encode()).is_signature_valid
