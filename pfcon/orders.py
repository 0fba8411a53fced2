"""What pfcon leaves in a job's directory for a copy or an upload job to do, as JSON.

The service writes an order before it schedules the operation, which reads it. Orders hold no secrets.
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

MAX_BYTES = 256 * 1024 * 1024  # PFCON_MAX_FORM_BYTES has bounded the request already


@dataclass(frozen=True)
class CopyOrder:
    """The order of a copy job. Is an InputRequest.

    storage: its name. create: whether a container of objects that is missing is made. min_free_bytes: what must stay
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
    """The order of an upload job. storage, create: see CopyOrder. job_output_path: where the outputs go."""

    kind: ClassVar[JobKind] = JobKind.UPLOAD
    storage: str
    create: bool
    job_output_path: str


def write_order(job: JobDir, order: CopyOrder | UploadOrder) -> None:
    """Replace the order and delete the progress of an earlier operation of that kind.

    The directory must exist. Raises OSError.
    """
    clear_progress(job, order.kind)
    write_small(job.path, _file_name(order.kind), json.dumps(asdict(order), default=str))


def read_copy_order(job: JobDir) -> CopyOrder:
    """The order of a copy job. Raises Refused when it is missing or can't be read."""
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
    """The order of an upload job. Raises Refused when it is missing or can't be read."""
    try:
        raw = _read(job, UploadOrder.kind)
        return UploadOrder(str(raw["storage"]), bool(raw["create"]), str(raw["job_output_path"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"the upload job's order can't be read: {error}") from None


def _read(job: JobDir, kind: JobKind) -> Any:
    return json.loads(read_small(job.path, _file_name(kind), MAX_BYTES))


def _file_name(kind: JobKind) -> str:
    return f"{kind.value}.order"
