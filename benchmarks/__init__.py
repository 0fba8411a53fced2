"""Measures pfcon beside other programs on this machine: ``benchmarks/run.sh -h`` tells how.

The servers are started by the tests' own helpers: this is the one place that makes ``tests/support`` importable.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

for _path in (str(ROOT / "tests"), str(ROOT)):
    if _path not in sys.path:
        sys.path.append(_path)
