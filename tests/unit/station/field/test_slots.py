"""Installing an ordered image for real: a new environment, and the configuration tried with it."""

import asyncio
from pathlib import Path

import pytest

from station.errors import FieldError
from station.field.signature import station_key
from station.field.slots import Slots
from tests.unit.station.field.test_update import release_file


@pytest.mark.slow
def test_an_image_is_installed_beside_the_running_version(tmp_path: Path) -> None:
    key = station_key(tmp_path / "maker.pem")
    found = Slots(tmp_path / "opt", key.public, tmp_path / "station.toml")
    image = release_file(tmp_path, key, "9.0.0")
    signature = image.with_name(image.name + ".sig").read_bytes()
    assert asyncio.run(found.install(image, signature)) == ("9.0.0", "a")
    assert (tmp_path / "opt/a/bin/emops-station").exists()
    assert found.current() == "", "nothing is switched yet"
    with pytest.raises(FieldError, match="the signature is not that"):
        asyncio.run(found.install(image, bytes(64)))
    bad = release_file(tmp_path, key, "9.1.0", status=2)
    with pytest.raises(FieldError, match="configuration is bad"):
        asyncio.run(found.install(bad, None))
