"""When and where the workers of a job have started: reads the links that job.sh creates, and writes it to end.json."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pfcon.compute.details import node_names, of_workers
from pfcon.compute.unreadable import reading
from pfcon.models import RunDetails

_LINK = "node."


def run_of(directory: Path) -> RunDetails:
    """Return the details of the job with that directory; empty before its command starts. Raises OSError."""
    return of_workers(list(_runs(directory)), None)


def _runs(directory: Path) -> Iterator[RunDetails]:
    for name in sorted(os.listdir(directory)):
        if name.startswith(_LINK):
            with contextlib.suppress(OSError):  # not a link: the job itself may have replaced it
                node = os.readlink(directory / name)
                started = os.lstat(directory / name).st_mtime
                yield RunDetails(started_at=datetime.fromtimestamp(started, UTC), node=node_names([node]))


def run_values(run: RunDetails) -> dict[str, Any]:
    """Return the details as values for JSON; ``run_from`` is the inverse."""
    return {
        "started_at": run.started_at.timestamp() if run.started_at else None,
        "node": run.node,
        "exit_code": run.exit_code,
    }


def run_from(values: Mapping[str, Any]) -> RunDetails:
    """Return the details from values of JSON; empty for a job of an earlier release, or if they can't be read."""

    def read() -> RunDetails:
        started, code, node = (values.get(key) for key in ("started_at", "exit_code", "node"))
        return RunDetails(
            started_at=None if started is None else datetime.fromtimestamp(started, UTC),
            exit_code=None if code is None else int(code),
            node=None if node is None else str(node),
        )

    return reading("the recorded end of a job on slurm", read, lambda _: RunDetails())
