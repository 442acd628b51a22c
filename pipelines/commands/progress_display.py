"""How far a command is, drawn for the person who waits for it."""

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Show = Callable[..., None]
"""Called with a step, a message and, where it is known, the share of the work that is done."""


class ProgressDisplay:
    """A line that moves on a terminal, and one plain line per step elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Show:
        self._display = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[step]:<26}"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._display.add_task("", step="", total=1.0)
        self._step = ""
        self._started = time.monotonic()
        if self._console.is_terminal:
            self._display.start()
        return self._show

    def _show(self, step: str, message: str, share: float = 0.0) -> None:
        if self._console.is_terminal:
            self._display.update(self._task, step=step, description=message, completed=share)
        if step != self._step:
            self._step = step
            if not self._console.is_terminal:
                self._console.print(f"{time.monotonic() - self._started:6.1f} s  {step}: {message}")

    def __exit__(self, *error: object) -> None:
        self._display.stop()


def counted(show: Show, steps: Sequence[str]) -> Show:
    """Shows a step and a message, with the share of `steps` that came before and a part of this one.

    How many messages a step has nobody knows, so that each goes a fourth of the way that is left.
    """
    messages: dict[str, int] = {}

    def show_share(step: str, message: str) -> None:
        messages[step] = messages.get(step, 0) + 1
        show(step, message, (len(messages) - 0.75 ** (messages[step] - 1)) / len(steps))

    return show_share
