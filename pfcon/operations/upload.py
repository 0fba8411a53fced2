"""An upload job: brings a job's outputs to the storage."""

import json
from dataclasses import dataclass
from pathlib import Path

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

NO_LIMITS = UploadLimits(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class UploadOrder:
    """What pfcon left in the job's directory for an upload job to do."""

    storage: str
    create: bool
    job_output_path: str


def read_upload_order(job: JobDir) -> UploadOrder:
    """The order of an upload job. Raises Refused when there is none that can be read."""
    try:
        raw = json.loads(read_small(job.path, "upload.order", ORDER_BYTES))
        return UploadOrder(str(raw["storage"]), bool(raw["create"]), str(raw["job_output_path"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"the upload job's order can't be read: {error}") from None


def upload(job: JobDir, teller: Teller, secret: Path | None) -> None:
    """Send the outputs that the storage does not hold yet. Raises PfconError, OSError."""
    order = read_upload_order(job)
    path = order.job_output_path
    if secret is None:
        raise Refused("the upload job was not told where the storage's credentials are")
    known = StorageSettings(
        order.storage, innetwork=True, storebase_mount=job.storebase.root, limits=NO_LIMITS, create=order.create
    )
    storage = make_storage(read_credentials(secret, STORAGES.find(order.storage), known), job.storebase)
    teller.log(f"output {path!r}")
    done = storage.deliver(job, path, teller.progress)
    there = done.nfiles - done.nsent
    told = f"uploaded {done.nfiles} files, {human_bytes(done.nbytes)}"
    teller.done(f"{told}; {there} of them were there already" if there else told, done.nfiles, done.notes)
