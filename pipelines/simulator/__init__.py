"""A made company that writes what real sources would send, and, apart from it, what is true.

Nothing here knows the warehouse; nothing in the warehouse reads the truth that is written here.
"""

from pipelines.simulator.simulation import simulate

__all__ = ["simulate"]
