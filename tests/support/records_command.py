"""``pfcon records`` over a storeBase with the process engine."""

import subprocess
import sys
from pathlib import Path

import pfcon
from pfcon.paths import StoreBase
from pfcon.records.database import connect
from pfcon.records.in_use import RecordsInUse
from pfcon.records.lazy import LazyDatabase
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


def use_records(storebase: StoreBase, directory: Path | None = None) -> None:
    """Note that a service uses them, as its start does. directory: of SQLite's file; the default is storeBase's."""
    engine = connect(None, directory or storebase.private_dir("records"))
    RecordsInUse(storebase, LazyDatabase(lambda: engine)).update()
    engine.dispose()


def move_to_another_database(storebase: StoreBase) -> None:
    """Start a service with another database; the former one stays where it is."""
    use_records(storebase, storebase.private_dir("elsewhere"))
