"""Copy, upload and delete jobs as the JobSpecs that run ``python -m pfcon.operations``, and their orders."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pfcon
from pfcon.files.small_files import write_small
from pfcon.jobs.parts import Parts
from pfcon.models import CopyRequest, JobId, JobKind, JobSpec, Mount, Resources, Secret, UploadRequest, User
from pfcon.paths import JobDir
from pfcon.progress import clear_progress

ROOT = PurePosixPath("/share/storebase")  # where an operation sees storeBase
SECRETS = PurePosixPath("/share/secrets")  # where it sees what the storage's ``secrets`` name


def operation_spec(parts: Parts, jid: JobId, kind: JobKind, request: str, limits: Resources) -> JobSpec:
    """The job that executes an operation on a job's directory.

    It sees the job's directory alone; to copy users' files that lie in storeBase, all of that, read-only. It runs as
    this service's own user, so that this service can delete what it writes.
    """
    job = parts.storebase.job(jid)
    directory = Mount(PurePosixPath(job.name), ROOT / job.name, read_only=False)
    everything = Mount(PurePosixPath(), ROOT, read_only=True)
    sees_all = kind is JobKind.COPY and parts.storage.in_storebase
    names = () if kind is JobKind.DELETE else parts.storage.secrets
    secrets = tuple(Secret(name, SECRETS / name) for name in names)
    told = [word for secret in secrets for word in ("--secret", str(secret.target))]
    allowed = Resources() if parts.options.ignore_limits else limits
    return JobSpec(
        name=kind.engine_name(jid),
        jid=jid,
        kind=kind,
        image=parts.options.op_image or "",
        argv=(*_interpreter(parts), "-m", "pfcon.operations", kind.value, str(ROOT / job.name), *told),
        env=_environment(parts),
        mounts=(everything, directory) if sees_all else (directory,),
        resources=replace(allowed, pids=parts.options.pids),
        user=User(os.geteuid(), os.getegid()),
        labels=parts.options.labels,
        request=request,
        secrets=secrets,
        service=parts.signer.service_id(),
    )


def _interpreter(parts: Parts) -> tuple[str, ...]:
    return ("python3",) if parts.options.op_image else (sys.executable,)


def _environment(parts: Parts) -> tuple[tuple[str, str], ...]:
    if parts.options.op_image:
        return ()
    return (("PYTHONPATH", str(Path(pfcon.__file__).parents[1])),)  # this very code, wherever it lies


def write_copy_order(parts: Parts, job: JobDir, request: CopyRequest) -> None:
    """Leave what a copy operation has to do in the job's directory. Raises OSError."""
    job.make()
    order = {
        **_of_storage(parts),
        "input_dirs": [str(path) for path in request.input_dirs],
        "output_dir": str(request.output_dir),
        "min_free_bytes": parts.limits.free_bytes,
    }
    _write_order(job, JobKind.COPY, order)


def write_upload_order(parts: Parts, job: JobDir, request: UploadRequest) -> None:
    """Leave what an upload operation has to do in the job's directory, which must be there. Raises OSError."""
    _write_order(job, JobKind.UPLOAD, {**_of_storage(parts), "job_output_path": str(request.job_output_path)})


def _of_storage(parts: Parts) -> dict[str, object]:
    """What is no secret of the storage."""
    return {"storage": parts.storage.name, "create": parts.storage.creates}


def _write_order(job: JobDir, kind: JobKind, order: Mapping[str, object]) -> None:
    """What an earlier operation has told is none of the next one's."""
    clear_progress(job, kind)
    write_small(job.path, f"{kind.value}.order", json.dumps(order))
