"""What a delivery of dm.returns must satisfy."""

from expectations.rules import gate_suite

SUITE = gate_suite("dm__returns")
