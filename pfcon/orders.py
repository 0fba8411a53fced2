"""Orders: JSON files in a job's directory that describe what a copy or an upload job has to do.

The service writes an order before it schedules the operation, which reads it. Orders contain no secrets.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pfcon.errors import Refused
from pfcon.files.small_files import read_small, write_small
from pfcon.models import JobKind
from pfcon.paths import JobDir
from pfcon.progress import clear_progress

MAX_BYTES = 256 * 1024 * 1024  # the request is limited by PFCON_MAX_FORM_BYTES already


@dataclass(frozen=True)
class CopyOrder:
    """The order of a copy job. Is an InputRequest.

    storage: its name. create: whether to create a missing container of objects. min_free_bytes: bytes that must stay
    free in storeBase.
    """

    kind: ClassVar[JobKind] = JobKind.COPY
    storage: str
    create: bool
    input_dirs: tuple[PurePosixPath, ...]
    output_dir: PurePosixPath | None
    min_free_bytes: int


@dataclass(frozen=True)
class UploadOrder:
    """The order of an upload job. storage, create: see CopyOrder. job_output_path: target in the storage."""

    kind: ClassVar[JobKind] = JobKind.UPLOAD
    storage: str
    create: bool
    job_output_path: str


def write_order(job: JobDir, order: CopyOrder | UploadOrder) -> None:
    """Write or replace the order; delete the progress of an earlier operation of that kind.

    The directory must exist. Raises OSError.
    """
    clear_progress(job, order.kind)
    write_small(job.path, _file_name(order.kind), json.dumps(asdict(order), default=str))


def read_copy_order(job: JobDir) -> CopyOrder:
    """Return the order of a copy job. Raises Refused when it is missing or invalid."""
    try:
        raw = _read(job, CopyOrder.kind)
        return CopyOrder(
            storage=str(raw["storage"]),
            create=bool(raw["create"]),
            input_dirs=tuple(PurePosixPath(path) for path in raw["input_dirs"]),
            output_dir=PurePosixPath(raw["output_dir"]),
            min_free_bytes=int(raw["min_free_bytes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"the copy job's order can't be read: {error}") from None


def read_upload_order(job: JobDir) -> UploadOrder:
    """Return the order of an upload job. Raises Refused when it is missing or invalid."""
    try:
        raw = _read(job, UploadOrder.kind)
        return UploadOrder(str(raw["storage"]), bool(raw["create"]), str(raw["job_output_path"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"the upload job's order can't be read: {error}") from None


def _read(job: JobDir, kind: JobKind) -> Any:
    return json.loads(read_small(job.path, _file_name(kind), MAX_BYTES))


def _file_name(kind: JobKind) -> str:
    return f"{kind.value}.order"
