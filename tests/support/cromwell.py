"""The cromwell engine for tests, with a fake server that runs its jobs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fakes.cromwell_backend import IMAGE_WORKDIR, namespaces
from fakes.cromwell_server import FakeCromwell

from pfcon.compute.cromwell.description import CromwellSettings
from pfcon.compute.cromwell.engine import CromwellEngine
from pfcon.compute.cromwell.spec import KIND_LABEL, NAME_LABEL
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import PATIENCE

from .capabilities import CAPABILITIES
from .engines import IMAGE
from .engines.need import Unavailable, need
from .settings import compute_settings

MINUTES = 60
MINUTE = 2.0  # seconds; of time limits


def need_namespaces() -> None:
    """Skip the test where the fake server can't run jobs; fail it where PFCON_TEST_REQUIRE asks for cromwell."""
    need("cromwell", _find_namespaces)


def _find_namespaces() -> str:
    """The words that give a command namespaces of its own. Raises Unavailable."""
    words = namespaces()
    advice = "the fake Cromwell server runs jobs in namespaces of their own, and gets none here"
    try:
        done = subprocess.run([*words, "true"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    except OSError as fault:
        raise Unavailable(f"{advice}: {fault}") from fault
    if done.returncode:
        raise Unavailable(f"{advice}: {done.stderr.strip()}")
    return " ".join(words)


@dataclass
class CromwellHarness(Harness):
    """The harness with the server that belongs to it."""

    server: FakeCromwell | None = None

    def close(self) -> None:
        """Remove the jobs and stop the server."""
        assert self.server
        try:
            super().close()
        finally:
            self.server.__exit__()


def engine_at(url: str, storebase: StoreBase, **options: Any) -> CromwellEngine:
    """An engine for a server at that address. options: those of CromwellEngine."""
    settings = compute_settings(storebase=PurePosixPath(storebase.root), own=CromwellSettings(url), timelimit=MINUTES)
    return CromwellEngine(settings, settings.own, storebase, **{"lag": 1, "remove_wait": PATIENCE, **options})


def fake_server(root: Path, **options: Any) -> FakeCromwell:
    """A server whose executions lie where docs/engines/cromwell.md puts them.

    Skips or fails the test where there can be none.
    """
    need_namespaces()
    return FakeCromwell(root / ".pfcon/cromwell/executions", **options)


def cromwell_harness(root: Path) -> CromwellHarness:
    """An engine with its server."""
    storebase = StoreBase(root)
    server = fake_server(root, minute=MINUTE).__enter__()
    return harness_at(server, storebase)


def harness_at(server: FakeCromwell, storebase: StoreBase) -> CromwellHarness:
    """The harness of an engine at that server."""
    return CromwellHarness(
        engine_at(server.url, storebase),
        storebase,
        IMAGE,
        "cromwell",
        CAPABILITIES["cromwell"],
        make_dead=lambda: engine_at("http://127.0.0.1:1", storebase),
        server=server,
        minute=server.minute,
        workdir=IMAGE_WORKDIR,
        labels_of=lambda job: _labels(server, job),
    )


def _labels(server: FakeCromwell, job: str) -> dict[str, str]:
    """The labels of a job's workflow, with pfcon's kind under the name that the contract asks for."""
    found = next(one.labels for one in server.workflows.values() if one.labels[NAME_LABEL] == job)
    return found | {"org.chrisproject.job_type": found[KIND_LABEL]}
