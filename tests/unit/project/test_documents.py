"""Documentation that can be wrong is tested: links, make targets, dependencies and their reasons, rooms."""

import re
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_DOCUMENTS = sorted(_ROOT.glob("*.md"))
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]


def _dependencies() -> list[str]:
    groups = [_PROJECT["dependencies"], *_PROJECT["optional-dependencies"].values()]
    return sorted({re.split(r"[\[<>=]", name)[0] for group in groups for name in group})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", _dependencies())
def test_each_dependency_is_pinned_and_has_a_reason(name: str) -> None:
    pinned = {
        _normal(line.split("==")[0]) for line in (_ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert _normal(name) in pinned
    assert f"| {name} |" in (_ROOT / "DECISIONS.md").read_text()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_links_and_targets_exist(document: Path) -> None:
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (_ROOT / link).exists(), link
    makefile = (_ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_architecture_names_files_that_exist() -> None:
    for name in re.findall(
        r"`((?:shared|hardware|station|backend|simulators)/[\w/.]*)`", (_ROOT / "ARCHITECTURE.md").read_text()
    ):
        assert (_ROOT / name).exists(), name


def test_every_room_is_in_the_architecture() -> None:
    text = (_ROOT / "ARCHITECTURE.md").read_text()
    for package in ("shared", "hardware", "station", "backend", "simulators"):
        for folder in (_ROOT / package).rglob("__init__.py"):
            room = folder.parent.relative_to(_ROOT).as_posix()
            assert room in text or "migrations" in room, room


def test_every_module_says_what_it_is_for() -> None:
    for package in ("shared", "hardware", "station", "backend", "simulators"):
        for module in (_ROOT / package).rglob("*.py"):
            if "versions" not in module.parts:
                assert module.read_text().startswith('"""'), module
