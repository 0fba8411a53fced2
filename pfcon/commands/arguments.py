"""The arguments of ``pfcon records``."""

import argparse
import math
from typing import Any

from pfcon.models import JobKind, JobStatus

WEEK = 7.0  # days
STANDARD = "-"  # as FILE: standard input or output
REMOVED = "removed"  # what ``records list`` shows as the status of a removed job

DESCRIPTION = """\
List, export, import and delete the records of jobs, and remove old jobs and leftovers. A record is what pfcon remembers
of a job: its status, its message, its log, its times. The commands use the database of PFCON_DATABASE_URL, or else
SQLite in storeBase: run them with the settings and as the user of the service. docs/backup.md says how to back up,
restore and move the records, docs/retention.md how to remove old jobs and leftovers.
"""
EXPORT = """\
Write all records as JSON Lines: one line for each job, after a first line with the version. The service may run: the
export has the records as they are at one moment. It has the logs and command lines of jobs, so FILE is readable by its
owner only; it has no environment of a job and no key.
"""
IMPORT = """\
Read the records of an export into the database, all or none. Stop the service first. The database must be empty,
unless you add --merge. Exports of earlier releases are accepted.
"""
PRUNE = """\
Delete the records of jobs that ended, or were removed, more than DAYS days ago. Without --yes, only list them. Records
of active jobs are never deleted, nor those of jobs that may still use a user's directory. The data of jobs in
storeBase and the jobs on the engine are not deleted: a client's DELETE and `pfcon records expire` delete these. The
service may run.
"""
EXPIRE = """\
Remove the jobs that ended more than DAYS days ago, as DELETE jobs/JID/ does: from the engine, with data and record.
Without --yes, only list them. The jobs of a jid are removed once all have ended. PFCON_RETENTION_DAYS does the same by
itself. The service may run.
"""
ORPHANS = """\
List what is left of jobs without a record: this service's jobs on the engine, and directories key-JID of storeBase.
A line has: name, kind, place, state, age, size, and why it would be kept. With --remove, remove them. What is younger
than DAYS is kept, what a job uses that has not ended, and what is older than all records: they may have been lost. The
service may run.
"""
LIST = """\
List the records, newest first: jid, kind, status, time of creation, time of the end, owner, image. Times are in UTC;
what is unknown is "-". The status of a removed job is "removed".
"""


def add_records(commands: Any) -> None:
    """Add ``records`` and its commands to a parser's subparsers."""
    records = _parser(
        commands, "records", "list, export, import and delete the records of jobs, and what jobs have left", DESCRIPTION
    )
    actions = records.add_subparsers(dest="action", required=True, metavar="COMMAND")
    listing = _parser(actions, "list", "list the records, newest first", LIST)
    listing.add_argument("--status", choices=[*(status.value for status in JobStatus), REMOVED])
    listing.add_argument("--kind", choices=[kind.value for kind in JobKind])
    listing.add_argument("--owner", metavar="AUID", help="only jobs of this ChRIS user")
    listing.add_argument("--limit", metavar="N", type=_count, help="at most N records; the default is all")
    listing.add_argument("--json", action="store_true", help="print a JSON object for each record")
    exporting = _parser(actions, "export", "write all records as JSON Lines", EXPORT)
    exporting.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default=STANDARD,
        help="replaced if it exists; the default is standard output",
    )
    importing = _parser(actions, "import", "read the records of an export", IMPORT)
    importing.add_argument("file", metavar="FILE", help='an export; "-" is standard input')
    importing.add_argument(
        "--merge", action="store_true", help="allow records in the database; they are kept as they are"
    )
    pruning = _parser(actions, "prune", "delete records of jobs that ended long ago", PRUNE)
    _add_age(pruning)
    pruning.add_argument("--yes", action="store_true", help="delete the records; without it, only list them")
    expiring = _parser(actions, "expire", "remove jobs that ended long ago, with their data", EXPIRE)
    _add_age(expiring)
    expiring.add_argument("--yes", action="store_true", help="remove the jobs; without it, only list them")
    orphans = _parser(actions, "orphans", "list and remove what is left of jobs without a record", ORPHANS)
    orphans.add_argument("--remove", action="store_true", help="remove them; without it, only list them")
    _add_age(orphans, "the end, or the last change of data", default=WEEK)
    orphans.add_argument("--active", action="store_true", help="also jobs that have not ended: they are stopped")
    orphans.add_argument(
        "--older-than-records",
        action="store_true",
        help="also those for which the records do not reach back far enough",
    )
    orphans.add_argument("--json", action="store_true", help="print a JSON object for each")


def _parser(commands: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=description)
    return parser


def _add_age(parser: argparse.ArgumentParser, moment: str = "the end", default: float | None = None) -> None:
    by_default = "" if default is None else f"; the default is {default:g}"
    parser.add_argument(
        "--older-than",
        metavar="DAYS",
        type=_days,
        required=default is None,
        default=default,
        help=f"days since {moment}, such as 90 or 0.5{by_default}",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of days from 0, got {text!r}")
    return days
