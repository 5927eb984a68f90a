"""How far long work is: a bar on a terminal, and elsewhere a line every 10 seconds; always on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from oxyq.cli.output import plain, tell
from oxyq.cli.terminal import console, is_live

#: Seconds between two lines in a log, where each stays; and between two looks of a bar, which eyes can still follow.
LINE_SECONDS: Final = 10.0
BAR_SECONDS: Final = 0.1


class Progress:
    """How much of some work is done; `progress` makes it."""

    def __init__(self, what: str, total: int | None, show: Callable[[str, int], None], seconds: float) -> None:
        self.what = what
        self.done = 0
        self._total = total
        self._show = show
        self._seconds = seconds
        self._shown_at = float("-inf") if seconds < LINE_SECONDS else time.monotonic()

    def at(self, done: int) -> None:
        """So much is done in all; costs nothing when it was shown a moment ago."""
        self.done = done
        now = time.monotonic()
        if now - self._shown_at >= self._seconds:
            self._shown_at = now
            self.show()

    def advance(self, by: int = 1) -> None:
        """So much more is done."""
        self.at(self.done + by)

    def show(self) -> None:
        """Tell it now."""
        of = "" if self._total is None else f" of {self._total:,}"
        self._show(f"{self.done:,}{of} {plain(self.what)}", self.done)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Progress]:
    """Show how far the block is, in the words "200 of 450 jobs added"; without a `total`, "200 jobs added".

    `what` is said after the numbers ("jobs added"). The block calls `at(done)` or `advance(by)` as often as it likes.
    Nothing of it is left on a terminal in the end.
    """
    if not is_live(sys.stderr):
        yield Progress(what, total, lambda text, _: tell(text), LINE_SECONDS)
        return
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    # Without a thread of its own: it is drawn when there is news, and never into what the block prints.
    with Bar(*columns, console=console(sys.stderr), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=total)

        def show(text: str, done: int) -> None:
            bar.update(task, description=text, completed=done, refresh=True)

        shown = Progress(what, total, show, BAR_SECONDS)
        try:
            yield shown
        finally:
            shown.show()
