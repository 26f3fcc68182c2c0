"""The support bundle: no secret leaves, what leaves is signed, sticks are found."""

import asyncio
import base64
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.config import load
from station.errors import FieldError, StationError
from station.field import pack
from station.field.bundle import masked_config, without
from station.field.qr import data_of
from station.field.signature import is_signed, key_path, station_key
from station.field.sticks import parse_mounts
from station.service_client import Facts
from station.settings import StationSettings
from tests.unit.station.field.scripted import NoLoans, Scripted

CONFIG = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://user:hunter2@csms.example.com/ocpp"
password = "tr0ub4dor"
[journal]
path = "FOLDER/journal.sqlite"
[modem]
pin = "4711"
apn_password = "geheim!"
[uplink]
bearer = "host"
[[bus]]
name = "rs485"
port = "/dev/nosuch"
[[evse]]
board_bus = "rs485"
meter_bus = "rs485"
[[local_list]]
id_token = "04A1B2C3D4"
"""
SECRETS = ("hunter2", "tr0ub4dor", "4711", "geheim", "04A1B2C3D4")


class Chatty(NoLoans):
    """An agent that puts secrets into its answers, as a careless log would."""

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        return {"line": f"{operation}: AT+CPIN=4711 then tr0ub4dor and 14711"}


class Absent(NoLoans):
    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        raise StationError("the agent does not run")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    return path


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]  # files only


@pytest.mark.parametrize("service", [Chatty(), Absent()])
def test_no_secret_leaves_and_the_bundle_is_signed(config: Path, service: Chatty | Absent) -> None:
    settings = load(config, StationSettings)
    name, data = asyncio.run(pack.collect(service, settings, config))
    files = unpacked(data)
    assert name.startswith("CP1-")
    for part in files.values():
        assert not any(secret.encode() in part.replace(b"14711", b"") for secret in SECRETS)
    manifest = json.loads(files["MANIFEST.json"])
    assert manifest["files"]["config.json"] == hashlib.sha256(files["config.json"]).hexdigest()
    assert is_signed(files["MANIFEST.json"], files["MANIFEST.sig"], manifest["key"])
    assert not is_signed(files["MANIFEST.json"] + b" ", files["MANIFEST.sig"], manifest["key"])


def test_openssl_agrees_with_the_signature(config: Path, tmp_path: Path) -> None:
    path = key_path(tmp_path / "journal.sqlite")
    key = station_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert station_key(path).public == key.public
    (tmp_path / "data").write_bytes(b"hello")
    (tmp_path / "sig").write_bytes(key.sign(b"hello"))
    (tmp_path / "public.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{key.public}\n-----END PUBLIC KEY-----\n")
    command = "openssl pkeyutl -verify -rawin -pubin -inkey public.pem -in data -sigfile sig"
    done = subprocess.run(command.split(), check=False, cwd=tmp_path, capture_output=True, text=True)
    assert "Success" in done.stdout


def test_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("rubbish")
    with pytest.raises(FieldError, match="signing key"):
        station_key(tmp_path / "key")
    for public in ("rubbish", base64.b64encode(b"rubbish").decode()):
        with pytest.raises(FieldError, match="is no public key"):
            is_signed(b"", b"", public)


def test_a_file_that_is_no_toml_gives_nothing_away() -> None:
    text, secrets = masked_config('password = "tr0ub4dor', ["password"])
    assert "tr0ub4dor" not in text
    assert not secrets


def test_secrets_are_masked_as_words() -> None:
    assert without({"4711", "ab"}, "pin=4711, 14711, 4711.5 kWh, ab 4711.") == "pin=***, 14711, 4711.5 kWh, ab ***."


def test_a_file_is_written_where_the_person_says(config: Path, tmp_path: Path) -> None:
    settings = load(config, StationSettings)
    dialog = Scripted([1, str(tmp_path)])
    asyncio.run(pack.run(dialog, Absent(), settings, config=config))
    written = list(tmp_path.glob("CP1-*.tar.gz"))
    assert len(written) == 1
    assert f"{written[0]} is written" in dialog.heard
    with pytest.raises(FieldError, match="can't write /nosuch/x"):
        asyncio.run(pack.run(dialog, Absent(), settings, config=config, way="file", target=Path("/nosuch/x")))


def test_the_summary_comes_back_from_its_codes(config: Path) -> None:
    settings = load(config, StationSettings)
    dialog = Scripted([""] * 10)
    asyncio.run(pack.run(dialog, Absent(), settings, config=config, way="qr"))
    assert "█" in dialog.heard
    from station.field.qr import codes_of

    assert json.loads(data_of(codes_of(json.dumps(pack.summary(settings)).encode())))["station"] == "CP1"


def test_ymodem_needs_a_line(config: Path) -> None:
    settings = load(config, StationSettings)
    with pytest.raises(FieldError, match="can't carry files"):
        asyncio.run(pack.run(Scripted([]), Absent(), settings, config=config, way="ymodem"))


def test_only_writable_removable_media_are_sticks() -> None:
    mounts = """/dev/mmcblk0p2 / ext4 rw,noatime 0 0
proc /proc proc rw 0 0
/dev/sda1 /media/STICK\\0401 vfat rw,uid=1000 0 0
/dev/sdb1 /media/cd iso9660 ro 0 0
/dev/sdc1 /srv/data ext4 rw 0 0
"""
    assert parse_mounts(mounts, lambda name: name != "sdc1") == (Path("/media/STICK 1"),)
