"""A person at a terminal: fulfils station.field.dialog.Dialog over a Line.

One task (`listen`) reads all the time, so that Ctrl-C and unplugging are seen while a command works. What is typed
ahead is bounded: a paste of a megabyte is dropped as a whole instead of being taken for commands. Output has a
time-out: a terminal that takes nothing is left.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from station.console.keys import CursorAt, Key, KeyReader, Stroke
from station.console.line_editor import End, LineEditor
from station.console.lines import Line
from station.console.screen import WIDTH, Screen, bar
from station.field.text import Text

TYPED_AHEAD = 256
"""Keys kept while a command works; a person types less, a paste more."""
QUIET_S = 0.3
"""A paste is over when nothing came for so long."""
STUCK_S = 10.0
"""A terminal that takes no byte for so long is gone or stopped."""
ESCAPE_S = 0.05
"""The rest of an escape sequence follows sooner, at any speed."""
DETECT_S = 0.5
"""A terminal that understands ANSI answers sooner, also through SSH."""
PIECE = 512
"""Bytes written at once: at 9600 baud that is half a second, far below STUCK_S."""
PAGE = 20
"""Lines shown before the person is asked to go on; a terminal has 24."""

_YES = frozenset({"y", "yes", "j", "ja"})
_BACK = frozenset({"", "0", "q", "back", "zurück", "zurueck"})


class Stopped(Exception):  # noqa: N818  a person's wish is no error
    """The person does not want to go on with this: Ctrl-C or Escape at a question."""


class Idle(EOFError):  # noqa: N818  likewise
    """Nobody pressed a key for long."""


class Terminal:
    """See the module.

    Args:
        line: to the person.
        language: `de` or `en`.
        idle_s: without a key for so long, waiting for one ends with Idle.
    """

    def __init__(self, line: Line, *, language: str, idle_s: float) -> None:
        self.screen = Screen()
        self.language = language
        self.idle_s = idle_s
        self.on_stop: Callable[[], object] | None = None
        """What Ctrl-C and hanging up do while a command works; None = the key is one of those typed."""
        self._line = line
        self._reader = KeyReader()
        self._strokes: deque[Stroke] = deque()
        self._raw: asyncio.Queue[bytes] | None = None
        self._news = asyncio.Event()
        self._gone = ""
        self._had_peer = False
        self._paste_until = 0.0
        self._pasted = False
        self._last_key_at = asyncio.get_running_loop().time()
        self._live_lines = 0
        self._earlier: deque[str] = deque(maxlen=20)

    @property
    def is_there(self) -> bool:
        """Tell whether the terminal has not gone away."""
        return not self._gone

    async def listen(self) -> None:
        """Read until the other end goes away. Run it beside everything else."""
        while not self._gone:
            try:
                async with asyncio.timeout(ESCAPE_S if self._reader.is_waiting else 1.0):
                    data = await self._line.read()
            except TimeoutError:
                self._hear(self._reader.flush())
                self._look_for_peer()
            except EOFError as error:
                self._leave(str(error) or "the terminal went away")
            else:
                if self._raw is not None:
                    self._last_key_at = asyncio.get_running_loop().time()
                    self._raw.put_nowait(data)
                else:
                    self._hear(self._reader.feed(data))

    def _look_for_peer(self) -> None:
        has_peer = self._line.has_peer()
        if self._had_peer and has_peer is False:
            self._leave("the terminal was unplugged")
        self._had_peer = self._had_peer or bool(has_peer)

    def _leave(self, why: str) -> None:
        self._gone = why
        self._news.set()
        if self._raw is not None:
            self._raw.put_nowait(b"")
        if self.on_stop:
            self.on_stop()

    def _hear(self, strokes: list[Stroke]) -> None:
        if not strokes:
            return
        now = asyncio.get_running_loop().time()
        self._last_key_at = now
        if self.on_stop and Key.STOP in strokes:
            self._strokes.clear()
            self.on_stop()
            return
        if now < self._paste_until or len(self._strokes) + len(strokes) > TYPED_AHEAD:
            self._strokes.clear()
            self._paste_until, self._pasted = now + QUIET_S, True
            return
        self._strokes.extend(strokes)
        self._news.set()

    def forget_typed(self) -> None:
        """Forget what was typed ahead."""
        self._strokes.clear()

    async def stroke(self, for_s: float | None = None) -> Stroke | None:
        """Wait for a key; None when `for_s` have passed.

        Raises:
            EOFError: the terminal went away.
            Idle: nobody pressed a key for `idle_s`.
        """
        self._raw = None
        loop = asyncio.get_running_loop()
        until = None if for_s is None else loop.time() + for_s
        while not self._strokes:
            if self._gone:
                raise EOFError(self._gone)
            idle_at = self._last_key_at + self.idle_s
            if loop.time() >= idle_at:
                raise Idle("nobody pressed a key")
            self._news.clear()
            try:
                async with asyncio.timeout_at(idle_at if until is None else min(until, idle_at)):
                    await self._news.wait()
            except TimeoutError:
                if until is not None and loop.time() >= until:
                    return None
        return self._strokes.popleft()

    async def pause(self, for_s: float) -> None:
        """Wait, and forget what is typed meanwhile.

        Raises:
            EOFError: the terminal went away.
        """
        until = asyncio.get_running_loop().time() + for_s
        while (left := until - asyncio.get_running_loop().time()) > 0:
            self._last_key_at = asyncio.get_running_loop().time()
            await self.stroke(min(left, 1.0))

    async def write(self, text: str) -> None:
        """Write a text that fits the screen.

        Raises:
            EOFError: the terminal went away, or takes nothing.
        """
        await self.send(text.encode("utf-8" if self.screen.utf8 else "ascii", "replace"))

    async def detect(self) -> None:
        """Find out what the terminal understands: it is asked where its cursor stands behind an umlaut."""
        self.screen = Screen(utf8=True)
        await self.write("\rä\x1b[6n")
        loop = asyncio.get_running_loop()
        until, others, answer = loop.time() + DETECT_S, list[Stroke](), None
        while answer is None and (left := until - loop.time()) > 0:
            stroke = await self.stroke(left)
            if isinstance(stroke, CursorAt):
                answer = stroke
            elif stroke is not None:
                others.append(stroke)
        self._strokes.extendleft(reversed(others))
        self.screen = Screen(ansi=answer is not None, utf8=answer is not None and answer.column == 2)
        await self.write("\r\x1b[K" if answer else "\r      \r")

    def pick(self, text: Text) -> str:
        """Give a sentence in the person's language."""
        return text.of(self.language)

    async def say(self, text: str = "") -> None:
        """See Dialog."""
        self._live_lines = 0
        await self.write("".join(f"{line}\r\n" for line in self.screen.lines(text)))

    async def tell(self, text: Text) -> None:
        """Say it in the person's language."""
        await self.say(self.pick(text))

    async def show(self, lines: Sequence[str]) -> None:
        """Show many lines, a page at a time."""
        pieces = [piece for line in lines for piece in self.screen.lines(line)]
        for start in range(0, len(pieces), PAGE):
            await self.write("".join(f"{line}\r\n" for line in pieces[start : start + PAGE]))
            if start + PAGE < len(pieces) and not await self._wants_more():
                return

    async def _wants_more(self) -> bool:
        prompt = self.screen.fit(self.pick(_MORE))
        await self.write(prompt)
        while (key := await self.stroke()) not in (Key.ENTER, " ", "0", "q", Key.BACK, Key.STOP):
            pass
        await self.write("\r" + " " * len(prompt) + "\r")
        return key in (Key.ENTER, " ")

    async def ask(self, question: str, default: str = "", *, secret: bool = False) -> str:
        """See Dialog. Ctrl-C and Escape end it with Stopped."""
        self._live_lines = 0
        if self._pasted:
            self._pasted = False
            await self.tell(_PASTED)
        hint = f" [{default}]" if default and not secret else ""
        end = "" if question.endswith(("?", ":", ")")) and not hint else ":"
        await self.write("\r\n".join(self.screen.lines(f"{question}{hint}{end}")) + " ")
        editor = LineEditor(secret=secret, earlier=[] if secret else list(self._earlier))
        while True:
            stroke = await self.stroke()
            if stroke is None:
                continue
            edit = editor.take(stroke)
            await self.write(edit.echo)
            match edit.end:
                case End.ENTERED:
                    if editor.text and not secret and editor.text not in self._earlier:
                        self._earlier.append(editor.text)
                    return editor.text.strip() or default
                case End.STOPPED:
                    raise Stopped
                case End.LEFT:
                    raise EOFError("Ctrl-D")

    async def confirm(self, question: str) -> bool:
        """See Dialog. What was typed ahead is forgotten: only an answer to this question counts."""
        self.forget_typed()
        answer = await self.ask(f"{question} {self.pick(_YES_NO)}")
        return answer.casefold() in _YES

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """See Dialog."""
        await self.say(question)
        for number, option in enumerate(options, 1):
            await self.say(f" {number:>2}  {option}")
        while True:
            answer = (await self.ask(self.pick(_NUMBER))).casefold()
            if answer in _BACK:
                return None
            if answer.isdecimal() and 1 <= int(answer) <= len(options):
                return int(answer) - 1
            await self.tell(Text(f"Please type a number from 1 to {len(options)}, or 0.",
                                 f"Bitte eine Zahl von 1 bis {len(options)} eingeben, oder 0."))  # fmt: skip

    async def progress(self, done: int, total: int, text: str) -> None:
        """See Dialog."""
        line = self.screen.one_line(f"[{bar(done / max(1, total), 24)}] {text}")
        await self.write(f"\r{line:<{WIDTH}}" + ("\r\n" if done >= total else ""))

    async def live(self, lines: Sequence[str], *, for_s: float) -> str:
        """See Dialog. A key that is no character is given by its name, for instance `enter`."""
        if self.screen.ansi:
            up = f"\x1b[{self._live_lines}A" if self._live_lines else ""
            await self.write("\r" + up + "".join(f"{self.screen.one_line(line)}\x1b[K\r\n" for line in lines))
            self._live_lines = len(lines)
        else:
            await self.write(self.screen.one_line("  ".join(line.strip() for line in lines if line)) + "\r\n")
        stroke = await self.stroke(for_s)
        while isinstance(stroke, CursorAt):
            stroke = await self.stroke(for_s)
        return "" if stroke is None else stroke.name.lower() if isinstance(stroke, Key) else stroke

    async def receive(self) -> bytes:
        """Wait for bytes as they come, for a file transfer; the next question makes them keys again.

        Raises:
            EOFError: the terminal went away.
        """
        if self._raw is None:
            self._raw = asyncio.Queue()
        data = b"" if self._gone else await self._raw.get()
        if not data:
            raise EOFError(self._gone)
        return data

    async def send(self, data: bytes) -> None:
        """Send bytes as they are.

        Raises:
            EOFError: the terminal went away, or takes nothing.
        """
        for start in range(0, len(data), PIECE):
            if self._gone:
                raise EOFError(self._gone)
            try:
                async with asyncio.timeout(STUCK_S):
                    await self._line.write(data[start : start + PIECE])
            except TimeoutError as error:
                self._line.discard()
                self._leave(f"the terminal took nothing for {STUCK_S:.0f} s")
                raise EOFError(self._gone) from error


class RawStream:
    """The terminal as a bare line: fulfils station.field.transfer.ByteStream."""

    def __init__(self, terminal: Terminal) -> None:
        self.read = terminal.receive
        self.write = terminal.send


_MORE = Text("-- more: Enter    back: 0 --", "-- weiter: Enter    zurück: 0 --")
_PASTED = Text(
    "(That was too much at once, nothing of it was taken.)",
    "(Das war zu viel auf einmal, nichts davon wurde genommen.)",
)
_YES_NO = Text("yes or no (y/n)", "Ja oder nein (j/n)")
_NUMBER = Text("Number (0 = back)", "Nummer (0 = zurück)")
