"""Logs: one line per fact, `event key=value ...`, ids as keys.

IdTokens and secrets mask themselves (shared.ids), so they are passed as they are, never their `.value`.
"""

import logging
import time

_QUOTED = frozenset(' "=\n\r\t')


class Log:
    """A named log. The first argument is the fact, the rest are its keys: `log.info("registered", dbm=-71)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, /, **fields: object) -> None:
        """Tell what only helps to find a fault."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Tell a fact."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Tell a fact that someone should look at."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Tell a fact that someone must act on."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", " ".join([event, *(f"{key}={_text(v)}" for key, v in fields.items())]))


def _text(value: object) -> str:
    text = str(value)
    if text and _QUOTED.isdisjoint(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', "'").replace("\r", "\\r").replace("\n", "\\n") + '"'


def start_logging(level: str = "INFO", *handlers: logging.Handler) -> None:
    """Send all logs to the handlers, by default to standard error, where the service manager stores and rotates them.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        handlers: all get the same lines, with UTC times.
    """
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handlers = handlers or (logging.StreamHandler(),)
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    for package in ("shared", "hardware", "station", "backend", "simulators"):
        logging.getLogger(package).setLevel(level)
