"""USB sticks that are mounted."""

from collections.abc import Callable
from pathlib import Path

_SYSTEM = ("/", "/boot", "/boot/firmware", "/usr", "/var")
_BLOCK = Path("/sys/class/block")


def parse_mounts(mounts: str, is_removable: Callable[[str], bool]) -> tuple[Path, ...]:
    """Find the mount points of removable media in the text of /proc/mounts. Pure.

    Args:
        mounts: the text.
        is_removable: tells by the name of a block device, for instance `sda1`.
    """
    found = []
    for line in mounts.splitlines():
        device, point, _type, options, *_ = line.split()
        # The kernel writes blanks and backslashes of a path in octal.
        place = point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        is_writable = "rw" in options.split(",")
        if device.startswith("/dev/") and place not in _SYSTEM and is_writable and is_removable(Path(device).name):
            found.append(Path(place))
    return tuple(found)


def mounted_sticks() -> tuple[Path, ...]:
    """Tell where removable media are mounted."""
    return parse_mounts(Path("/proc/mounts").read_text("utf-8"), _is_removable)


def _is_removable(name: str) -> bool:
    """Tell whether a block device came by USB, or calls itself removable; a partition says so by its disk."""
    device = (_BLOCK / name).resolve()
    flags = [folder / "removable" for folder in (device, device.parent)]
    return "/usb" in str(device) or any(flag.is_file() and flag.read_text("ascii").strip() == "1" for flag in flags)
