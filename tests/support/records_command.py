"""``pfcon records`` over a storeBase with the process engine."""

import subprocess
import sys
from pathlib import Path

import pfcon
from pfcon.paths import StoreBase
from pfcon.testing.waiting import PATIENCE


def run_records(storebase: StoreBase, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it with these words, in a directory beside storeBase."""
    settings = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(storebase.root)}
    return subprocess.run(
        [sys.executable, "-m", "pfcon", "records", *words],
        env={"PYTHONPATH": str(Path(pfcon.__file__).parents[1]), "PATH": "/usr/bin:/bin", **settings},
        cwd=storebase.root.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
