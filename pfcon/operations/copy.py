"""A copy job: stages a job's inputs from the storage."""

from pathlib import Path

from pfcon.archive.limits import UploadLimits
from pfcon.operations.reporter import Reporter
from pfcon.orders import read_copy_order
from pfcon.paths import JobDir
from pfcon.storage.objects.credentials import read_credentials
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES, make_storage
from pfcon.units import human_bytes


def copy(job: JobDir, reporter: Reporter, secret: Path | None) -> None:
    """Stage the inputs. What an earlier try has copied and verified is not copied again. Raises PfconError, OSError.

    secret: where the credentials of a storage are that has any.
    """
    order = read_copy_order(job)
    job.unstage()  # a try that was killed after its last step: it is verified like any other
    limits = UploadLimits(0, 0, 0, 0, order.min_free_bytes, 0)
    settings = StorageSettings(
        order.storage, innetwork=True, storebase_mount=job.storebase.root, limits=limits, create=order.create
    )
    if secret is not None:
        settings = read_credentials(secret, STORAGES.find(order.storage), settings)
    for path in order.input_dirs:
        reporter.log(f"input {str(path)!r}")
    staged = make_storage(settings, job.storebase).plan(order, None).stage(job, reporter.progress)
    reporter.done(f"copied {staged.nfiles} files, {human_bytes(staged.nbytes)}", staged.nfiles, staged.notes)
