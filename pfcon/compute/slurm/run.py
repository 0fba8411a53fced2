"""When and where a job was placed and started: reads the links that job.sh creates, and writes it to end.json."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pfcon.compute.details import node_names, of_workers
from pfcon.compute.unreadable import reading
from pfcon.models import RunDetails

_LINK = "node."
CLAIM = "claim"
PREVENTED = "pfcon"  # in place of the number of the job that has claimed the directory: it never starts
ORDER = "order"


def run_of(directory: Path) -> RunDetails:
    """Return the details of the job with that directory; empty before its script begins. Raises OSError.

    If Slurm starts the container, there is an ``order``, and the script, which runs inside, does not know when that
    was placed.
    """
    names = sorted(os.listdir(directory))
    placed = None if ORDER in names else _placed_at(directory)
    return replace(of_workers(list(_runs(directory, names)), None), placed_at=placed)


def _placed_at(directory: Path) -> datetime | None:
    """Return when the script has begun on its node."""
    with contextlib.suppress(OSError):  # no script has claimed the directory yet
        if os.readlink(directory / CLAIM) != PREVENTED:
            return datetime.fromtimestamp(os.lstat(directory / CLAIM).st_mtime, UTC)
    return None


def _runs(directory: Path, names: list[str]) -> Iterator[RunDetails]:
    for name in names:
        if name.startswith(_LINK):
            with contextlib.suppress(OSError):  # not a link: the job itself may have replaced it
                node = os.readlink(directory / name)
                started = os.lstat(directory / name).st_mtime
                yield RunDetails(started_at=datetime.fromtimestamp(started, UTC), node=node_names([node]))


def run_values(run: RunDetails) -> dict[str, Any]:
    """Return the details as values for JSON; ``run_from`` is the inverse."""
    return {
        "placed_at": run.placed_at.timestamp() if run.placed_at else None,
        "started_at": run.started_at.timestamp() if run.started_at else None,
        "node": run.node,
        "exit_code": run.exit_code,
    }


def run_from(values: Mapping[str, Any]) -> RunDetails:
    """Return the details from values of JSON; empty for a job of an earlier release, or if they can't be read."""

    def read() -> RunDetails:
        placed, started, code, node = (values.get(key) for key in ("placed_at", "started_at", "exit_code", "node"))
        return RunDetails(
            placed_at=None if placed is None else datetime.fromtimestamp(placed, UTC),
            started_at=None if started is None else datetime.fromtimestamp(started, UTC),
            exit_code=None if code is None else int(code),
            node=None if node is None else str(node),
        )

    return reading("the recorded end of a job on slurm", read, lambda _: RunDetails())
