"""What the running agent knows of itself, as a small JSON file for `emops-station status` and `why`.

It is a view and no memory: it is replaced as a whole when something changes, and never read by the agent.
"""

import json
import os
from pathlib import Path

from station.errors import JournalError

State = dict[str, object]


def status_path(journal: Path, configured: str) -> Path:
    """Tell where the file is."""
    return Path(configured) if configured else journal.with_name(journal.name + ".status.json")


def write_status(path: Path, state: State) -> int:
    """Replace the file and tell how many bytes it has.

    Raises:
        OSError: it can't be written.
    """
    new = path.with_name(path.name + ".new")
    content = json.dumps({"pid": os.getpid(), **state}, indent=1).encode()
    new.write_bytes(content)
    new.replace(path)
    return len(content)


def read_status(path: Path) -> State:
    """Read the file; `running` tells whether the agent that wrote it still runs.

    Raises:
        JournalError: there is none, or it can't be read.
    """
    try:
        state = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise JournalError(f"there is no {path} yet: has the agent run with this configuration?") from error
    except (OSError, ValueError) as error:
        raise JournalError(f"can't read {path}: {error}") from error
    return {**state, "running": Path(f"/proc/{state['pid']}").exists()}
