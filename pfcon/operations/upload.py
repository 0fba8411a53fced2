"""An upload job: sends a job's outputs to the storage."""

from pathlib import Path

from pfcon.archive.limits import UploadLimits
from pfcon.errors import Refused
from pfcon.operations.reporter import Reporter
from pfcon.orders import read_upload_order
from pfcon.paths import JobDir
from pfcon.storage.credentials import read_credentials
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES, make_storage
from pfcon.units import human_bytes

NO_LIMITS = UploadLimits(0, 0, 0, 0, 0, 0)


def upload(job: JobDir, reporter: Reporter, secret: Path | None) -> None:
    """Send the outputs that the storage does not have yet. secret: see ``copy``. Raises PfconError, OSError."""
    order = read_upload_order(job)
    path = order.job_output_path
    if secret is None:
        raise Refused("the upload job did not receive the storage's credentials")
    known = StorageSettings(
        order.storage, innetwork=True, storebase_mount=job.storebase.root, limits=NO_LIMITS, create=order.create
    )
    storage = make_storage(read_credentials(secret, STORAGES.find(order.storage), known), job.storebase)
    reporter.log(f"output {path!r}")
    done = storage.deliver(job, path, reporter.progress)
    existing = done.nfiles - done.nsent
    summary = f"uploaded {done.nfiles} files, {human_bytes(done.nbytes)}"
    message = f"{summary}; {existing} of them already existed" if existing else summary
    reporter.done(message, done.nfiles, done.notes, done.nbytes)
