"""``python -m pfcon.operations copy|upload|delete JOB_DIRECTORY``, run as a job by pfcon itself."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pfcon.errors import PfconError
from pfcon.models import JobId, JobKind
from pfcon.operations.copy import copy
from pfcon.operations.delete import delete
from pfcon.operations.teller import Teller
from pfcon.operations.upload import upload
from pfcon.paths import KEY_PREFIX, JobDir, StoreBase

KINDS = (JobKind.COPY, JobKind.UPLOAD, JobKind.DELETE)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pfcon.operations",
        description="Executes an operation on a job's directory; pfcon schedules it as a job. What it does is told on "
        "standard output, and in a file of that directory for pfcon. The exit status is 0, or 1 after a failure.",
    )
    parser.add_argument("operation", choices=[kind.value for kind in KINDS])
    parser.add_argument("directory", type=Path, metavar="JOB_DIRECTORY", help="key-<jid> below storeBase")
    parser.add_argument(
        "--secret",
        type=Path,
        metavar="DIRECTORY",
        help="holds the storage's credentials, in files named like the settings",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Execute one operation."""
    arguments = _arguments(argv)
    job = _job(arguments.directory)
    teller = Teller(job, JobKind(arguments.operation))
    try:
        _execute(JobKind(arguments.operation), job, teller, arguments.secret)
    except PfconError as error:
        teller.failed(str(error))
        return 1
    except OSError as error:
        teller.failed(f"{error.filename or job.path}: {error.strerror or error}")
        return 1
    return 0


def _execute(kind: JobKind, job: JobDir, teller: Teller, secret: Path | None) -> None:
    if kind is JobKind.DELETE:
        delete(job, teller)
    elif kind is JobKind.UPLOAD:
        upload(job, teller, secret)
    else:
        copy(job, teller, secret)


def _job(directory: Path) -> JobDir:
    name = directory.name
    if not name.startswith(KEY_PREFIX):
        sys.exit(f"{directory} is no job directory")
    job = StoreBase(directory.parent).job(JobId.parse(name.removeprefix(KEY_PREFIX)))
    if not job.exists():
        sys.exit(f"{directory} is no job directory")
    return job


if __name__ == "__main__":
    sys.exit(main())
