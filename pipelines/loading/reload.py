"""Which delivery dates are loaded again although they are known."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Reload:
    """What is loaded again although it is known: delivery dates from `first` to `last`, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def includes(self, day: date) -> bool:
        """Whether `day` lies in the range."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)
