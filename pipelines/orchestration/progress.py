"""Where a run reports how far it is. The command line listens and draws; under Dagster alone it goes to the log."""

from collections.abc import Callable

Listener = Callable[[str, str], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener(step, message)` at every report of this process."""
    _listeners.append(listener)


def report(step: str, message: str) -> None:
    """Say that `step` is now at `message`; neither holds personal data."""
    for listener in _listeners:
        listener(step, message)
