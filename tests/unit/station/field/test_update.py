"""An update from a file: only what the maker signed, never during a charge, and with a way back."""

import asyncio
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from shared.config import parse
from station.errors import FieldError, ServiceError
from station.field import update
from station.field.release import is_older, other_slot, read_release
from station.field.signature import StationKey, station_key
from station.service_client import Facts
from station.settings import StationSettings, UpdateSettings
from tests.unit.station.field.scripted import NoLoans, Scripted

PROGRAM = """import sys
def main():
    print("configuration is", "{verdict}")
    sys.exit({status})
"""


class Agent(NoLoans):
    """A running agent. After a restart it answers only if the new version works."""

    def __init__(self, transaction: str = "") -> None:
        self.transaction = transaction

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        return {"evses": [{"id": 1, "transaction": self.transaction}]}


class Stopped(NoLoans):
    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        raise ServiceError("the agent does not run")


def wheel(version: str, status: int = 0) -> bytes:
    """Make a wheel of emops that can do nothing but check a configuration."""
    info = f"emops-{version}.dist-info"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("fake_emops.py", PROGRAM.format(verdict="good" if not status else "bad", status=status))
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: emops\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nemops-station = fake_emops:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return out.getvalue()


def bundle(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def release_file(folder: Path, key: StationKey, version: str = "9.0.0", status: int = 0) -> Path:
    file = folder / f"emops-{version}.tar.gz"
    file.write_bytes(bundle({f"emops-{version}-py3-none-any.whl": wheel(version, status)}))
    file.with_name(file.name + ".sig").write_bytes(key.sign(file.read_bytes()))
    return file


def settings(folder: Path, key: StationKey, *restart: str) -> StationSettings:
    text = '[identity]\ncharge_point_id = "CP1"\n[csms]\nurl = "ws://csms.example.com/ocpp"\n'
    made = UpdateSettings(key.public, folder / "opt", restart)
    return replace(parse(text, StationSettings), update=made)


@pytest.fixture
def key(tmp_path: Path) -> StationKey:
    return station_key(tmp_path / "maker.pem")


@pytest.mark.slow
def test_a_release_is_installed_and_the_way_back_is_open(tmp_path: Path, key: StationKey) -> None:
    made, root, dialog = settings(tmp_path, key), tmp_path / "opt", Scripted([])

    def install(version: str) -> None:
        file = release_file(tmp_path, key, version)
        asyncio.run(update.run(dialog, Stopped(), made, config=tmp_path / "station.toml", file=file))

    install("9.0.0")
    assert (root / "current").readlink() == Path("a")
    program = root / "current/bin/emops-station"
    assert "good" in subprocess.run([program], check=True, capture_output=True, text=True).stdout
    install("9.1.0")
    assert (root / "current").readlink() == Path("b")
    asyncio.run(update.roll_back(dialog, Stopped(), made))
    assert (root / "current").readlink() == Path("a")
    bad = release_file(tmp_path, key, "9.2.0", status=2)
    with pytest.raises(FieldError, match="the new version failed: configuration is bad"):
        asyncio.run(update.run(dialog, Stopped(), made, config=tmp_path / "x", file=bad))
    assert (root / "current").readlink() == Path("a")
    with pytest.raises(FieldError, match="there is no version before"):
        asyncio.run(update.roll_back(dialog, Stopped(), replace(made, update=replace(made.update, root=tmp_path))))


@pytest.mark.slow
def test_a_version_that_does_not_come_up_is_left_again(tmp_path: Path, key: StationKey) -> None:
    made, root = settings(tmp_path, key, "false"), tmp_path / "opt"
    (root / "b/bin").mkdir(parents=True)
    (root / "current").symlink_to("b")
    with pytest.raises(FieldError, match="the one before is in force again: the restart failed"):
        asyncio.run(update.run(Scripted([]), Agent(), made, config=tmp_path / "x", file=release_file(tmp_path, key)))
    assert (root / "current").readlink() == Path("b")


def test_nothing_is_touched_while_a_vehicle_charges(tmp_path: Path, key: StationKey) -> None:
    made, file = settings(tmp_path, key), release_file(tmp_path, key)
    with pytest.raises(FieldError, match="EVSE 1 is charging"):
        asyncio.run(update.run(Scripted([]), Agent("abc"), made, config=tmp_path / "x", file=file))
    assert not (tmp_path / "opt").exists()


def test_only_what_the_maker_signed_is_taken(tmp_path: Path, key: StationKey) -> None:
    made, file = settings(tmp_path, key), release_file(tmp_path, key)
    stranger = station_key(tmp_path / "stranger.pem")
    good, signature = file.read_bytes(), key.sign(file.read_bytes())
    assert read_release(good, signature, key.public).version == "9.0.0"
    for data, signed, public, why in (
        (good + b"x", signature, key.public, "the signature is not that of"),
        (good, signature, stranger.public, "the signature is not that of"),
        (good, b"rubbish!", key.public, "the signature is not that of|neither 64 bytes"),
        (good, signature, "", "no key for updates"),
        (b"x", key.sign(b"x"), key.public, "no tar file"),
        (bundle({}), key.sign(bundle({})), key.public, "0 wheels"),
    ):
        with pytest.raises(FieldError, match=why):
            read_release(data, signed, public)
    file.with_name(file.name + ".sig").unlink()
    with pytest.raises(FieldError, match=r"can't read .*sig"):
        asyncio.run(update.run(Scripted([]), Stopped(), made, config=tmp_path / "x", file=file))


@pytest.mark.parametrize("name", ["../emops-1.0-py3-none-any.whl", "/etc/passwd", "setup.py"])
def test_nothing_but_wheels_is_unpacked(key: StationKey, name: str) -> None:
    data = bundle({name: b"x"})
    with pytest.raises(FieldError, match="only wheels belong there"):
        read_release(data, key.sign(data), key.public)


def test_an_older_version_needs_a_yes(tmp_path: Path, key: StationKey) -> None:
    made, file = settings(tmp_path, key), release_file(tmp_path, key, "0.0.1")
    dialog = Scripted([False])
    asyncio.run(update.run(dialog, Stopped(), made, config=tmp_path / "x", file=file))
    assert "older than the installed" in dialog.heard
    assert not (tmp_path / "opt").exists()
    assert is_older("0.9.10", "0.10.0")
    assert not is_older("1.0+local2", "1.0")
    assert (other_slot(""), other_slot("a"), other_slot("b")) == ("a", "b", "a")
