"""What is installed works: the wheel carries its data, and each half runs without the other's dependencies."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_EXTRAS = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
_MODULES = {"sqlalchemy[asyncio]": "sqlalchemy", "pyserial": "serial"}

_IMPORT_WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import {module}
"""


@pytest.mark.slow
def test_the_wheel_carries_templates_and_migrations(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(_ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    for folder in ("shared", "hardware", "station", "backend", "simulators"):
        for file in (_ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert file.relative_to(_ROOT).as_posix() in names
    assert not any(name.startswith("tests/") for name in names)


@pytest.mark.parametrize(
    ("module", "half", "other"), [("station.app", "station", "backend"), ("backend.app", "backend", "station")]
)
def test_each_half_runs_without_the_other_s_dependencies(module: str, half: str, other: str) -> None:
    foreign = set(_EXTRAS[other]) | set(_EXTRAS["sim"]) | set(_EXTRAS["dev"])
    foreign -= {*_EXTRAS[half], "uvicorn", "starlette"} if half == "backend" else set(_EXTRAS[half])
    absent = {_MODULES.get(name, name) for name in foreign}
    code = _IMPORT_WITHOUT.format(absent=absent, module=module)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=_ROOT)
    assert done.returncode == 0, done.stderr
