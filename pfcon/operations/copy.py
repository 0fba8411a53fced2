"""A copy job: stages a job's inputs from the storage."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfcon.archive.limits import UploadLimits
from pfcon.errors import Refused
from pfcon.files.small_files import read_small
from pfcon.operations.teller import Teller
from pfcon.paths import JobDir
from pfcon.progress import ORDER_BYTES
from pfcon.storage.objects.credentials import read_credentials
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES, make_storage
from pfcon.units import human_bytes


@dataclass(frozen=True)
class Order:
    """What pfcon left in the job's directory for a copy job to do. Is an InputRequest."""

    storage: str
    create: bool
    input_dirs: tuple[PurePosixPath, ...]
    output_dir: PurePosixPath | None
    min_free_bytes: int


def read_order(job: JobDir) -> Order:
    """The order of a copy job. Raises Refused when there is none that can be read."""
    try:
        raw = json.loads(read_small(job.path, "copy.order", ORDER_BYTES))
        return Order(
            storage=str(raw["storage"]),
            create=bool(raw["create"]),
            input_dirs=tuple(PurePosixPath(path) for path in raw["input_dirs"]),
            output_dir=PurePosixPath(raw["output_dir"]),
            min_free_bytes=int(raw["min_free_bytes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"the copy job's order can't be read: {error}") from None


def copy(job: JobDir, teller: Teller, secret: Path | None) -> None:
    """Stage the inputs. What an earlier try has copied and verified is not copied again. Raises PfconError, OSError.

    secret: where the credentials of a storage are that has any.
    """
    order = read_order(job)
    job.unstage()  # a try that was killed after its last step: it is verified like any other
    limits = UploadLimits(0, 0, 0, 0, order.min_free_bytes, 0)
    settings = StorageSettings(
        order.storage, innetwork=True, storebase_mount=job.storebase.root, limits=limits, create=order.create
    )
    if secret is not None:
        settings = read_credentials(secret, STORAGES.find(order.storage), settings)
    for path in order.input_dirs:
        teller.log(f"input {str(path)!r}")
    staged = make_storage(settings, job.storebase).plan(order, None).stage(job, teller.progress)
    teller.done(f"copied {staged.nfiles} files, {human_bytes(staged.nbytes)}", staged.nfiles, staged.notes)
