"""Runs what failed in a run of pytest once more, one test after the other, with nothing beside it.

    rerun.py CACHE_DIR [PYTEST ARGUMENT]...

CACHE_DIR is the ``cache_dir`` of that run. Prints ``UNSTABLE name`` for each test that passes now, which is a fault to
be found, and ``FAILED AGAIN name`` for the others. The exit status is 0 when all pass, else 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST = 20  # tests; more have a common reason, and would take too long
PYTEST = ("-m", "pytest", "-n", "0", "-p", "no:cacheprovider")


def failed_tests(cache: Path) -> list[str]:
    """The names of the tests that failed, or whose set-up did; a file that can't be imported is one too."""
    try:
        return list(json.loads((cache / "v" / "cache" / "lastfailed").read_text()))
    except FileNotFoundError:
        return []


def passes(name: str, arguments: list[str]) -> bool:
    """Run one test."""
    print(f"==> once more: {name}", flush=True)
    return subprocess.run([sys.executable, *PYTEST, *arguments, name], check=False).returncode == 0


def main(words: list[str]) -> int:
    """The command line."""
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    names = failed_tests(Path(words[0]))
    if not 0 < len(names) <= MOST:
        print(f"{len(names)} tests failed; only 1 to {MOST} are run once more")
        return 1
    passed = {name: passes(name, words[1:]) for name in names}
    for name, stable in passed.items():
        print(f"{'UNSTABLE' if stable else 'FAILED AGAIN'} {name}")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
