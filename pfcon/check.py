"""``pfcon check``: checks each component that pfcon needs, and reports one line for each."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from pfcon.compute.engines import ENGINES, make_engine
from pfcon.compute.signing import Signer
from pfcon.configuration import Settings
from pfcon.errors import PfconError
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.service_log.audit_file import require_writable
from pfcon.storage.storages import STORAGES, make_storage
from pfcon.units import human_bytes


def run_checks(settings: Settings, say: Callable[[str], None] = print) -> bool:
    """Run all checks and report each with ``say``. Return True if all have passed. Raises ConfigurationError."""
    storebase = StoreBase(settings.storage.storebase_mount)
    engine = make_engine(settings.compute, storebase, settings.server.workers)
    storage = make_storage(settings.storage, storebase)
    checks: list[tuple[str, Callable[[], str]]] = [
        ("settings", lambda: _chosen(settings)),
        ("storeBase", lambda: _storebase(storebase)),
        ("service", lambda: f"its id is {Signer(storebase).service_id()}; engines show it with its jobs"),
        ("records", lambda: _records(settings, storebase)),
        ("storage", storage.check),
        ("engine", engine.check),
    ]
    if audit := settings.log.audit:
        checks.append(("audit", lambda: _audit(audit)))
    results = [_run(name, check, say) for name, check in checks]  # run all checks, also after a failure
    return all(results)


def _run(name: str, check: Callable[[], str], say: Callable[[str], None]) -> bool:
    try:
        say(f"ok      {name}: {check()}")
    except (PfconError, OSError) as error:
        say(f"FAILED  {name}: {error}")
        return False
    return True


def _chosen(settings: Settings) -> str:
    engine, storage = ENGINES.find(settings.compute.engine), STORAGES.find(settings.storage.name)
    chosen = f"engine {engine.name} ({engine.title}), storage {storage.name} ({storage.title})"
    return f"{settings.mode.value} mode, {chosen}"


def _storebase(storebase: StoreBase) -> str:
    with tempfile.TemporaryFile(dir=storebase.spool) as file:
        file.write(b"pfcon")
    return f"{storebase.root} is writable, {human_bytes(storebase.free_bytes())} free"


def _audit(path: Path) -> str:
    require_writable(path)
    return f"lines are appended to {path}"


def _records(settings: Settings, storebase: StoreBase) -> str:
    journal = Journal(lambda: connect(settings.database_url, storebase.private_dir("records")))
    journal.get(JobId("pfcon-check"), JobKind.PLUGIN)
    return "the database of PFCON_DATABASE_URL answers" if settings.database_url else f"SQLite in {storebase.private}"
