"""Builds RunDetails from values as engines report them. Pure."""

import re
from collections.abc import Iterable, Sequence

from pfcon.compute.exits import was_lost
from pfcon.models import RunDetails

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NODE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\Z")


def digest_of(text: object) -> str | None:
    """Return the digest with which a name or an id of an image ends, ``sha256:...``; None if it has none."""
    found = _DIGEST.search(text) if isinstance(text, str) else None
    return found[0] if found else None


def own_exit_code(code: int) -> int | None:
    """Return the exit code of a command, 0 to 255, 128 + N for signal N; None if it may not be the command's own.

    code: as shells report it, or minus the number of a signal. 255 is None, because runtimes also report it for a
    container of which they do not know the end: see ``was_lost``.
    """
    if was_lost(code):
        return None
    code = code if code >= 0 else 128 - code
    return code if code <= 255 else None


def node_names(names: Iterable[object]) -> str | None:
    """Return the names of nodes in order, separated by commas; None without any. Values that can't be names are
    left out.
    """
    return ",".join(sorted({name for name in names if isinstance(name, str) and _NODE.match(name)})) or None


def of_workers(runs: Sequence[RunDetails], exit_code: int | None) -> RunDetails:
    """Return the details of a job, from those of its workers. exit_code: that of the job."""
    starts = [run.started_at for run in runs if run.started_at]
    places = [run.placed_at for run in runs if run.placed_at]
    digests = {run.image_digest for run in runs if run.image_digest}
    return RunDetails(
        started_at=min(starts, default=None),
        exit_code=exit_code,
        node=node_names(name for run in runs for name in (run.node or "").split(",")),
        image_digest=digests.pop() if len(digests) == 1 else None,
        placed_at=min(places, default=None),
    )
