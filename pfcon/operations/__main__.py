"""``python -m pfcon.operations copy|upload|delete JOB_DIRECTORY``, run as a job by pfcon itself."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pfcon.errors import PfconError
from pfcon.files.faults import is_full
from pfcon.models import JobId, JobKind
from pfcon.operations.copy import copy
from pfcon.operations.delete import delete
from pfcon.operations.reporter import Reporter
from pfcon.operations.upload import upload
from pfcon.paths import KEY_PREFIX, JobDir, StoreBase
from pfcon.reasons import Reason, Why, explain

OPERATIONS: Mapping[str, Callable[[JobDir, Reporter, Path | None], None]] = {
    "copy": copy,
    "upload": upload,
    "delete": delete,
}  # by the name of the kind of job


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pfcon.operations",
        description="Executes an operation on a job's directory; pfcon schedules it as a job. It reports its progress "
        "on standard output, and to pfcon in a file of that directory. The exit status is 0, or 1 after a failure.",
    )
    parser.add_argument("operation", choices=list(OPERATIONS))
    parser.add_argument("directory", type=Path, metavar="JOB_DIRECTORY", help="key-<jid> below storeBase")
    parser.add_argument(
        "--secret",
        type=Path,
        metavar="DIRECTORY",
        help="contains the storage's credentials, in files named like the settings",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Execute one operation; return the exit status: 0, or 1 after a failure."""
    arguments = _arguments(argv)
    job = _job(arguments.directory)
    reporter = Reporter(job, JobKind(arguments.operation))
    try:
        OPERATIONS[arguments.operation](job, reporter, arguments.secret)
    except PfconError as error:
        reporter.failed(error.why)
        return 1
    except OSError as error:
        reporter.failed(_why(error, job))
        return 1
    return 0


def _why(error: OSError, job: JobDir) -> Why:
    where = str(error.filename or job.path)
    if is_full(error):
        return explain(Reason.DISK_FULL, where=where, detail=str(error))
    return Why(f"{where}: {error.strerror or error}")


def _job(directory: Path) -> JobDir:
    name = directory.name
    if not name.startswith(KEY_PREFIX):
        sys.exit(f"{directory} is not a job directory")
    job = StoreBase(directory.parent).job(JobId.parse(name.removeprefix(KEY_PREFIX)))
    if not job.exists():
        sys.exit(f"{directory} is not a job directory")
    return job


if __name__ == "__main__":
    sys.exit(main())
