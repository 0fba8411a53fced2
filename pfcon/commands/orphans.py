"""``pfcon records orphans``: lists what is left of jobs without a record, and removes it."""

import json
import sys
from argparse import Namespace
from contextlib import nullcontext
from datetime import UTC, datetime

from pfcon.commands.service_process import context_of, service_process
from pfcon.configuration import Settings
from pfcon.errors import PfconError, Refused
from pfcon.files.size import tree_size
from pfcon.jobs.context import JobContext
from pfcon.jobs.orphan_removal import OrphanRemover
from pfcon.jobs.orphans import Orphan, OrphanFinder
from pfcon.jobs.removal import Remover
from pfcon.printing import printable
from pfcon.units import DAY, human_age, human_bytes

_WIDTHS = (28, 6, 10, 6, 12, 10, 0)  # of the columns; longer values are not cut off
ACTIVE = "active; --active stops and removes it"
OLDER_THAN_RECORDS = "older than all records, which may have been lost; --older-than-records removes it"
YOUNG = "not known to be older than {days:g} days; --older-than changes that"
CHANGED = "used or recorded now"


def orphans(settings: Settings, arguments: Namespace) -> None:
    """List the orphans; remove them if ``arguments`` say so. Raises Refused, Unreachable, StorageFull, OSError."""
    context = context_of(settings)
    remover = OrphanRemover(context, Remover(context))
    removed, kept = 0, dict[str, int]()
    in_use = _require_records_in_use(context, arguments)
    with service_process(context) if arguments.remove else nullcontext():
        finder = OrphanFinder(context)
        for orphan in finder.find():
            size = tree_size(context.storebase.root / orphan.name) if orphan.engine is None else None
            reason = _reason_to_keep(orphan, arguments)
            if arguments.remove and not reason:
                reason = _removed(remover, orphan, arguments)
            removed, kept = removed + (not reason), {**kept, reason: kept.get(reason, 0) + 1} if reason else kept
            print(_json(orphan, size, reason) if arguments.json else _text(orphan, size, reason))
    for engine in sorted({listing.engine.name for listing in finder.engine_jobs.listings if listing.requests is None}):
        _say(f"the engine {engine} can't list its jobs: only data of jobs is listed")
    if in_use and finder.records_begin is None:
        _say("there are no records: if they were lost, nothing of this may be an orphan; restore them first")
    _say(f"removed {removed}" if arguments.remove else f"would remove {removed}: add --remove to do it")
    for reason, number in kept.items():
        _say(f"{'kept' if arguments.remove else 'would keep'} {number}: {reason}")


def _require_records_in_use(context: JobContext, arguments: Namespace) -> bool:
    """Raise Refused if the service uses other records; when orphans are only listed, say it and return False."""
    try:
        context.records_in_use.require()
    except Refused as refusal:
        if arguments.remove:
            raise
        _say(str(refusal))
        return False
    return True


def _reason_to_keep(orphan: Orphan, arguments: Namespace) -> str:
    if orphan.active and not arguments.active:
        return ACTIVE
    if orphan.older_than_records and not arguments.older_than_records:
        return OLDER_THAN_RECORDS
    if (orphan.age() or 0.0) < arguments.older_than * DAY:
        return YOUNG.format(days=arguments.older_than)
    return ""


def _removed(remover: OrphanRemover, orphan: Orphan, arguments: Namespace) -> str:
    try:
        return "" if remover.remove(orphan, active=arguments.active) else CHANGED
    except (PfconError, OSError) as error:
        return f"can't be removed now: {error}"


def _text(orphan: Orphan, size: int | None, reason: str) -> str:
    state = "ACTIVE" if orphan.active else "ended"
    shown = "-" if size is None else human_bytes(size)
    kind = orphan.kind.value if orphan.kind else "data"
    values = (orphan.name, kind, orphan.where, state, human_age(orphan.age()), shown, reason)
    return "  ".join(printable(value).ljust(width) for value, width in zip(values, _WIDTHS, strict=True)).rstrip()


def _json(orphan: Orphan, size: int | None, reason: str) -> str:
    since = None if orphan.since is None else datetime.fromtimestamp(orphan.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kind = orphan.kind.value if orphan.kind else "data"
    values = {"jid": orphan.jid, "name": orphan.name, "kind": kind, "where": orphan.where, "active": orphan.active}
    return json.dumps({**values, "since": since, "bytes": size, "kept": reason or None})


def _say(text: str) -> None:
    print(text, file=sys.stderr)
