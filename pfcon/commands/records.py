"""``pfcon records``: lists, moves and deletes records; removes old jobs and leftovers. See also ``arguments.py``."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pfcon.commands.arguments import STANDARD
from pfcon.commands.output import ProgressLine, json_line, text_line
from pfcon.configuration import Settings
from pfcon.errors import PfconError, Refused
from pfcon.files.writing import replacing_file
from pfcon.paths import StoreBase
from pfcon.records.database import has_file, opened
from pfcon.records.export import export_records
from pfcon.records.importing import import_records
from pfcon.records.overview import Selection, count_in_use, list_records, prunable, prune
from pfcon.service_log import about
from pfcon.units import DAY

log = logging.getLogger(__name__)


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run a command; return the exit status: 0, or 1 if it failed. Errors are printed to standard error."""
    commands = {
        "list": _list,
        "export": _export,
        "import": _import,
        "prune": _prune,
        "orphans": _orphans,
        "expire": _expire,
    }
    try:
        commands[arguments.action](settings, arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has ended, as ``head`` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it at its exit
        return 1
    except (PfconError, OSError) as error:
        print(f"pfcon records {arguments.action}: {error}", file=sys.stderr)
        return 1
    return 0


def _list(settings: Settings, arguments: argparse.Namespace) -> None:
    selection = Selection(arguments.status, arguments.kind, arguments.owner, arguments.limit)
    with opened(settings.database_url, _directory(settings)) as database:
        for record in list_records(database, selection):
            print(json_line(record) if arguments.json else text_line(record))


def _export(settings: Settings, arguments: argparse.Namespace) -> None:
    with opened(settings.database_url, _directory(settings)) as database, _writer(arguments.file) as write:
        number = export_records(database, write, ProgressLine("exported"))
    _say(f"exported {_records(number)}")


def _import(settings: Settings, arguments: argparse.Namespace) -> None:
    directory = StoreBase(settings.storage.storebase_mount).private_dir("records")
    with _lines(arguments.file) as lines, opened(settings.database_url, directory) as database:
        done = import_records(database, lines, merge=arguments.merge, progress=ProgressLine("read"))
    skipped = f"; {done.skipped} skipped, because the database already had them" if arguments.merge else ""
    _say(f"imported {_records(done.added)}{skipped}")


def _prune(settings: Settings, arguments: argparse.Namespace) -> None:
    before, number = time.time() - arguments.older_than * DAY, 0
    with opened(settings.database_url, _directory(settings)) as database:
        if arguments.yes:
            for record in prune(database, before):
                number += 1
                fields = about(jid=record.jid, kind=record.kind)
                log.info("deleted the record of job %s (%s): %s", record.jid, record.kind, record.status, extra=fields)
            _say(f"deleted {_records(number)}; the data of these jobs and the jobs on the engine were not touched")
        else:
            for record in prunable(database, before):
                number += 1
                print(text_line(record))
            days = f"{arguments.older_than:g} days"
            _say(f"would delete {_records(number)} of jobs that ended more than {days} ago: add --yes to do it")
        if kept := count_in_use(database, before):
            _say(
                f"kept {_records(kept)}: a job of the same jid may still use directories of users, until the service "
                "finds that the engine has ended it"
            )


def _orphans(settings: Settings, arguments: argparse.Namespace) -> None:
    from pfcon.commands.orphans import orphans  # it loads engines and storages, which the other commands do not need

    _directory(settings)
    orphans(settings, arguments)


def _expire(settings: Settings, arguments: argparse.Namespace) -> None:
    from pfcon.commands.expire import expire  # as above

    _directory(settings)
    expire(settings, arguments)


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _directory(settings: Settings) -> Path:
    """Return the directory of SQLite's file. Raises Refused if there are no records yet."""
    directory = StoreBase(settings.storage.storebase_mount).private / "records"
    if settings.database_url is None and not has_file(directory):
        raise Refused(
            f"there are no records in {directory}: set STOREBASE_MOUNT, or PFCON_DATABASE_URL, as the service has it"
        )
    return directory


@contextmanager
def _writer(name: str) -> Iterator[Callable[[str], object]]:
    """A context with a function that writes to a file, which is replaced at the end: completely or not at all."""
    path = Path(name).resolve()
    if name == STANDARD:
        yield lambda text: sys.stdout.buffer.write(text.encode())
    elif path.exists() and not path.is_file():  # a pipe or a device
        with path.open("wb") as file:
            yield lambda text: file.write(text.encode())
    else:
        with replacing_file(path.parent, path.name) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
            yield lambda text: file.write(text.encode())
            file.flush()
            os.fsync(descriptor)


@contextmanager
def _lines(name: str) -> Iterator[Iterator[bytes]]:
    """A context with the lines of a file."""
    if name == STANDARD:
        yield iter(sys.stdin.buffer)
    else:
        with open(name, "rb") as file:
            yield iter(file)
