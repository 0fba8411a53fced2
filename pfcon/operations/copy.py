"""A copy job: stages a job's inputs from the storage."""

from pathlib import Path

from pfcon.archive.limits import UploadLimits
from pfcon.operations.reporter import Reporter
from pfcon.orders import read_copy_order
from pfcon.paths import JobDir
from pfcon.storage.credentials import read_credentials
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES, make_storage
from pfcon.units import human_bytes


def copy(job: JobDir, reporter: Reporter, secret: Path | None) -> None:
    """Stage the inputs. Files that an earlier attempt has copied are verified and reused. Raises PfconError, OSError.

    secret: the directory with the storage's credentials; None for a storage without.
    """
    order = read_copy_order(job)
    job.unstage()  # of an attempt that was killed after its last step: its files are verified and reused, too
    limits = UploadLimits(0, 0, 0, 0, order.min_free_bytes, 0)
    settings = StorageSettings(
        order.storage, innetwork=True, storebase_mount=job.storebase.root, limits=limits, create=order.create
    )
    if secret is not None:
        settings = read_credentials(secret, STORAGES.find(order.storage), settings)
    for path in order.input_dirs:
        reporter.log(f"input {str(path)!r}")
    staged = make_storage(settings, job.storebase).plan(order, None).stage(job, reporter.progress)
    reporter.done(
        f"copied {staged.nfiles} files, {human_bytes(staged.nbytes)}", staged.nfiles, staged.notes, staged.nbytes
    )
