"""How much chaos there is, and which: read from the environment, so that a failure is repeated by one command."""

import os

SCALE = int(os.environ.get("CHAOS_SCALE", "1"))
"""1 in CI; `make chaos` has ten times as many mutated files, kill points and killed runs."""

SEED = int(os.environ.get("CHAOS_SEED", "1"))
"""Another seed damages other bytes and kills at other instants."""
