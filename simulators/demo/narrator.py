"""How the story is told: a line per event with both clocks, a mark per claim; plain text where there is no terminal."""

import time
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.clock import Clock


class Narrator:
    """Tells the story.

    Args:
        clock: world time of the story.
        zone: in which it happens.
        started: link time at which it began, for the seconds shown in front.
    """

    def __init__(self, clock: Clock, zone: ZoneInfo, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._clock, self._zone, self._started = clock, zone, time.monotonic()

    def local(self, moment: datetime) -> str:
        """Write a time of day of the story."""
        return f"{moment.astimezone(self._zone):%H:%M}"

    def title(self, text: str) -> None:
        """Open the story."""
        self._console.print(f"\n[bold]{escape(text)}[/]")

    def chapter(self, text: str) -> None:
        """Begin a part."""
        self._console.print(f"\n[bold cyan]{escape(text)}[/]")

    def tell(self, text: str) -> None:
        """Tell what happens."""
        self._line("[dim]·[/]", text)

    def confirm(self, text: str) -> None:
        """Tell a claim that was checked and holds."""
        self._line("[green]✓[/]", text)

    def warn(self, text: str) -> None:
        """Tell what was not in the story."""
        self._line("[yellow]![/]", text)

    def fail(self, text: str) -> None:
        """Tell the claim that does not hold."""
        self._line("[bold red]✗[/]", text)

    def table(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Show names and values; values stand right-aligned."""
        table = Table(title=title, show_header=False, title_justify="left", title_style="bold", padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        for name, value in rows:
            table.add_row(escape(name), escape(value))
        self._console.print()
        self._console.print(table)

    def note(self, text: str) -> None:
        """Tell something outside of the story's time."""
        self._console.print(escape(text))

    def _line(self, mark: str, text: str) -> None:
        world = self._clock.utc().astimezone(self._zone)
        elapsed = time.monotonic() - self._started
        self._console.print(f"[dim]{elapsed:5.1f}s  {world:%a %H:%M}[/]  {mark} {escape(text)}")
