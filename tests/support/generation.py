"""Of which generation the real engines are: this machine's packages, or those of a newer Debian."""

import os

TODAY = os.environ.get("GENERATION") == "today"
"""tests/engines/generation.sh sets it, and its `start` prints it."""
