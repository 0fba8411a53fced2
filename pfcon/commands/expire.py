"""``pfcon records expire``: what PFCON_RETENTION_DAYS does, once, and shown before."""

import sys
import time
from argparse import Namespace

from pfcon.commands.service_process import context_of, service_process
from pfcon.configuration import Settings
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import Retention
from pfcon.records import Listing
from pfcon.records.ages import ended_jids
from pfcon.units import DAY


def expire(settings: Settings, arguments: Namespace) -> None:
    """List the jobs that ended long ago, or remove them if ``arguments`` say so.

    Raises Refused, Unreachable, StorageFull, OSError.
    """
    context = context_of(settings)
    before = time.time() - arguments.older_than * DAY
    if arguments.yes:
        context.records_in_use.require()
        with service_process(context):
            number = Retention(context, Remover(context)).remove_ended(before)
        print(f"removed {_jobs(number)} with their data", file=sys.stderr)
        return
    database, number = context.journal.database, 0
    for jid in ended_jids(database.engine, before):
        number += 1
        for entry in reversed(Listing(database).of_job(jid)):
            ended = entry.finished_at.strftime("%Y-%m-%dT%H:%M:%SZ") if entry.finished_at else "-"
            print(f"{jid:24}  {entry.kind.value:6}  {entry.status.value:20}  {ended}")
    days = f"{arguments.older_than:g} days"
    text = f"would remove {_jobs(number)} that ended more than {days} ago, with their data: add --yes to do it"
    print(text, file=sys.stderr)


def _jobs(number: int) -> str:
    return "the jobs of 1 jid" if number == 1 else f"the jobs of {number} jids"
